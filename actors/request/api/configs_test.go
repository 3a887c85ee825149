package api

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/protocol"
)

func description(
	version int16,
	kind kmsg.ConfigResourceType,
	name string,
	configs ...string,
) *kmsg.DescribeConfigsRequest {
	r := kmsg.NewPtrDescribeConfigsRequest()
	r.Version, r.IncludeSynonyms, r.IncludeDocumentation = version, true, true
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName, resource.ConfigNames = kind, name, configs
	r.Resources = append(r.Resources, resource)
	return r
}

func configNamed(
	t *testing.T,
	answer *kmsg.DescribeConfigsResponse,
	name string,
) kmsg.DescribeConfigsResponseResourceConfig {
	t.Helper()
	for _, one := range answer.Resources[0].Configs {
		if one.Name == name {
			return one
		}
	}
	t.Fatalf("%s is not described", name)
	return kmsg.DescribeConfigsResponseResourceConfig{}
}

func TestTopicConfigsAreDescribed(t *testing.T) {
	versions(t, kmsg.DescribeConfigs, func(t *testing.T, version int16) {
		c := newCluster(t, map[string]string{"log.retention.hours": "2"})
		c.make("a", 1, "segment.bytes", "1048576", "internal.segment.bytes", "100")
		answer := ask[*kmsg.DescribeConfigsResponse](
			c.host,
			description(version, kmsg.ConfigResourceTypeTopic, "a"),
		)
		resource := answer.Resources[0]
		if resource.ErrorCode != 0 || resource.ResourceName != "a" ||
			len(resource.Configs) != len(config.Topic.All()) {
			t.Fatalf("%d configs, code %d", len(resource.Configs), resource.ErrorCode)
		}
		own := configNamed(t, answer, "segment.bytes")
		if *own.Value != "1048576" || own.Source != kmsg.ConfigSourceDynamicTopicConfig || own.ReadOnly ||
			own.IsSensitive {
			t.Errorf("segment.bytes: %+v", own)
		}
		inherited := configNamed(t, answer, "retention.ms")
		if *inherited.Value != "7200000" || inherited.Source != kmsg.ConfigSourceStaticBrokerConfig {
			t.Errorf("retention.ms: %+v", inherited)
		}
		if len(inherited.ConfigSynonyms) != 2 || inherited.ConfigSynonyms[0].Name != "log.retention.hours" ||
			*inherited.ConfigSynonyms[0].Value != "2" || *inherited.ConfigSynonyms[1].Value != "168" {
			t.Errorf("synonyms of retention.ms: %+v", inherited.ConfigSynonyms)
		}
		if got := configNamed(t, answer, "remote.storage.enable"); !got.ReadOnly {
			t.Errorf("remote.storage.enable can be altered: %+v", got)
		}
		if version >= 3 &&
			(own.ConfigType != kmsg.ConfigTypeInt || own.Documentation == nil || len(*own.Documentation) < 20) {
			t.Errorf("segment.bytes: type %v, documentation %v", own.ConfigType, own.Documentation)
		}
	})
}

func TestOnlyWhatIsAskedForIsDescribed(t *testing.T) {
	c := newCluster(t, nil)
	c.make("a", 1)
	r := description(4, kmsg.ConfigResourceTypeTopic, "a", "retention.ms", "no.such")
	r.IncludeSynonyms, r.IncludeDocumentation = false, false
	configs := ask[*kmsg.DescribeConfigsResponse](c.host, r).Resources[0].Configs
	if len(configs) != 1 || configs[0].Name != "retention.ms" || configs[0].Documentation != nil ||
		len(configs[0].ConfigSynonyms) != 0 {
		t.Errorf("got %+v", configs)
	}
	answer := ask[*kmsg.DescribeConfigsResponse](c.host, description(4, kmsg.ConfigResourceTypeTopic, "a"))
	for _, one := range answer.Resources[0].Configs {
		if one.Name == config.InternalSegmentBytes {
			t.Error("a hidden config shows where it is not set")
		}
	}
}

