package config

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/protocol"
)

// kafkaTopicConfigs are the topic configs of Kafka 4.3 with their types and defaults.
var kafkaTopicConfigs = map[string]struct {
	kind  Type
	value string
}{
	"cleanup.policy":                          {List, "delete"},
	"compression.gzip.level":                  {Int, "-1"},
	"compression.lz4.level":                   {Int, "9"},
	"compression.type":                        {String, "producer"},
	"compression.zstd.level":                  {Int, "3"},
	"delete.retention.ms":                     {Long, "86400000"},
	"file.delete.delay.ms":                    {Long, "60000"},
	"flush.messages":                          {Long, "9223372036854775807"},
	"flush.ms":                                {Long, "9223372036854775807"},
	"follower.replication.throttled.replicas": {List, ""},
	"index.interval.bytes":                    {Int, "4096"},
	"internal.segment.bytes":                  {Int, ""},
	"leader.replication.throttled.replicas":   {List, ""},
	"local.retention.bytes":                   {Long, "-2"},
	"local.retention.ms":                      {Long, "-2"},
	"max.compaction.lag.ms":                   {Long, "9223372036854775807"},
	"max.message.bytes":                       {Int, "1048588"},
	"message.timestamp.after.max.ms":          {Long, "3600000"},
	"message.timestamp.before.max.ms":         {Long, "9223372036854775807"},
	"message.timestamp.type":                  {String, "CreateTime"},
	"min.cleanable.dirty.ratio":               {Double, "0.5"},
	"min.compaction.lag.ms":                   {Long, "0"},
	"min.insync.replicas":                     {Int, "1"},
	"preallocate":                             {Boolean, "false"},
	"remote.log.copy.disable":                 {Boolean, "false"},
	"remote.log.delete.on.disable":            {Boolean, "false"},
	"remote.storage.enable":                   {Boolean, "false"},
	"retention.bytes":                         {Long, "-1"},
	"retention.ms":                            {Long, "604800000"},
	"segment.bytes":                           {Int, "1073741824"},
	"segment.index.bytes":                     {Int, "10485760"},
	"segment.jitter.ms":                       {Long, "0"},
	"segment.ms":                              {Long, "604800000"},
	"unclean.leader.election.enable":          {Boolean, "false"},
}

func TestTopicConfigsAreThoseOfKafka(t *testing.T) {
	if len(Topic.All()) != len(kafkaTopicConfigs) {
		t.Errorf("%d topic configs, Kafka has %d", len(Topic.All()), len(kafkaTopicConfigs))
	}
	for _, d := range Topic.All() {
		want, known := kafkaTopicConfigs[d.Name]
		if !known || d.Type != want.kind || d.Default != want.value {
			t.Errorf(
				"%s: type %d, default %q; Kafka has type %d, default %q",
				d.Name,
				d.Type,
				d.Default,
				want.kind,
				want.value,
			)
		}
	}
}

func TestEveryConfigIsDocumentedAndTakesItsDefault(t *testing.T) {
	for _, d := range slices.Concat(Topic.All(), Broker.All()) {
		if !strings.HasSuffix(d.Documentation(), ".") || len(d.Doc) < 20 {
			t.Errorf("%s: documentation %q", d.Name, d.Documentation())
		}
		if d.NoDefault {
			continue
		}
		if reason := d.Check(d.Default); reason != "" {
			t.Errorf("%s does not take its own default: %s", d.Name, reason)
		}
	}
}

func TestWhatHasNoEffectSaysSo(t *testing.T) {
	for _, d := range Topic.All() {
		says := strings.Contains(d.Documentation(), "without effect on this broker") ||
			strings.Contains(d.Documentation(), "This broker supports")
		if says != (d.Effect != Active) {
			t.Errorf("%s: %s", d.Name, d.Documentation())
		}
	}
}

