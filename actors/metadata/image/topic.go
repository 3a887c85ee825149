package image

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// TopicID is the durable id of a topic (KIP-516). Deleting a topic and creating it again gives another id.
type TopicID [16]byte

// reservedBelow is the first number that a topic id may have: Kafka keeps the lower ones for itself, as
// "no id" (0), the metadata topic (1) and ids of special directories (up to 99).
const reservedBelow = 100

// NewTopicID draws a random id. It never returns a reserved one, nor one whose text form begins with a
// dash, which command-line tools would take for an option. It fails only if the source does.
func NewTopicID(random io.Reader) (TopicID, error) {
	for {
		var id TopicID
		if _, err := io.ReadFull(random, id[:]); err != nil {
			return TopicID{}, fmt.Errorf("draw topic id: %w", err)
		}
		id[6] = id[6]&0x0f | 0x40 // version 4
		id[8] = id[8]&0x3f | 0x80 // variant of RFC 4122
		if !id.Reserved() && !strings.HasPrefix(id.String(), "-") {
			return id, nil
		}
	}
}

// ParseTopicID reads the text form, which is 22 characters of unpadded URL-safe base64.
func ParseTopicID(text string) (TopicID, error) {
	var id TopicID
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(data) != len(id) {
		return TopicID{}, fmt.Errorf("%q is not a topic id", text)
	}
	return TopicID(data), nil
}

// Compare orders ids by their bytes.
func (id TopicID) Compare(other TopicID) int { return bytes.Compare(id[:], other[:]) }

// IsZero tells whether this is "no id".
func (id TopicID) IsZero() bool { return id == TopicID{} }

// Reserved tells whether no topic may have this id.
func (id TopicID) Reserved() bool {
	for _, b := range id[:15] {
		if b != 0 {
			return false
		}
	}
	return id[15] < reservedBelow
}

// String returns the text form that Kafka's tools print.
func (id TopicID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// Configs are dynamic configs by name. Never change one that is in an image.
type Configs map[string]string

// Topic is a topic. Immutable; a change makes a new one.
type Topic struct {
	Name       string
	ID         TopicID
	Partitions []Partition // Partitions[i].Index is i
	Configs    Configs     // what differs from the broker's defaults; nil when nothing does
}

// Partition returns a partition, or false if the topic does not have it.
func (t *Topic) Partition(index int32) (Partition, bool) {
	if t == nil || index < 0 || int(index) >= len(t.Partitions) {
		return Partition{}, false
	}
	return t.Partitions[index], true
}

// Internal tells whether the topic belongs to the broker itself.
func (t *Topic) Internal() bool { return IsInternal(t.Name) }
