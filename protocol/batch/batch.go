package batch

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/chronik-go/chronik/protocol"
)

// Batch is one whole v2 record batch, viewed over its bytes: nothing is copied or decoded until asked for.
// The getters do no checks of their own, so a Batch comes from Check, Split or Build, or from a file whose
// header PeekHeader has accepted.
type Batch []byte

// BaseOffset returns the offset of the first record.
func (b Batch) BaseOffset() protocol.Offset { return protocol.Offset(b.int64At(atBaseOffset)) }

// LastOffset returns the offset of the last record.
func (b Batch) LastOffset() protocol.Offset {
	return b.BaseOffset() + protocol.Offset(b.LastOffsetDelta())
}

// NextOffset returns the offset after the batch.
func (b Batch) NextOffset() protocol.Offset { return b.LastOffset() + 1 }

// Size returns the length of the batch in bytes as its header states it.
func (b Batch) Size() int { return int(b.int32At(atLength)) + Overhead }

// LeaderEpoch returns the epoch of the leader that gave the batch its offsets.
func (b Batch) LeaderEpoch() protocol.LeaderEpoch {
	return protocol.LeaderEpoch(b.int32At(atLeaderEpoch))
}

// Magic returns the format version.
func (b Batch) Magic() int8 { return int8(b[atMagic]) }

// CRC returns the CRC-32C that the header states.
func (b Batch) CRC() uint32 { return binary.BigEndian.Uint32(b[atCRC:]) }

// Summed returns how many bytes, the last ones, the CRC is of.
func (b Batch) Summed() int { return len(b) - atAttributes }

// Attributes returns the attribute bits.
func (b Batch) Attributes() int16 { return b.int16At(atAttributes) }

// Codec returns how the records are compressed.
func (b Batch) Codec() Codec { return Codec(b.Attributes() & codecMask) }

// IsTransactional reports whether the batch belongs to a transaction.
func (b Batch) IsTransactional() bool { return b.Attributes()&flagTransactional != 0 }

// IsControl reports whether the batch holds a transaction marker instead of a user's records.
func (b Batch) IsControl() bool { return b.Attributes()&flagControl != 0 }

// TimestampType returns who gave the records their timestamps.
func (b Batch) TimestampType() TimestampType {
	if b.Attributes()&flagLogAppendTime != 0 {
		return LogAppendTime
	}
	return CreateTime
}

// LastOffsetDelta returns the distance of the last record's offset from the base offset.
func (b Batch) LastOffsetDelta() int32 { return b.int32At(atLastOffsetDelta) }

// BaseTimestamp returns the timestamp that the records' deltas count from, in milliseconds since the epoch.
func (b Batch) BaseTimestamp() int64 { return b.int64At(atBaseTimestamp) }

// MaxTimestamp returns the largest timestamp of the records, or the append time under LogAppendTime.
func (b Batch) MaxTimestamp() int64 { return b.int64At(atMaxTimestamp) }

// ProducerID returns the id of the idempotent producer, NoProducerID where there is none.
func (b Batch) ProducerID() int64 { return b.int64At(atProducerID) }

// HasProducer reports whether an idempotent or transactional producer wrote the batch.
func (b Batch) HasProducer() bool { return b.ProducerID() > NoProducerID }

// ProducerEpoch returns the producer's epoch, NoProducerEpoch where there is none.
func (b Batch) ProducerEpoch() int16 { return b.int16At(atProducerEpoch) }

// BaseSequence returns the sequence number of the first record, NoSequence where there is none.
func (b Batch) BaseSequence() int32 { return b.int32At(atBaseSequence) }

// LastSequence returns the sequence number of the last record. Sequence numbers wrap from the largest
// int32 to 0.
func (b Batch) LastSequence() int32 {
	base := b.BaseSequence()
	if base == NoSequence {
		return NoSequence
	}
	return AddSequence(base, b.LastOffsetDelta())
}

// AddSequence returns the sequence number n after base, both not negative, wrapping as Kafka's do.
func AddSequence(base, n int32) int32 {
	return int32((int64(base) + int64(n)) & (1<<31 - 1))
}

// Count returns the number of records.
func (b Batch) Count() int32 { return b.int32At(atCount) }

// Stamp writes the base offset and the leader epoch in place. Both lie outside the CRC, so it stays valid.
func (b Batch) Stamp(offset protocol.Offset, epoch protocol.LeaderEpoch) {
	binary.BigEndian.PutUint64(b[atBaseOffset:], uint64(offset))
	binary.BigEndian.PutUint32(b[atLeaderEpoch:], uint32(epoch))
}

// SetLogAppendTime gives the records the append time ms, in place, as message.timestamp.type=LogAppendTime
// demands, and computes the CRC again.
func (b Batch) SetLogAppendTime(ms int64) {
	binary.BigEndian.PutUint16(b[atAttributes:], uint16(b.Attributes()|flagLogAppendTime))
	b.setMaxTimestamp(ms)
}

// setMaxTimestamp writes the largest timestamp in place and computes the CRC again.
func (b Batch) setMaxTimestamp(ms int64) {
	binary.BigEndian.PutUint64(b[atMaxTimestamp:], uint64(ms))
	binary.BigEndian.PutUint32(b[atCRC:], b.computeCRC())
}

// VerifyCRC reports whether the bytes from the attributes on have the CRC-32C that the header states.
func (b Batch) VerifyCRC() bool {
	return len(b) >= HeaderSize && b.CRC() == b.computeCRC()
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (b Batch) computeCRC() uint32 { return crc32.Checksum(b[atAttributes:], castagnoli) }