func TestDescriptionErrors(t *testing.T) {
	c := newCluster(t, nil)
	for _, one := range []struct {
		kind kmsg.ConfigResourceType
		name string
		code protocol.Code
	}{
		{kmsg.ConfigResourceTypeTopic, "gone", protocol.UnknownTopicOrPartition},
		{kmsg.ConfigResourceTypeTopic, "/", protocol.InvalidTopicException},
		{kmsg.ConfigResourceTypeTopic, "", protocol.InvalidTopicException},
		{kmsg.ConfigResourceTypeBroker, "x", protocol.InvalidRequest},
		{kmsg.ConfigResourceTypeBroker, "2", protocol.InvalidRequest},
		{kmsg.ConfigResourceTypeBrokerLogger, "1", protocol.InvalidRequest},
		{77, "x", protocol.InvalidRequest},
	} {
		answer := ask[*kmsg.DescribeConfigsResponse](c.host, description(4, one.kind, one.name))
		wantCode(t, fmt.Sprint(one.kind, " ", one.name), answer.Resources[0].ErrorCode, one.code)
		if len(answer.Resources[0].Configs) != 0 || answer.Resources[0].ResourceType != one.kind {
			t.Errorf("got %+v", answer.Resources[0])
		}
	}
}

func TestBrokerConfigsAreDescribed(t *testing.T) {
	c := newCluster(t, map[string]string{"node.id": "1", "log.retention.hours": "2"})
	mustAlter(t, c, kmsg.ConfigResourceTypeBroker, "", setTo("num.partitions", "4"))
	mustAlter(t, c, kmsg.ConfigResourceTypeBroker, "1", setTo("num.partitions", "5"))
	answer := ask[*kmsg.DescribeConfigsResponse](c.host, description(4, kmsg.ConfigResourceTypeBroker, "1"))
	if got := len(answer.Resources[0].Configs); got != len(config.Broker.All()) {
		t.Errorf("%d configs, want %d", got, len(config.Broker.All()))
	}
	one := configNamed(t, answer, "num.partitions")
	if *one.Value != "5" || one.Source != kmsg.ConfigSourceDynamicBrokerConfig || one.ReadOnly ||
		len(one.ConfigSynonyms) != 3 {
		t.Errorf("num.partitions: %+v", one)
	}
	if one = configNamed(t, answer, "node.id"); *one.Value != "1" || !one.ReadOnly ||
		one.Source != kmsg.ConfigSourceStaticBrokerConfig {
		t.Errorf("node.id: %+v", one)
	}
	if one = configNamed(t, answer, "log.retention.ms"); one.Value != nil || one.ReadOnly {
		t.Errorf("log.retention.ms: %+v", one)
	}
	defaults := ask[*kmsg.DescribeConfigsResponse](c.host, description(4, kmsg.ConfigResourceTypeBroker, ""))
	got := defaults.Resources[0].Configs
	if len(got) != 1 || *got[0].Value != "4" || got[0].Source != kmsg.ConfigSourceDynamicDefaultBrokerConfig ||
		len(got[0].ConfigSynonyms) != 1 {
		t.Errorf("defaults: %+v", got)
	}
}

func setTo(name, value string) kmsg.IncrementalAlterConfigsRequestResourceConfig {
	return kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: name, Value: &value}
}

func incremental(version int16, kind kmsg.ConfigResourceType, name string,
	configs ...kmsg.IncrementalAlterConfigsRequestResourceConfig) *kmsg.IncrementalAlterConfigsRequest {
	r := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r.Version = version
	r.Resources = []kmsg.IncrementalAlterConfigsRequestResource{
		{ResourceType: kind, ResourceName: name, Configs: configs},
	}
	return r
}

