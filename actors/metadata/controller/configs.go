package controller

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
)

// alterConfig computes the configs after the changes, checks them as a whole, and proposes the difference.
func (p *Planner) alterConfig(tail *image.Image, r AlterConfig) (*metadatapb.Command, error) {
	resource, err := resourceOf(tail, r)
	if err != nil {
		return nil, err
	}
	next, err := resource.changed(r)
	if err != nil {
		return nil, err
	}
	switch {
	case resource.topic != nil:
		err = config.ValidateTopic(next, p.layers(tail, nil))
	case resource.group != "":
		err = config.ValidateGroup(next, p.layers(tail, nil))
	default:
		err = config.ValidateBroker(next)
	}
	if err != nil {
		return nil, err
	}
	command := difference(resource.current, next)
	command.Resource, command.Name, command.Group = resource.kind, resource.name, resource.group
	return &metadatapb.Command{Kind: &metadatapb.Command_AlterConfig{AlterConfig: command}}, nil
}

// resource is what an AlterConfig is about.
type resource struct {
	kind    metadatapb.Resource
	name    string
	topic   *image.Topic // nil for others
	group   string       // empty for others
	table   *config.Table
	current image.Configs
}

func resourceOf(tail *image.Image, r AlterConfig) (resource, error) {
	if r.Group != "" {
		return resource{group: r.Group, table: config.Group, current: tail.GroupConfigs(r.Group)}, nil
	}
	if r.AllBrokers {
		return resource{kind: metadatapb.Resource_RESOURCE_BROKER, table: config.Broker,
			current: tail.DefaultConfigs()}, nil
	}
	if r.Topic == "" {
		return resource{kind: metadatapb.Resource_RESOURCE_BROKER, name: strconv.Itoa(int(r.Broker)),
			table: config.Broker, current: tail.BrokerConfigs(r.Broker)}, nil
	}
	if reason := image.InvalidTopicName(r.Topic); reason != "" {
		return resource{}, &protocol.Error{Code: protocol.InvalidTopicException, Message: reason}
	}
	topic := tail.Topic(r.Topic)
	if topic == nil {
		return resource{}, refuse(protocol.UnknownTopicOrPartition, "The topic '%s' does not exist.", r.Topic)
	}
	return resource{kind: metadatapb.Resource_RESOURCE_TOPIC, name: topic.Name, topic: topic,
		table: config.Topic, current: topic.Configs}, nil
}

// changed returns the configs of the resource after the changes.
func (s resource) changed(r AlterConfig) (map[string]string, error) {
	next := make(map[string]string, len(s.current)+len(r.Changes))
	if !r.Replace {
		maps.Copy(next, s.current)
	}
	for _, change := range r.Changes {
		switch change.Operation {
		case Set:
			next[change.Name] = change.Value
		case Delete:
			delete(next, change.Name)
		case Append, Subtract:
			value, err := s.edited(next, change)
			if err != nil {
				return nil, err
			}
			next[change.Name] = value
		default:
			return nil, refuse(protocol.InvalidRequest, "Unknown operations type %d", change.Operation)
		}
	}
	return next, nil
}

// edited returns a list after elements were appended or taken away. A list that the resource does not have
// starts from its default.
func (s resource) edited(configs map[string]string, change Change) (string, error) {
	definition := s.table.Lookup(change.Name)
	if definition == nil || definition.Type != config.List {
		verb := "APPEND"
		if change.Operation == Subtract {
			verb = "SUBTRACT"
		}
		return "", refuse(protocol.InvalidConfig, "Can't %s to key %s because its type is not LIST.",
			verb, change.Name)
	}
	value, set := configs[change.Name]
	if !set {
		value = definition.Default
	}
	elements := config.Elements(value)
	for _, element := range config.Elements(change.Value) {
		at := slices.Index(elements, element)
		switch {
		case change.Operation == Append && at < 0:
			elements = append(elements, element)
		case change.Operation == Subtract && at >= 0:
			elements = slices.Delete(elements, at, at+1)
		}
	}
	return strings.Join(elements, ","), nil
}

// difference returns the command that makes one set of configs into another.
func difference(from image.Configs, to map[string]string) *metadatapb.AlterConfig {
	command := &metadatapb.AlterConfig{}
	for name, value := range to {
		if old, had := from[name]; !had || old != value {
			if command.Set == nil {
				command.Set = make(map[string]string)
			}
			command.Set[name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(from)) {
		if _, kept := to[name]; !kept {
			command.Remove = append(command.Remove, name)
		}
	}
	return command
}
