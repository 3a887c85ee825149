package api

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
)

// DescribeConfigs, versions 1-4
//
//	1    sources instead of "is default"; synonyms if asked for
//	2    quotas count; there are none here
//	3    types; documentation if asked for
//	4    flexible
//
// Served are topics, consumer groups, this broker, and with an empty broker name the dynamic defaults of all
// brokers. A topic config that has one possible value here is read-only; one without effect says so in its
// documentation. A group need not exist. Levels of loggers and client metrics have no configs here.

func describeConfigs(env *request.Env, _ request.Client, r *protocol.Request) kmsg.Response {
	body := r.Body.(*kmsg.DescribeConfigsRequest)
	response := kmsg.NewPtrDescribeConfigsResponse()
	response.Resources = make([]kmsg.DescribeConfigsResponseResource, 0, len(body.Resources))
	d := configDescriber{env: env, image: env.Image(), synonyms: body.IncludeSynonyms,
		documentation: body.IncludeDocumentation}
	for _, resource := range body.Resources {
		answer := kmsg.NewDescribeConfigsResponseResource()
		answer.ResourceType, answer.ResourceName = resource.ResourceType, resource.ResourceName
		entries, err := d.resource(resource)
		if err != nil {
			answer.ErrorCode, answer.ErrorMessage = int16(protocol.CodeOf(err)), protocol.MessageOf(err)
		}
		answer.Configs = d.configs(entries, resource.ConfigNames)
		response.Resources = append(response.Resources, answer)
	}
	return response
}

// configDescriber answers one request from one image.
type configDescriber struct {
	env                     *request.Env
	image                   *image.Image
	synonyms, documentation bool
}

// describedEntry is a resolved config of a resource.
type describedEntry struct {
	config.Entry
	readOnly bool
}

func (d configDescriber) resource(r kmsg.DescribeConfigsRequestResource) ([]describedEntry, error) {
	switch r.ResourceType {
	case kmsg.ConfigResourceTypeTopic:
		return d.topic(r.ResourceName)
	case kmsg.ConfigResourceTypeBroker:
		return d.broker(r.ResourceName)
	case kmsg.ConfigResourceTypeGroupConfig:
		return d.group(r.ResourceName)
	}
	return nil, protocol.Errorf(protocol.InvalidRequest, "Unsupported resource type: %d", int8(r.ResourceType))
}

func (d configDescriber) topic(name string) ([]describedEntry, error) {
	if reason := image.InvalidTopicName(name); reason != "" {
		return nil, &protocol.Error{Code: protocol.InvalidTopicException, Message: reason}
	}
	topic := d.image.Topic(name)
	if topic == nil {
		return nil, &protocol.Error{Code: protocol.UnknownTopicOrPartition}
	}
	layers := d.env.Layers(d.image, topic)
	var entries []describedEntry
	for _, definition := range config.Topic.All() {
		entry := layers.ResolveTopic(definition)
		if definition.Hidden && entry.Unset {
			continue
		}
		entries = append(entries, describedEntry{entry, definition.Effect == config.Fixed})
	}
	return entries, nil
}

func (d configDescriber) group(name string) ([]describedEntry, error) {
	if name == "" {
		return nil, protocol.Errorf(protocol.InvalidRequest, "Group name must not be empty")
	}
	layers := d.env.Layers(d.image, nil)
	layers.Group = d.image.GroupConfigs(name)
	var entries []describedEntry
	for _, definition := range config.Group.All() {
		entries = append(entries, describedEntry{layers.ResolveGroup(definition), false})
	}
	return entries, nil
}

func (d configDescriber) broker(name string) ([]describedEntry, error) {
	broker, all, err := config.ParseBroker(name)
	if err != nil {
		return nil, err
	}
	if all {
		return d.defaults(), nil
	}
	if broker != d.env.NodeID {
		return nil, protocol.Errorf(protocol.InvalidRequest,
			"Unexpected broker id, expected %d or empty string, but received %s", d.env.NodeID, name)
	}
	layers := d.env.Layers(d.image, nil)
	var entries []describedEntry
	for _, definition := range config.Broker.All() {
		entries = append(entries, describedEntry{layers.ResolveBroker(definition), !definition.Dynamic})
	}
	return entries, nil
}

// defaults returns the dynamic configs of all brokers, and no others.
func (d configDescriber) defaults() []describedEntry {
	layers := config.Layers{Default: d.image.DefaultConfigs()}
	var entries []describedEntry
	for _, definition := range config.Broker.All() {
		entry := layers.ResolveBroker(definition)
		if entry.Source != config.SourceDefaultBroker {
			continue
		}
		entry.Candidates = slices.DeleteFunc(entry.Candidates, func(v config.Value) bool {
			return v.Source != config.SourceDefaultBroker
		})
		entries = append(entries, describedEntry{entry, false})
	}
	return entries
}

// configs keeps what the client asked for: all when it named none.
func (d configDescriber) configs(entries []describedEntry, names []string,
) []kmsg.DescribeConfigsResponseResourceConfig {
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	answers := []kmsg.DescribeConfigsResponseResourceConfig{}
	for _, entry := range entries {
		if len(names) == 0 || wanted[entry.Definition.Name] {
			answers = append(answers, d.config(entry))
		}
	}
	return answers
}

func (d configDescriber) config(entry describedEntry) kmsg.DescribeConfigsResponseResourceConfig {
	definition := entry.Definition
	answer := kmsg.NewDescribeConfigsResponseResourceConfig()
	answer.Name, answer.Value = definition.Name, valueOf(entry.Entry)
	answer.ReadOnly, answer.IsSensitive = entry.readOnly, definition.Sensitive()
	answer.Source = kmsg.ConfigSource(entry.Source)
	answer.ConfigType = kmsg.ConfigType(definition.Type)
	if d.documentation {
		answer.Documentation = pointer(definition.Documentation())
	}
	answer.ConfigSynonyms = []kmsg.DescribeConfigsResponseResourceConfigConfigSynonym{}
	if !d.synonyms {
		return answer
	}
	for _, candidate := range entry.Candidates {
		synonym := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
		synonym.Name, synonym.Source = candidate.Name, kmsg.ConfigSource(candidate.Source)
		if !definition.Sensitive() {
			synonym.Value = pointer(candidate.Value)
		}
		answer.ConfigSynonyms = append(answer.ConfigSynonyms, synonym)
	}
	return answer
}

// valueOf returns the value of a config as the client sees it: null when it is unset or sensitive.
func valueOf(entry config.Entry) *string {
	if entry.Unset || entry.Definition.Sensitive() {
		return nil
	}
	return &entry.Value
}