// mustAlter makes a change that must be possible.
func mustAlter(t *testing.T, c *cluster, kind kmsg.ConfigResourceType, name string,
	configs ...kmsg.IncrementalAlterConfigsRequestResourceConfig) {
	t.Helper()
	answer := ask[*kmsg.IncrementalAlterConfigsResponse](c.host, incremental(1, kind, name, configs...))
	if answer.Resources[0].ErrorCode != 0 {
		t.Fatalf("%s: %s", protocol.Code(answer.Resources[0].ErrorCode), *answer.Resources[0].ErrorMessage)
	}
}

func TestConfigsAreAlteredOneByOne(t *testing.T) {
	versions(t, kmsg.IncrementalAlterConfigs, func(t *testing.T, version int16) {
		c := newCluster(t, nil)
		c.make("a", 1, "retention.ms", "5")
		r := incremental(
			version,
			kmsg.ConfigResourceTypeTopic,
			"a",
			setTo("segment.bytes", "1048576"),
			kmsg.IncrementalAlterConfigsRequestResourceConfig{
				Name: "retention.ms",
				Op:   kmsg.IncrementalAlterConfigOpDelete,
			},
			kmsg.IncrementalAlterConfigsRequestResourceConfig{
				Name:  "cleanup.policy",
				Op:    kmsg.IncrementalAlterConfigOpAppend,
				Value: pointer("compact"),
			},
		)
		answer := ask[*kmsg.IncrementalAlterConfigsResponse](c.host, r)
		got := answer.Resources[0]
		if got.ErrorCode != 0 || got.ErrorMessage != nil || got.ResourceName != "a" ||
			got.ResourceType != kmsg.ConfigResourceTypeTopic {
			t.Errorf("got %+v", got)
		}
		configs := c.image.Topic("a").Configs
		if len(configs) != 2 || configs["segment.bytes"] != "1048576" ||
			configs["cleanup.policy"] != "delete,compact" {
			t.Errorf("got %v", configs)
		}
	})
}

func replacement(
	version int16,
	kind kmsg.ConfigResourceType,
	name string,
	configs ...string,
) *kmsg.AlterConfigsRequest {
	r := kmsg.NewPtrAlterConfigsRequest()
	r.Version = version
	resource := kmsg.NewAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kind, name
	for i := 0; i < len(configs); i += 2 {
		resource.Configs = append(resource.Configs,
			kmsg.AlterConfigsRequestResourceConfig{Name: configs[i], Value: &configs[i+1]})
	}
	r.Resources = append(r.Resources, resource)
	return r
}

func TestConfigsAreReplaced(t *testing.T) {
	versions(t, kmsg.AlterConfigs, func(t *testing.T, version int16) {
		c := newCluster(t, nil)
		c.make("a", 1, "retention.ms", "5")
		r := replacement(version, kmsg.ConfigResourceTypeTopic, "a", "flush.ms", "6")
		r.ValidateOnly = true
		answer := ask[*kmsg.AlterConfigsResponse](c.host, r)
		wantCode(t, "validated", answer.Resources[0].ErrorCode, protocol.None)
		if c.image.Topic("a").Configs["retention.ms"] != "5" {
			t.Error("validation altered the topic")
		}
		r.ValidateOnly = false
		answer = ask[*kmsg.AlterConfigsResponse](c.host, r)
		wantCode(t, "replaced", answer.Resources[0].ErrorCode, protocol.None)
		if configs := c.image.Topic("a").Configs; len(configs) != 1 || configs["flush.ms"] != "6" {
			t.Errorf("got %v", configs)
		}
	})
}

