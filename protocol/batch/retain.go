package batch

import (
	"encoding/binary"
	"slices"

	"github.com/chronik-go/chronik/protocol"
)

// Entry is what compaction looks at of a record. Key is nil for null, and valid during the visit only.
type Entry struct {
	Offset    protocol.Offset
	Key       []byte
	Tombstone bool // its value is null
}

// Entries visits the records in order, as Records does, without what compaction has no use for.
func (b Batch) Entries(visit func(e Entry) bool) error {
	s, err := openStream(b.Codec(), b[HeaderSize:])
	if err != nil {
		return err
	}
	defer s.close()
	var one raw
	for i := int32(0); i < b.Count(); i++ {
		if err := s.nextRecord(&one); err != nil {
			return protocol.Errorf(protocol.InvalidRecord, "record %d of %d: %v", i, b.Count(), err)
		}
		offset := b.BaseOffset() + protocol.Offset(one.offsetDelta)
		if !visit(Entry{Offset: offset, Key: one.key, Tombstone: one.value == nil}) {
			return nil
		}
	}
	return nil
}

// NoHorizon says that a batch is to get no delete horizon.
const NoHorizon int64 = -1

// DeleteHorizon returns the time (milliseconds since the epoch) from which on compaction may drop the
// tombstones or the marker in the batch, false if it was not set yet (KIP-534).
func (b Batch) DeleteHorizon() (int64, bool) {
	return b.BaseTimestamp(), b.Attributes()&flagDeleteHorizon != 0
}

// Retain returns a batch with the records for which keep, by their number, is true. Offsets, sequence
// numbers, timestamps and codec stay what they are; the range of offsets too, since the last sequence number
// follows from it. A horizon other than NoHorizon becomes the delete horizon, which takes the place of the
// base timestamp. b is not changed.
func (b Batch) Retain(keep []bool, horizon int64) (Batch, error) {
	s, err := openStream(b.Codec(), b[HeaderSize:])
	if err != nil {
		return nil, err
	}
	defer s.close()
	shift := int64(0)
	if horizon != NoHorizon {
		shift = b.BaseTimestamp() - horizon
	}
	body, count, newest := make([]byte, 0, len(b)), 0, NoTimestamp
	var one raw
	for i := range keep {
		data, err := s.next()
		if err != nil || !one.parse(data) {
			return nil, protocol.Errorf(protocol.InvalidRecord, "record %d of %d is broken", i, b.Count())
		}
		if !keep[i] {
			continue
		}
		body = appendShifted(body, data, shift)
		newest = max(newest, b.BaseTimestamp()+one.timestampDelta)
		count++
	}
	if count == 0 {
		return b.Emptied(), nil
	}
	if b.TimestampType() == LogAppendTime {
		newest = b.MaxTimestamp()
	}
	fresh := append(slices.Clone(b[:HeaderSize]), compress(b.Codec(), body)...)
	if horizon != NoHorizon {
		binary.BigEndian.PutUint16(fresh[atAttributes:], uint16(b.Attributes()|flagDeleteHorizon))
		binary.BigEndian.PutUint64(fresh[atBaseTimestamp:], uint64(horizon))
	}
	binary.BigEndian.PutUint32(fresh[atLength:], uint32(len(fresh)-Overhead))
	binary.BigEndian.PutUint32(fresh[atCount:], uint32(count))
	fresh.setMaxTimestamp(newest)
	return fresh, nil
}

// appendShifted appends a record whose body is given, its timestamp delta raised by shift.
func appendShifted(to, body []byte, shift int64) []byte {
	if shift == 0 {
		to = binary.AppendVarint(to, int64(len(body)))
		return append(to, body...)
	}
	delta, n := varlong(body[1:])
	var changed [binary.MaxVarintLen64]byte
	size := binary.PutVarint(changed[:], delta+shift)
	to = binary.AppendVarint(to, int64(len(body)-n+size))
	to = append(append(to, body[0]), changed[:size]...)
	return append(to, body[1+n:]...)
}

// Emptied returns the batch without records: a header that says which offsets and sequence numbers were
// taken and by whom.
func (b Batch) Emptied() Batch {
	fresh := slices.Clone(b[:HeaderSize])
	binary.BigEndian.PutUint16(fresh[atAttributes:], uint16(b.Attributes()&^(codecMask|flagDeleteHorizon)))
	binary.BigEndian.PutUint32(fresh[atLength:], HeaderSize-Overhead)
	none := NoTimestamp
	binary.BigEndian.PutUint64(fresh[atBaseTimestamp:], uint64(none))
	binary.BigEndian.PutUint32(fresh[atCount:], 0)
	fresh.setMaxTimestamp(NoTimestamp)
	return fresh
}

// Filler returns a batch without records and without producer that takes the offsets from base to last.
// last - base must be below 1<<31.
func Filler(base, last protocol.Offset, epoch protocol.LeaderEpoch) Batch {
	b := Build(Options{BaseOffset: base, LeaderEpoch: epoch})
	binary.BigEndian.PutUint32(b[atLastOffsetDelta:], uint32(last-base))
	b.setMaxTimestamp(NoTimestamp)
	return b
}

// IsFiller tells whether a batch is what Filler returns.
func (h Header) IsFiller() bool { return h.Count == 0 && !h.HasProducer() && !h.IsControl() }
