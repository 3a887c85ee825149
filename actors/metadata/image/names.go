package image

import (
	"fmt"
	"strings"
)

// Topics that belong to the brokers.
const (
	OffsetsTopic      = "__consumer_offsets"
	TransactionsTopic = "__transaction_state"
	ShareStateTopic   = "__share_group_state"
	// MetadataTopic is what Kafka calls its metadata log. It is not a topic here and nobody may create it.
	MetadataTopic = "__cluster_metadata"
)

// maxTopicName is Kafka's bound on the length of a topic name: directory names add a partition number.
const maxTopicName = 249

// IsInternal tells whether a topic of this name belongs to the brokers.
func IsInternal(name string) bool {
	return name == OffsetsTopic || name == TransactionsTopic || name == ShareStateTopic
}

// InvalidTopicName returns why a name cannot be a topic's, in Kafka's words, or "" if it can.
func InvalidTopicName(name string) string {
	switch {
	case name == "":
		return "Topic name is invalid: the empty string is not allowed"
	case name == "." || name == "..":
		return fmt.Sprintf("Topic name is invalid: '%s' is not allowed", name)
	case len(name) > maxTopicName:
		return fmt.Sprintf("Topic name is invalid: the length of '%s' is longer than the max allowed length %d",
			name, maxTopicName)
	case !hasLegalCharacters(name):
		return fmt.Sprintf("Topic name is invalid: '%s' contains one or more characters other than "+
			"ASCII alphanumerics, '.', '_' and '-'", name)
	}
	return ""
}

func hasLegalCharacters(name string) bool {
	for i := range len(name) {
		c := name[i]
		legal := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '.' || c == '_' || c == '-'
		if !legal {
			return false
		}
	}
	return true
}

// unified returns the form in which names collide: metrics of "a.b" and "a_b" would be the same. The
// second result is false for names that cannot collide.
func unified(name string) (string, bool) {
	if !strings.ContainsAny(name, "._") {
		return "", false
	}
	return strings.ReplaceAll(name, ".", "_"), true
}