func TestAlterationErrors(t *testing.T) {
	c := newCluster(t, nil)
	c.make("a", 1)
	topic, broker := kmsg.ConfigResourceTypeTopic, kmsg.ConfigResourceTypeBroker
	for _, one := range []struct {
		request *kmsg.IncrementalAlterConfigsRequest
		code    protocol.Code
		message string
	}{
		{incremental(1, topic, "gone", setTo("flush.ms", "1")), protocol.UnknownTopicOrPartition, "The topic 'gone' does not exist."},
		{incremental(1, topic, "", setTo("flush.ms", "1")), protocol.InvalidRequest, "Default topic resources are not allowed."},
		{incremental(1, topic, "a", setTo("x", "1")), protocol.InvalidConfig, "Unknown topic config name: x"},
		{incremental(1, topic, "a", setTo("flush.ms", "1"), setTo("flush.ms", "2")), protocol.InvalidRequest,
			"Error due to duplicate config keys"},
		{incremental(1, topic, "a", kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: "flush.ms"}),
			protocol.InvalidRequest, "Null value not supported for : flush.ms"},
		{incremental(1, topic, "a", kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: "flush.ms", Op: 9, Value: pointer("")}),
			protocol.InvalidRequest, "Unknown operations type 9"},
		{incremental(1, broker, "2", setTo("num.partitions", "1")), protocol.InvalidRequest,
			"Unexpected broker id, expected 1, but received 2"},
		{incremental(1, broker, "x", setTo("num.partitions", "1")), protocol.InvalidRequest,
			"Node id must be an integer, but it is: x"},
		{incremental(1, broker, "1", setTo("node.id", "1")), protocol.InvalidRequest,
			"Cannot update these configs dynamically: Set(node.id)"},
		{incremental(1, kmsg.ConfigResourceTypeBrokerLogger, "1", setTo("x", "DEBUG")), protocol.InvalidRequest,
			"Unknown resource type 8"},
	} {
		answer := ask[*kmsg.IncrementalAlterConfigsResponse](c.host, one.request)
		wantCode(t, one.message, answer.Resources[0].ErrorCode, one.code)
		wantMessage(t, one.message, answer.Resources[0].ErrorMessage, one.message)
	}
}

func TestResourceMayAppearOnce(t *testing.T) {
	c := newCluster(t, nil)
	c.make("a", 1)
	c.make("b", 1)
	r := incremental(1, kmsg.ConfigResourceTypeTopic, "a", setTo("flush.ms", "1"))
	r.Resources = append(r.Resources, r.Resources[0],
		incremental(1, kmsg.ConfigResourceTypeTopic, "b", setTo("flush.ms", "1")).Resources[0])
	answer := ask[*kmsg.IncrementalAlterConfigsResponse](c.host, r)
	for i := range 2 {
		wantCode(t, "a", answer.Resources[i].ErrorCode, protocol.InvalidRequest)
		wantMessage(t, "a", answer.Resources[i].ErrorMessage, "Each resource must appear at most once.")
	}
	wantCode(t, "b", answer.Resources[2].ErrorCode, protocol.None)
	if c.image.Topic("a").Configs != nil || c.image.Topic("b").Configs["flush.ms"] != "1" {
		t.Errorf("a has %v, b has %v", c.image.Topic("a").Configs, c.image.Topic("b").Configs)
	}
}

func TestAlterationThatTakesTooLongTimesOut(t *testing.T) {
	c := newCluster(t, nil)
	c.make("a", 1)
	c.silentLog = true
	answer := ask[*kmsg.AlterConfigsResponse](
		c.host,
		replacement(2, kmsg.ConfigResourceTypeTopic, "a", "flush.ms", "1"),
	)
	wantCode(t, "no answer", answer.Resources[0].ErrorCode, protocol.RequestTimedOut)
}

