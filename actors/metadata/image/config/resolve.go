package config

import (
	"strconv"
	"strings"

	"github.com/chronik-go/chronik/actors/metadata/image"
)

// Source tells which layer a value comes from. The numbers are those of the wire.
type Source int8

// Kafka's sources of configs.
const (
	SourceTopic         Source = 1
	SourceBroker        Source = 2 // dynamic, of one broker
	SourceDefaultBroker Source = 3 // dynamic, of all brokers
	SourceStatic        Source = 4
	SourceDefault       Source = 5
	SourceGroup         Source = 8
)

// Layers are the places where values come from, in the order of preference.
type Layers struct {
	Topic   map[string]string // the topic's own
	Group   map[string]string // the consumer group's own
	Broker  map[string]string // dynamic, of one broker
	Default map[string]string // dynamic, of all brokers
	Static  map[string]string // the broker's configuration file
}

// LayersOf returns the layers of a topic on a broker; topic may be nil for the defaults alone.
func LayersOf(i *image.Image, broker int32, static map[string]string, topic *image.Topic) Layers {
	layers := Layers{Broker: i.BrokerConfigs(broker), Default: i.DefaultConfigs(), Static: static}
	if topic != nil {
		layers.Topic = topic.Configs
	}
	return layers
}

// Value is a value with the name and the layer that it was found under.
type Value struct {
	Name   string
	Value  string // in the unit of Name
	Source Source
}

// Entry is a resolved config.
type Entry struct {
	Definition *Definition
	Value      string // in the unit of the definition
	Unset      bool   // there is no value
	Source     Source
	Candidates []Value // all layers that have a value, the one that counts first
}

// ResolveTopic finds the value of a topic config.
func (l Layers) ResolveTopic(d *Definition) Entry { return l.resolve(d, l.Topic, SourceTopic) }

// ResolveGroup finds the value of a group config.
func (l Layers) ResolveGroup(d *Definition) Entry { return l.resolve(d, l.Group, SourceGroup) }

// resolve finds the value of a config among those that a resource has itself and those of the broker.
func (l Layers) resolve(d *Definition, own map[string]string, source Source) Entry {
	var candidates []Value
	if value, set := own[d.Name]; set {
		candidates = append(candidates, Value{d.Name, value, source})
	}
	candidates = l.brokerValues(d.Synonyms, candidates)
	entry := Entry{Definition: d, Value: d.Default, Unset: d.NoDefault, Source: SourceDefault}
	if len(candidates) > 0 && candidates[0].Source != SourceDefault {
		first := candidates[0]
		entry.Value, entry.Unset, entry.Source = first.Value, false, first.Source
		if first.Source != source {
			entry.Value = fromUnit(first.Value, factorOf(d.Synonyms, first.Name))
		}
	}
	entry.Candidates = candidates
	return entry
}

// ResolveBroker finds the value of a broker config. A config that is set in another unit only, such as
// log.retention.ms beside log.retention.hours, is unset itself and lists the other as a candidate.
func (l Layers) ResolveBroker(d *Definition) Entry {
	names := d.Synonyms
	if len(names) == 0 {
		names = []Synonym{{Name: d.Name}}
	}
	entry := Entry{Definition: d, Value: d.Default, Unset: d.NoDefault, Source: SourceDefault}
	entry.Candidates = l.brokerValues(names, nil)
	for _, candidate := range entry.Candidates {
		if candidate.Name == d.Name {
			entry.Value, entry.Unset, entry.Source = candidate.Value, false, candidate.Source
			break
		}
	}
	return entry
}

// brokerValues appends what the broker layers have under any of the names.
func (l Layers) brokerValues(names []Synonym, found []Value) []Value {
	layers := []struct {
		values map[string]string
		source Source
	}{{l.Broker, SourceBroker}, {l.Default, SourceDefaultBroker}, {l.Static, SourceStatic}}
	for _, layer := range layers {
		for _, synonym := range names {
			if value, set := layer.values[synonym.Name]; set {
				found = append(found, Value{synonym.Name, value, layer.source})
			}
		}
	}
	for _, synonym := range names {
		if d := Broker.Lookup(synonym.Name); d != nil && !d.NoDefault {
			found = append(found, Value{synonym.Name, d.Default, SourceDefault})
		}
	}
	return found
}

func factorOf(synonyms []Synonym, name string) int64 {
	for _, synonym := range synonyms {
		if synonym.Name == name {
			return synonym.Factor
		}
	}
	return 0
}

// TopicValue returns the value of a topic config, "" when it has none.
func (l Layers) TopicValue(name string) string {
	return strings.TrimSpace(l.ResolveTopic(Topic.Lookup(name)).Value)
}

// BrokerValue returns the value of a broker config, "" when it has none.
func (l Layers) BrokerValue(name string) string {
	return strings.TrimSpace(l.ResolveBroker(Broker.Lookup(name)).Value)
}

// BrokerInt returns the value of an integer broker config. Values are checked when they are set, so one
// that is no number is a bug.
func (l Layers) BrokerInt(name string) int64 { return mustInteger(name, l.BrokerValue(name)) }

// BrokerBool returns the value of a broker switch.
func (l Layers) BrokerBool(name string) bool { return strings.EqualFold(l.BrokerValue(name), "true") }

func (l Layers) groupInt(name string) int64 {
	return mustInteger(name, strings.TrimSpace(l.ResolveGroup(Group.Lookup(name)).Value))
}

func (l Layers) topicInt(name string) int64 { return mustInteger(name, l.TopicValue(name)) }

func mustInteger(name, value string) int64 {
	number, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		panic("BUG: got " + name + "=" + value + ", want a number")
	}
	return number
}

// mustFloat is mustInteger for fractions.
func mustFloat(name, value string) float64 {
	number, err := strconv.ParseFloat(value, 64)
	if err != nil {
		panic("BUG: got " + name + "=" + value + ", want a number")
	}
	return number
}
