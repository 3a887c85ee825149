package config

import (
	"maps"
	"slices"
	"time"

	"github.com/chronik-go/chronik/protocol"
)

// Names of the group configs.
const (
	GroupHeartbeat = "consumer.heartbeat.interval.ms"
	GroupSession   = "consumer.session.timeout.ms"
)

// Group holds the group configs of Kafka 4.3 that are about consumers. Those about share and streams groups
// are missing as these groups are.
var Group = newTable([]Definition{
	{
		Name: GroupHeartbeat, Type: Int, Default: "5000", accept: atLeast(1),
		Synonyms: []Synonym{{Name: ConsumerHeartbeat}},
		Doc:      "Members of the newer protocol are told to send heartbeats so often.",
	},
	{
		Name: GroupSession, Type: Int, Default: "45000", accept: atLeast(1),
		Synonyms: []Synonym{{Name: ConsumerSession}},
		Doc:      "A member of the newer protocol that is silent for so long is out.",
	},
})

// groupBounds are the broker configs that bound a group config.
var groupBounds = []struct{ name, low, high string }{
	{GroupHeartbeat, ConsumerMinHeartbeat, ConsumerMaxHeartbeat},
	{GroupSession, ConsumerMinSession, ConsumerMaxSession},
}

// ValidateGroup checks all configs that a consumer group would have on top of the broker's. The error is a
// *protocol.Error with INVALID_CONFIG.
func ValidateGroup(configs map[string]string, broker Layers) error {
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		definition := Group.Lookup(name)
		if definition == nil {
			return protocol.Errorf(protocol.InvalidConfig, "Unknown group config name: %s", name)
		}
		if reason := definition.Check(configs[name]); reason != "" {
			return &protocol.Error{Code: protocol.InvalidConfig, Message: reason}
		}
	}
	if len(configs) == 0 {
		return nil
	}
	broker.Group = configs
	for _, one := range groupBounds {
		if _, set := configs[one.name]; !set {
			continue // what the broker has is the broker's business
		}
		value := broker.groupInt(one.name)
		if value < broker.BrokerInt(one.low) {
			return protocol.Errorf(protocol.InvalidConfig, "%s must be greater than or equal to %s",
				one.name, one.low)
		}
		if value > broker.BrokerInt(one.high) {
			return protocol.Errorf(protocol.InvalidConfig, "%s must be less than or equal to %s",
				one.name, one.high)
		}
	}
	if broker.groupInt(GroupSession) <= broker.groupInt(GroupHeartbeat) {
		return protocol.Errorf(protocol.InvalidConfig, "%s must be greater than %s", GroupSession, GroupHeartbeat)
	}
	return nil
}

// EffectiveGroup returns what a group's own configs say, 0 for what they say nothing about.
func EffectiveGroup(configs map[string]string) (session, heartbeat time.Duration) {
	own := Layers{Group: configs}
	of := func(name string) time.Duration {
		if _, set := configs[name]; !set {
			return 0
		}
		return time.Duration(own.groupInt(name)) * time.Millisecond
	}
	return of(GroupSession), of(GroupHeartbeat)
}
