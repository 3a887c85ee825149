package records

import (
	"fmt"

	"github.com/chronik-go/chronik/protocol/batch"
)

// Kind says what a record of a consumer group of the newer protocol (KIP-848) holds. It is the version of the
// record's key.
type Kind uint16

// The kinds.
const (
	EpochKind       Kind = 3 // the epoch of the group
	TopicsKind      Kind = 4 // the topics that its members read
	MemberKind      Kind = 5 // what a member said of itself
	TargetEpochKind Kind = 6 // the epoch that the target assignment was made for
	TargetKind      Kind = 7 // what a member is to have
	CurrentKind     Kind = 8 // what a member has
	RegexKind       Kind = 16
)

// named tells whether there is one record for each name and not one for the group.
func (k Kind) named() bool {
	return k == MemberKind || k == TargetKind || k == CurrentKind || k == RegexKind
}

// ModernKey is what a record of such a group belongs to.
type ModernKey struct {
	Kind  Kind
	Group string
	Name  string // of a member, or a regular expression; empty for kinds with one record
}

// modernKey reads a key of one of the kinds, nil if it is none.
func modernKey(data []byte) any {
	r := &reader{data: data}
	key := ModernKey{Kind: Kind(r.int16())}
	switch key.Kind {
	case EpochKind, TopicsKind, MemberKind, TargetEpochKind, TargetKind, CurrentKind, RegexKind:
	default:
		return nil
	}
	key.Group = r.plain()
	if key.Kind.named() {
		key.Name = r.plain()
	}
	if r.failed {
		return nil
	}
	return key
}

// Record returns the record with a value; nil removes what was there.
func (k ModernKey) Record(value []byte) batch.Record {
	w := &writer{}
	w.int16(int16(k.Kind))
	w.plain(k.Group)
	if k.Kind.named() {
		w.plain(k.Name)
	}
	return batch.Record{Key: w.data, Value: value}
}

// begin starts a value of version 0, the only one there is of each kind.
func begin() *writer {
	w := &writer{}
	w.int16(0)
	return w
}

// open checks the version of a value.
func open(data []byte) (*reader, error) {
	r := &reader{data: data}
	if version := r.int16(); version != 0 {
		return nil, fmt.Errorf("the value has version %d, which is not known", version)
	}
	return r, r.err()
}

// EpochValue is the value of EpochKind and of TargetEpochKind.
func EpochValue(epoch int32) []byte {
	w := begin()
	w.int32(epoch)
	w.noTags()
	return w.data
}

// ReadEpoch decodes it. Later versions of Kafka add a hash of the topics, which is left alone.
func ReadEpoch(data []byte) (int32, error) {
	r, err := open(data)
	if err != nil {
		return 0, err
	}
	epoch := r.int32()
	r.tags(nil)
	return epoch, r.err()
}

// Topic is a topic that members of a group read.
type Topic struct {
	Name       string
	ID         TopicID
	Partitions int32
}

// TopicsValue is the value of TopicsKind, without the racks of partitions, as Kafka 4 writes it.
func TopicsValue(topics []Topic) []byte {
	w := begin()
	w.list(len(topics))
	for i := range topics {
		w.data = append(w.data, topics[i].ID[:]...)
		w.text(topics[i].Name)
		w.int32(topics[i].Partitions)
		w.list(0)
		w.noTags()
	}
	w.noTags()
	return w.data
}

// ReadTopics decodes it.
func ReadTopics(data []byte) ([]Topic, error) {
	r, err := open(data)
	if err != nil {
		return nil, err
	}
	var topics []Topic
	for range r.list() {
		var one Topic
		copy(one.ID[:], r.take(len(one.ID)))
		one.Name, one.Partitions = r.text(), r.int32()
		for range r.list() {
			r.int32()
			r.texts()
			r.tags(nil)
		}
		r.tags(nil)
		topics = append(topics, one)
	}
	r.tags(nil)
	return topics, r.err()
}

// TargetValue is the value of TargetKind.
func TargetValue(p Partitions) []byte {
	w := begin()
	w.partitions(p)
	w.noTags()
	return w.data
}

// ReadTarget decodes it.
func ReadTarget(data []byte) (Partitions, error) {
	r, err := open(data)
	if err != nil {
		return nil, err
	}
	p := r.partitions()
	r.tags(nil)
	return p, r.err()
}

// Current is what a member has.
type Current struct {
	Epoch, Previous int32
	State           int8
	Assigned        Partitions
	Revoking        Partitions // what it has to give back first
}

// CurrentValue is the value of CurrentKind.
func CurrentValue(c *Current) []byte {
	w := begin()
	w.int32(c.Epoch)
	w.int32(c.Previous)
	w.int8(c.State)
	w.partitions(c.Assigned)
	w.partitions(c.Revoking)
	w.noTags()
	return w.data
}

// ReadCurrent decodes it.
func ReadCurrent(data []byte) (Current, error) {
	r, err := open(data)
	if err != nil {
		return Current{}, err
	}
	c := Current{Epoch: r.int32(), Previous: r.int32(), State: r.int8()}
	c.Assigned, c.Revoking = r.partitions(), r.partitions()
	r.tags(nil)
	return c, r.err()
}

// Regex is what a regular expression stands for.
type Regex struct {
	Topics  []string // in order
	Version int64    // of the image of the cluster in which they were looked up
	Time    int64    // when, in milliseconds since the epoch
}

// RegexValue is the value of RegexKind.
func RegexValue(x *Regex) []byte {
	w := begin()
	w.texts(x.Topics)
	w.int64(x.Version)
	w.int64(x.Time)
	w.noTags()
	return w.data
}

// ReadRegex decodes it.
func ReadRegex(data []byte) (Regex, error) {
	r, err := open(data)
	if err != nil {
		return Regex{}, err
	}
	x := Regex{Topics: r.texts(), Version: r.int64(), Time: r.int64()}
	r.tags(nil)
	return x, r.err()
}
