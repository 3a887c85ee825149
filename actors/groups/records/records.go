package records

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol/batch"
)

// Versions that are written, those of Kafka 4: a commit with a time of its own to expire needs the older one.
const (
	offsetKeyVersion      = 1
	offsetValueVersion    = 3
	offsetExpiringVersion = 1
	groupKeyVersion       = 2
)

// Offset is a committed offset.
type Offset struct {
	Offset      int64
	LeaderEpoch int32 // -1: not known
	Metadata    string
	Committed   int64 // milliseconds since the epoch
	Expires     int64 // the same; -1: when its group's offsets do
	At          int64 // where its batch begins in the log; not part of the record
}

// OffsetKey is what a committed offset belongs to.
type OffsetKey struct {
	Group, Topic string
	Partition    int32
}

// GroupKey is the group that a group's record belongs to.
type GroupKey struct{ Group string }

// Key returns an OffsetKey, a GroupKey, a ModernKey, or nil for a key that stands for something else.
func Key(data []byte) any {
	if len(data) < 2 {
		return nil
	}
	switch version := binary.BigEndian.Uint16(data); version {
	case 0, 1:
		key := kmsg.NewOffsetCommitKey()
		if key.ReadFrom(data) != nil {
			return nil
		}
		return OffsetKey{Group: key.Group, Topic: key.Topic, Partition: key.Partition}
	case groupKeyVersion:
		key := kmsg.NewGroupMetadataKey()
		if key.ReadFrom(data) != nil {
			return nil
		}
		return GroupKey{Group: key.Group}
	}
	return modernKey(data)
}

// ReadOffset decodes the value of an offset's record.
func ReadOffset(data []byte) (Offset, error) {
	value := kmsg.NewOffsetCommitValue()
	if err := value.ReadFrom(data); err != nil {
		return Offset{}, err
	}
	o := Offset{
		Offset: value.Offset, LeaderEpoch: value.LeaderEpoch, Metadata: value.Metadata,
		Committed: value.CommitTimestamp, Expires: -1,
	}
	if value.Version < 3 {
		o.LeaderEpoch = -1
	}
	if value.Version == offsetExpiringVersion {
		o.Expires = value.ExpireTimestamp
	}
	return o, nil
}

// OffsetRecord returns the record of a committed offset; nil is the record that removes it.
func OffsetRecord(k OffsetKey, o *Offset) batch.Record {
	key := kmsg.NewOffsetCommitKey()
	key.Version, key.Group, key.Topic, key.Partition = offsetKeyVersion, k.Group, k.Topic, k.Partition
	record := batch.Record{Key: key.AppendTo(nil)}
	if o == nil {
		return record
	}
	value := kmsg.NewOffsetCommitValue()
	value.Version = offsetValueVersion
	if o.Expires >= 0 {
		value.Version, value.ExpireTimestamp = offsetExpiringVersion, o.Expires
	}
	value.Offset, value.LeaderEpoch, value.Metadata = o.Offset, o.LeaderEpoch, o.Metadata
	value.CommitTimestamp = o.Committed
	record.Value = value.AppendTo(nil)
	return record
}

// GroupRecord returns the record of a group; a nil value removes it.
func GroupRecord(group string, value []byte) batch.Record {
	key := kmsg.NewGroupMetadataKey()
	key.Version, key.Group = groupKeyVersion, group
	return batch.Record{Key: key.AppendTo(nil), Value: value}
}
