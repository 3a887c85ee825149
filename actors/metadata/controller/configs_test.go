package controller_test

import (
	"maps"
	"testing"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
)

func changes(list ...controller.Change) []controller.Change { return list }

func (w *world) configs(want map[string]string) {
	w.t.Helper()
	if got := w.tail.Topic("a").Configs; !maps.Equal(map[string]string(got), want) {
		w.t.Errorf("got %v, want %v", got, want)
	}
}

func TestConfigsAreAltered(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.do(simple("a"))
	w.do(controller.AlterConfig{Topic: "a", Changes: changes(
		controller.Change{
			Name:  "retention.ms",
			Value: "5",
		},
		controller.Change{Name: "segment.bytes", Value: "1048576"},
	)})
	w.configs(map[string]string{"retention.ms": "5", "segment.bytes": "1048576"})
	w.do(controller.AlterConfig{Topic: "a", Changes: changes(
		controller.Change{Name: "retention.ms", Operation: controller.Delete},
		controller.Change{Name: "cleanup.policy", Operation: controller.Append, Value: "compact"})})
	w.configs(map[string]string{"segment.bytes": "1048576", "cleanup.policy": "delete,compact"})
	w.do(controller.AlterConfig{Topic: "a", Changes: changes(
		controller.Change{Name: "cleanup.policy", Operation: controller.Subtract, Value: "delete,nothing"})})
	w.configs(map[string]string{"segment.bytes": "1048576", "cleanup.policy": "compact"})
	w.do(controller.AlterConfig{Topic: "a", Changes: changes(
		controller.Change{Name: "cleanup.policy", Operation: controller.Append, Value: "compact"})})
	w.configs(map[string]string{"segment.bytes": "1048576", "cleanup.policy": "compact"})
}

func TestReplacedConfigsLoseWhatIsNotMentioned(t *testing.T) {
	w := newWorld(t, 1, nil)
	r := simple("a")
	r.Configs = map[string]*string{"retention.ms": text("5"), "flush.ms": text("6")}
	w.do(r)
	w.do(controller.AlterConfig{Topic: "a", Replace: true, Changes: changes(
		controller.Change{
			Name:  "segment.bytes",
			Value: "1048576",
		},
		controller.Change{Name: "flush.ms", Value: "6"},
	)})
	w.configs(map[string]string{"segment.bytes": "1048576", "flush.ms": "6"})
	w.do(controller.AlterConfig{Topic: "a", Replace: true})
	w.configs(nil)
}

func TestAlterationWithoutEffectIsNotProposed(t *testing.T) {
	w := newWorld(t, 1, nil)
	r := simple("a")
	r.Configs = map[string]*string{"retention.ms": text("5")}
	w.do(r)
	before := w.tail
	event := w.do(controller.AlterConfig{Topic: "a", Changes: changes(
		controller.Change{
			Name:  "retention.ms",
			Value: "5",
		},
		controller.Change{Name: "flush.ms", Operation: controller.Delete},
	)})
	if w.tail != before {
		t.Error("the image changed")
	}
	if configured, is := event.(image.TopicConfigured); !is || configured.Topic.Name != "a" {
		t.Errorf("got %#v", event)
	}
}