// TestDynamicConfigsTakeEffect alters configs of the broker and looks at what they change.
func TestDynamicConfigsTakeEffect(t *testing.T) {
	c := newCluster(t, nil)
	mustAlter(
		t,
		c,
		kmsg.ConfigResourceTypeBroker,
		"",
		setTo("num.partitions", "4"),
		setTo("auto.create.topics.enable", "false"),
		setTo("log.retention.ms", "7"),
	)
	if got := len(c.make("a", -1).Partitions); got != 4 {
		t.Errorf("%d partitions", got)
	}
	answer := ask[*kmsg.MetadataResponse](c.host, metadataRequest(9, "auto"))
	wantCode(t, "auto", answer.Topics[0].ErrorCode, protocol.UnknownTopicOrPartition)
	if got := config.EffectiveTopic(c.env.Layers(c.image, c.image.Topic("a"))).Log.RetentionMs; got != 7 {
		t.Errorf("retention %d", got)
	}
}

// TestGroupConfigsAreDescribed describes a group that need not exist, and one with configs of its own
// (KIP-1071 has the numbers of type and source).
func TestGroupConfigsAreDescribed(t *testing.T) {
	const session = "consumer.session.timeout.ms"
	c := newCluster(t, map[string]string{"group.consumer.session.timeout.ms": "46000"})
	group := kmsg.ConfigResourceTypeGroupConfig
	mustAlter(t, c, group, "billing", setTo(session, "50000"))
	one := configNamed(t, ask[*kmsg.DescribeConfigsResponse](c.host, description(4, group, "billing")), session)
	if *one.Value != "50000" || int8(one.Source) != 8 || one.ReadOnly || one.ConfigType != kmsg.ConfigTypeInt ||
		len(one.ConfigSynonyms) != 3 || *one.ConfigSynonyms[1].Value != "46000" ||
		one.ConfigSynonyms[1].Name != "group.consumer.session.timeout.ms" {
		t.Errorf("got %+v", one)
	}
	one = configNamed(t, ask[*kmsg.DescribeConfigsResponse](c.host, description(4, group, "other")), session)
	if *one.Value != "46000" || one.Source != kmsg.ConfigSourceStaticBrokerConfig {
		t.Errorf("got %+v", one)
	}
	answer := ask[*kmsg.DescribeConfigsResponse](c.host, description(4, group, ""))
	wantCode(t, "describe", answer.Resources[0].ErrorCode, protocol.InvalidRequest)
	altered := ask[*kmsg.IncrementalAlterConfigsResponse](c.host, incremental(1, group, "", setTo(session, "50000")))
	wantCode(t, "alter", altered.Resources[0].ErrorCode, protocol.InvalidRequest)
	wantMessage(t, "alter", altered.Resources[0].ErrorMessage, "Default group resources are not allowed.")
}

func TestConfigResourcesAreListed(t *testing.T) {
	c := newCluster(t, nil)
	c.make("a", 1)
	mustAlter(t, c, kmsg.ConfigResourceTypeGroupConfig, "billing", setTo("consumer.session.timeout.ms", "50000"))
	for _, one := range []struct {
		version int16
		types   []int8
		code    protocol.Code
		want    string
	}{
		{1, nil, protocol.None, "[2:a 4:1 4:2 8:1 8:2 32:billing]"},
		{1, []int8{32}, protocol.None, "[32:billing]"},
		{1, []int8{32, 2, 32}, protocol.None, "[32:billing 2:a]"},
		{1, []int8{2, 77}, protocol.UnsupportedVersion, "[]"},
		{0, nil, protocol.None, "[]"},
	} {
		r := kmsg.NewPtrListConfigResourcesRequest()
		r.Version, r.ResourceTypes = one.version, one.types
		answer := ask[*kmsg.ListConfigResourcesResponse](c.host, r)
		got := []string{}
		for _, resource := range answer.ConfigResources {
			got = append(got, fmt.Sprint(resource.Type, ":", resource.Name))
		}
		if protocol.Code(answer.ErrorCode) != one.code || fmt.Sprint(got) != one.want {
			t.Errorf("version %d, types %v: got %s, %v, want %s", one.version, one.types,
				protocol.Code(answer.ErrorCode), got, one.want)
		}
	}
}