func TestEverySynonymIsABrokerConfig(t *testing.T) {
	for _, d := range Topic.All() {
		for i, synonym := range d.Synonyms {
			broker := Broker.Lookup(synonym.Name)
			if broker == nil || broker.Dynamic != (i == 0) {
				t.Errorf("%s: broker config %s: %+v", d.Name, synonym.Name, broker)
			}
		}
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"segment.bytes", "1048576", ""},
		{"segment.bytes", " 1048576 ", ""},
		{"segment.bytes", "1048575", "Invalid value 1048575 for configuration segment.bytes: Value must be at least 1048576"},
		{"segment.bytes", "x", "Invalid value x for configuration segment.bytes: Not a number of type INT"},
		{"segment.bytes", "2147483648", "Invalid value 2147483648 for configuration segment.bytes: Not a number of type INT"},
		{"retention.ms", "9223372036854775808", "Invalid value 9223372036854775808 for configuration retention.ms: Not a number of type LONG"},
		{"retention.ms", "-1", ""},
		{"retention.ms", "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1"},
		{"retention.bytes", "-5", ""},
		{"cleanup.policy", "compact,delete", ""},
		{"cleanup.policy", "compact, delete", ""},
		{"cleanup.policy", "shred", "Invalid value shred for configuration cleanup.policy: String must be one of: compact, delete"},
		{"compression.type", "none", "Invalid value none for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer"},
		{"compression.gzip.level", "0", "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1"},
		{"compression.lz4.level", "18", "Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17"},
		{"compression.zstd.level", "-131073", "Invalid value -131073 for configuration compression.zstd.level: Value must be at least -131072"},
		{"max.message.bytes", "-1", "Invalid value -1 for configuration max.message.bytes: Value must be at least 0"},
		{"min.cleanable.dirty.ratio", "1.5", "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1"},
		{"min.cleanable.dirty.ratio", "-0.1", "Invalid value -0.1 for configuration min.cleanable.dirty.ratio: Value must be at least 0"},
		{"min.cleanable.dirty.ratio", "NaN", "Invalid value NaN for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE"},
		{"preallocate", "TRUE", ""},
		{"preallocate", "yes", "Invalid value yes for configuration preallocate: Expected value to be either true or false"},
		{"remote.storage.enable", "False", ""},
		{"remote.storage.enable", "true", "Invalid value true for configuration remote.storage.enable: This broker supports false only"},
		{"leader.replication.throttled.replicas", "0:1,2:3", ""},
		{"leader.replication.throttled.replicas", "*", ""},
		{"leader.replication.throttled.replicas", "", ""},
		{"message.timestamp.type", "Later", "Invalid value Later for configuration message.timestamp.type: String must be one of: CreateTime, LogAppendTime"},
		{"message.timestamp.type", "\xff", "Invalid value for configuration message.timestamp.type: Value is not valid UTF-8"},
	} {
		if got := Topic.Lookup(c.name).Check(c.value); got != c.want {
			t.Errorf("%s=%s: got %q, want %q", c.name, c.value, got, c.want)
		}
	}
	if Topic.Lookup("leader.replication.throttled.replicas").Check("0-1") == "" {
		t.Error("0-1 is a throttled replica")
	}
	if Topic.Lookup("cleanup.policy").Check(strings.Repeat("delete,", MaxValueBytes)) == "" {
		t.Error("a value may be of any length")
	}
}

func TestTopicValuesComeFromTheFirstLayerThatHasThem(t *testing.T) {
	full := Layers{
		Topic:   map[string]string{"retention.ms": "1"},
		Broker:  map[string]string{"log.retention.ms": "2"},
		Default: map[string]string{"log.retention.ms": "3"},
		Static:  map[string]string{"log.retention.minutes": "4", "log.retention.hours": "5"},
	}
	steps := []struct {
		drop   func(*Layers)
		value  string
		source Source
	}{
		{func(*Layers) {}, "1", SourceTopic},
		{func(l *Layers) { l.Topic = nil }, "2", SourceBroker},
		{func(l *Layers) { l.Broker = nil }, "3", SourceDefaultBroker},
		{func(l *Layers) { l.Default = nil }, "240000", SourceStatic},
		{func(l *Layers) { delete(l.Static, "log.retention.minutes") }, "18000000", SourceStatic},
		{func(l *Layers) { l.Static["log.retention.hours"] = "-1" }, "-1", SourceStatic},
		{func(l *Layers) { l.Static = nil }, "604800000", SourceDefault},
	}
	for i, step := range steps {
		step.drop(&full)
		entry := full.ResolveTopic(Topic.Lookup("retention.ms"))
		if entry.Value != step.value || entry.Source != step.source || entry.Unset {
			t.Errorf("step %d: got %s from %d, want %s from %d", i, entry.Value, entry.Source, step.value, step.source)
		}
	}
}