func TestConfigsAreRefusedInKafkasWords(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.do(simple("a"))
	for _, c := range []struct {
		request controller.AlterConfig
		code    protocol.Code
		message string
	}{
		{controller.AlterConfig{Topic: "b"}, protocol.UnknownTopicOrPartition, "The topic 'b' does not exist."},
		{controller.AlterConfig{Topic: "/"}, protocol.InvalidTopicException, "Topic name is invalid: '/' contains one or " +
			"more characters other than ASCII alphanumerics, '.', '_' and '-'"},
		{controller.AlterConfig{Topic: "a", Changes: changes(controller.Change{Name: "x", Value: "1"})},
			protocol.InvalidConfig, "Unknown topic config name: x"},
		{controller.AlterConfig{Topic: "a", Changes: changes(controller.Change{Name: "retention.ms", Value: "x"})},
			protocol.InvalidConfig, "Invalid value x for configuration retention.ms: Not a number of type LONG"},
		{controller.AlterConfig{Topic: "a", Changes: changes(
			controller.Change{Name: "retention.ms", Operation: controller.Append, Value: "1"})},
			protocol.InvalidConfig, "Can't APPEND to key retention.ms because its type is not LIST."},
		{controller.AlterConfig{Topic: "a", Changes: changes(
			controller.Change{Name: "x", Operation: controller.Subtract, Value: "1"})},
			protocol.InvalidConfig, "Can't SUBTRACT to key x because its type is not LIST."},
		{controller.AlterConfig{Topic: "a", Changes: changes(controller.Change{Name: "retention.ms", Operation: 9})},
			protocol.InvalidRequest, "Unknown operations type 9"},
		{controller.AlterConfig{Broker: 1, Changes: changes(controller.Change{Name: "node.id", Value: "2"})},
			protocol.InvalidRequest, "Cannot update these configs dynamically: Set(node.id)"},
		{controller.AlterConfig{AllBrokers: true, Changes: changes(controller.Change{Name: "x", Value: "2"})},
			protocol.InvalidConfig, "Unknown broker config name: x"},
		{controller.AlterConfig{AllBrokers: true, Changes: changes(controller.Change{Name: "num.partitions", Value: "0"})},
			protocol.InvalidRequest, "Invalid value 0 for configuration num.partitions: Value must be at least 1"},
	} {
		w.refuses(c.request, c.code, c.message)
	}
}

func TestOneBadConfigRefusesAll(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.do(simple("a"))
	w.refuses(controller.AlterConfig{Topic: "a", Changes: changes(
		controller.Change{Name: "flush.ms", Value: "5"}, controller.Change{Name: "x", Value: "1"})},
		protocol.InvalidConfig, "Unknown topic config name: x")
	w.configs(nil)
}

func TestBrokerConfigsAreAltered(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.do(
		controller.AlterConfig{
			AllBrokers: true,
			Changes:    changes(controller.Change{Name: "log.retention.ms", Value: "1"}),
		},
	)
	w.do(controller.AlterConfig{Broker: 1, Changes: changes(
		controller.Change{Name: "log.cleanup.policy", Operation: controller.Append, Value: "compact"})})
	if w.tail.DefaultConfigs()["log.retention.ms"] != "1" ||
		w.tail.BrokerConfigs(1)["log.cleanup.policy"] != "delete,compact" {
		t.Errorf("got %v, %v", w.tail.DefaultConfigs(), w.tail.BrokerConfigs(1))
	}
}

func TestGroupConfigsAreAltered(t *testing.T) {
	w := newWorld(t, 1, map[string]string{"group.consumer.min.session.timeout.ms": "10000"})
	set := func(name, value string) controller.AlterConfig {
		return controller.AlterConfig{Group: "billing", Changes: changes(controller.Change{Name: name, Value: value})}
	}
	const session, interval = "consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"
	w.do(set(session, "10000"))
	w.do(set(interval, "6000"))
	if got := w.tail.GroupConfigs("billing"); got[session] != "10000" || got[interval] != "6000" || len(got) != 2 {
		t.Errorf("got %v", got)
	}
	for _, c := range []struct{ name, value, message string }{
		{"x", "1", "Unknown group config name: x"},
		{session, "soon", "Invalid value soon for configuration consumer.session.timeout.ms: Not a number of type INT"},
		{session, "9999", session + " must be greater than or equal to group.consumer.min.session.timeout.ms"},
		{session, "60001", session + " must be less than or equal to group.consumer.max.session.timeout.ms"},
		{interval, "4999", interval + " must be greater than or equal to group.consumer.min.heartbeat.interval.ms"},
		{interval, "15001", interval + " must be less than or equal to group.consumer.max.heartbeat.interval.ms"},
		{interval, "10000", session + " must be greater than " + interval},
	} {
		w.refuses(set(c.name, c.value), protocol.InvalidConfig, c.message)
	}
	w.do(controller.AlterConfig{Group: "billing", Replace: true})
	if got := w.tail.GroupConfigs("billing"); got != nil {
		t.Errorf("got %v, want none", got)
	}
}
