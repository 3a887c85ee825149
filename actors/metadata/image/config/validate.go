package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/chronik-go/chronik/protocol"
)

// ValidateTopic checks all configs that a topic would have on top of the broker's. The error is a
// *protocol.Error with INVALID_CONFIG.
func ValidateTopic(configs map[string]string, broker Layers) error {
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		definition := Topic.Lookup(name)
		if definition == nil {
			return protocol.Errorf(protocol.InvalidConfig, "Unknown topic config name: %s", name)
		}
		if reason := definition.Check(configs[name]); reason != "" {
			return &protocol.Error{Code: protocol.InvalidConfig, Message: reason}
		}
	}
	broker.Topic = configs
	least, most := broker.topicInt(MinCompactionLag), broker.topicInt(MaxCompactionLag)
	if least > most {
		return protocol.Errorf(protocol.InvalidConfig, "conflict topic config setting %s (%d) > %s (%d)",
			MinCompactionLag, least, MaxCompactionLag, most)
	}
	return nil
}

// ValidateBroker checks the dynamic configs that a broker, or all of them, would have. Errors are
// *protocol.Error: INVALID_CONFIG for names that do not exist here, INVALID_REQUEST for bad values and
// for configs that cannot be altered while the broker runs, as in Kafka.
func ValidateBroker(configs map[string]string) error {
	var fixed []string
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		definition := Broker.Lookup(name)
		if definition == nil {
			return protocol.Errorf(protocol.InvalidConfig, "Unknown broker config name: %s", name)
		}
		if !definition.Dynamic {
			fixed = append(fixed, name)
		} else if reason := definition.Check(configs[name]); reason != "" {
			return &protocol.Error{Code: protocol.InvalidRequest, Message: reason}
		}
	}
	if len(fixed) > 0 {
		return protocol.Errorf(protocol.InvalidRequest, "Cannot update these configs dynamically: Set(%s)",
			strings.Join(fixed, ", "))
	}
	return nil
}

// ParseBroker reads the name of a broker resource: "" for all brokers, or a broker id. Errors are
// *protocol.Error with INVALID_REQUEST.
func ParseBroker(name string) (broker int32, all bool, err error) {
	if name == "" {
		return 0, true, nil
	}
	number, parseErr := strconv.ParseInt(name, 10, 32)
	if parseErr != nil {
		return 0, false, &protocol.Error{
			Code:    protocol.InvalidRequest,
			Message: fmt.Sprintf("Node id must be an integer, but it is: %s", name),
		}
	}
	if number < 0 {
		return 0, false, protocol.Errorf(protocol.InvalidRequest, "Invalid negative broker ID.")
	}
	return int32(number), false, nil
}