func TestCandidatesNameAllLayers(t *testing.T) {
	l := Layers{
		Topic:  map[string]string{"retention.ms": "1"},
		Broker: map[string]string{"log.retention.ms": "2"},
		Static: map[string]string{"log.retention.hours": "5"},
	}
	want := []Value{
		{"retention.ms", "1", SourceTopic}, {"log.retention.ms", "2", SourceBroker},
		{"log.retention.hours", "5", SourceStatic}, {"log.retention.hours", "168", SourceDefault},
	}
	if got := l.ResolveTopic(Topic.Lookup("retention.ms")).Candidates; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestBrokerConfigOfAnotherUnitIsUnset(t *testing.T) {
	l := Layers{Static: map[string]string{"log.retention.hours": "5"}}
	entry := l.ResolveBroker(Broker.Lookup("log.retention.ms"))
	if !entry.Unset || len(entry.Candidates) != 2 || entry.Candidates[0].Value != "5" {
		t.Errorf("log.retention.ms: %+v", entry)
	}
	if entry = l.ResolveBroker(Broker.Lookup("log.retention.hours")); entry.Value != "5" ||
		entry.Source != SourceStatic {
		t.Errorf("log.retention.hours: %+v", entry)
	}
	if entry = (Layers{}).ResolveBroker(Broker.Lookup("log.retention.hours")); entry.Value != "168" {
		t.Errorf("default: %+v", entry)
	}
}

func TestEffectiveConfig(t *testing.T) {
	e := EffectiveTopic(Layers{})
	if e.MaxMessageBytes != 1048588 || e.LogAppendTime || e.TimestampBeforeMax != math.MaxInt64 ||
		e.TimestampAfterMax != 3600000 || e.MinInsyncReplicas != 1 || !e.Delete || e.Compact {
		t.Errorf("defaults: %+v", e)
	}
	if e.Log.SegmentBytes != 1<<30 || e.Log.RetentionMs != 604800000 || e.Log.RetentionBytes != -1 ||
		e.Log.IndexIntervalBytes != 4096 || e.Log.MaxIndexBytes != 10<<20 || e.Log.SegmentMs != 604800000 {
		t.Errorf("log defaults: %+v", e.Log)
	}
	e = EffectiveTopic(Layers{Topic: map[string]string{
		"cleanup.policy": "compact", "retention.ms": "5", "retention.bytes": "6", "internal.segment.bytes": "100",
		"segment.bytes": "1048576", "message.timestamp.type": "LogAppendTime", "index.interval.bytes": "0",
	}})
	if e.Delete || !e.Compact || e.Log.RetentionMs != -1 || e.Log.RetentionBytes != -1 {
		t.Errorf("a compacted topic is cut by retention: %+v", e)
	}
	if e.Log.SegmentBytes != 100 || !e.LogAppendTime || e.Log.IndexIntervalBytes != 1 {
		t.Errorf("got %+v", e)
	}
}

func TestTopicConfigsAreValidatedTogether(t *testing.T) {
	for _, c := range []struct {
		configs map[string]string
		code    protocol.Code
	}{
		{nil, protocol.None},
		{map[string]string{"retention.ms": "5"}, protocol.None},
		{map[string]string{"no.such": "5"}, protocol.InvalidConfig},
		{map[string]string{"message.downconversion.enable": "true"}, protocol.InvalidConfig},
		{map[string]string{"retention.ms": "x"}, protocol.InvalidConfig},
		{map[string]string{"min.compaction.lag.ms": "5", "max.compaction.lag.ms": "4"}, protocol.InvalidConfig},
	} {
		if err := ValidateTopic(c.configs, Layers{}); protocol.CodeOf(err) != c.code {
			t.Errorf("%v: got %v, want %v", c.configs, err, c.code)
		}
	}
	err := ValidateTopic(map[string]string{"x": "1"}, Layers{})
	if want := "Unknown topic config name: x"; *protocol.MessageOf(err) != want {
		t.Errorf("got %q, want %q", *protocol.MessageOf(err), want)
	}
}

func TestBrokerConfigsAreValidated(t *testing.T) {
	for _, c := range []struct {
		configs map[string]string
		code    protocol.Code
	}{
		{map[string]string{"log.retention.ms": "5", "num.partitions": "3", "auto.create.topics.enable": "false"}, protocol.None},
		{map[string]string{"no.such": "5"}, protocol.InvalidConfig},
		{map[string]string{"log.retention.ms": "x"}, protocol.InvalidRequest},
		{map[string]string{"num.partitions": "0"}, protocol.InvalidRequest},
		{map[string]string{"log.retention.hours": "5"}, protocol.InvalidRequest},
		{map[string]string{"listeners": "PLAINTEXT://:1"}, protocol.InvalidRequest},
	} {
		if err := ValidateBroker(c.configs); protocol.CodeOf(err) != c.code {
			t.Errorf("%v: got %v, want %v", c.configs, err, c.code)
		}
	}
}

func TestBrokerNames(t *testing.T) {
	if _, all, err := ParseBroker(""); !all || err != nil {
		t.Errorf("empty: %v, %v", all, err)
	}
	if id, all, err := ParseBroker("12"); id != 12 || all || err != nil {
		t.Errorf("12: %d, %v, %v", id, all, err)
	}
	for _, name := range []string{"x", "-1", "1.5", "99999999999"} {
		if _, _, err := ParseBroker(name); !errors.Is(err, &protocol.Error{Code: protocol.InvalidRequest}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStaticConfigsAreChecked(t *testing.T) {
	good := map[string]string{
		"node.id":             "1",
		"log.dirs":            "/x",
		"listeners":           "PLAINTEXT://:9092",
		"log.retention.hours": "1",
	}
	if problems := CheckStatic(good); problems != nil {
		t.Errorf("got %v", problems)
	}
	bad := map[string]string{"no.such": "1", "num.partitions": "0", "log.retention.ms": "1"}
	if problems := CheckStatic(bad); len(problems) != 2 {
		t.Errorf("got %v", problems)
	}
}
