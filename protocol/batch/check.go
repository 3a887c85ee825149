package batch

import (
	"encoding/binary"

	"github.com/chronik-go/chronik/protocol"
)

// The smallest things that a length prefix can announce: a record of format v0, which is what Kafka
// compares with before it knows the format, and the bytes up to the magic byte.
const (
	minLegacyRecord = 14
	sizeUpToMagic   = atMagic + 1
)

// Rules say what a topic demands of a batch that a client sends. The zero value demands only what every
// batch must be.
type Rules struct {
	MaxBytes     int   // max.message.bytes; 0 for no limit
	SegmentBytes int64 // segment.bytes, which no batch may exceed; 0 for no limit
	RefuseZstd   bool  // for Produce versions below 7, whose clients could not read it back
	NeedKeys     bool  // the topic is compacted
	Timed        bool  // create times must lie between Earliest and Latest
	Earliest     int64 // milliseconds since the epoch
	Latest       int64
	Deep         bool // also look into compressed records
}

// Check returns the batch in records as a producer sent it, under Rules with only a size limit.
func Check(records []byte, maxBytes int) (Batch, error) {
	return Rules{MaxBytes: maxBytes}.Check(records)
}

// Check returns the one batch in records, or an *protocol.Error (for single records a *RecordsError) with
// the code that Kafka's ProduceRequest.validateRecords, UnifiedLog and LogValidator give:
//
//	no whole batch, a second one, magic 0 or 1   INVALID_RECORD
//	size or magic that no batch has              CORRUPT_MESSAGE
//	larger than MaxBytes                         MESSAGE_TOO_LARGE
//	larger than SegmentBytes                     RECORD_LIST_TOO_LARGE
//	wrong CRC                                    CORRUPT_MESSAGE
//	zstd under RefuseZstd, an unknown codec      UNSUPPORTED_COMPRESSION_TYPE
//	base offset not 0, count and offsets that    INVALID_RECORD
//	disagree, control batch, broken records,
//	producer fields that do not fit together
//	record without key under NeedKeys            INVALID_RECORD
//	create time outside Earliest to Latest,      INVALID_TIMESTAMP
//	append time given by the client
//
// Stricter than Kafka, whose clients never send such things: an unknown codec (Kafka stumbles over it and
// answers UNKNOWN_SERVER_ERROR), offset deltas that do not count up from 0 in records that are not
// compressed, a delete horizon, a producer id without an epoch, a transactional batch without a producer id.
//
// Records that are not compressed are walked. Compressed ones are taken by their header, unless Deep or
// NeedKeys asks for more: the producer pays for decompression, not the broker. Where the records have been
// seen, the header gets their true largest timestamp, in place, if the producer computed another. Bytes
// behind the batch that are no batch are left out, as Kafka does.
func (r Rules) Check(records []byte) (Batch, error) {
	b, rest, err := Split(records)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, protocol.Errorf(protocol.InvalidRecord, "no record batch for the partition")
	}
	if err := r.checkFormat(b); err != nil {
		return nil, err
	}
	if second, _, err := Split(rest); err != nil || second != nil {
		if err != nil {
			return nil, err
		}
		return nil, protocol.Errorf(protocol.InvalidRecord, "more than one record batch for the partition")
	}
	if err := r.checkWhole(b); err != nil {
		return nil, err
	}
	if err := checkHeader(b); err != nil {
		return nil, err
	}
	if err := r.checkRecords(b); err != nil {
		return nil, err
	}
	return b, nil
}

// Split cuts the first whole batch off records, of whatever format. The batch is nil if what is left is
// too short for the batch it begins; an error says that it cannot be the beginning of a batch.
func Split(records []byte) (b Batch, rest []byte, err error) {
	if len(records) < Overhead {
		return nil, nil, nil
	}
	length := int(int32(binary.BigEndian.Uint32(records[atLength:])))
	if length < minLegacyRecord {
		return nil, nil, protocol.Errorf(protocol.CorruptMessage, "record batch of impossible length %d", length)
	}
	if len(records) < sizeUpToMagic {
		return nil, nil, nil
	}
	if magic := int8(records[atMagic]); magic < 0 || magic > Magic {
		return nil, nil, protocol.Errorf(protocol.CorruptMessage, "record batch of unknown magic %d", magic)
	}
	size := length + Overhead
	if size > len(records) {
		return nil, nil, nil
	}
	return Batch(records[:size:size]), records[size:], nil
}

// checkFormat judges what a client may send at all.
func (r Rules) checkFormat(b Batch) error {
	if b.Magic() != Magic {
		return protocol.Errorf(protocol.InvalidRecord, "record batch of magic %d, want %d", b.Magic(), Magic)
	}
	if len(b) < HeaderSize {
		return protocol.Errorf(protocol.CorruptMessage, "record batch of %d bytes has no header", len(b))
	}
	if codec := b.Codec(); codec > Zstd || codec == Zstd && r.RefuseZstd {
		return protocol.Errorf(protocol.UnsupportedCompressionType, "compression %s (%d) is not supported here",
			codec, int8(codec))
	}
	if b.BaseOffset() != 0 {
		return protocol.Errorf(protocol.InvalidRecord, "base offset %d, want 0", b.BaseOffset())
	}
	return nil
}

// checkWhole judges the size and the CRC.
func (r Rules) checkWhole(b Batch) error {
	if r.MaxBytes > 0 && len(b) > r.MaxBytes {
		return protocol.Errorf(protocol.MessageTooLarge, "record batch of %d bytes, at most %d are allowed",
			len(b), r.MaxBytes)
	}
	if !b.VerifyCRC() {
		return protocol.Errorf(protocol.CorruptMessage, "record batch fails its CRC-32C check")
	}
	if r.SegmentBytes > 0 && int64(len(b)) > r.SegmentBytes {
		return protocol.Errorf(protocol.RecordListTooLarge, "record batch of %d bytes, a segment takes %d",
			len(b), r.SegmentBytes)
	}
	return nil
}

// checkHeader judges whether the fields of the header agree with each other.
func checkHeader(b Batch) error {
	invalid := func(format string, args ...any) error {
		return protocol.Errorf(protocol.InvalidRecord, format, args...)
	}
	count, attributes := b.Count(), b.Attributes()
	switch {
	case count <= 0:
		return invalid("record count %d", count)
	case b.LastOffsetDelta() != count-1:
		return invalid("last offset delta %d with %d records", b.LastOffsetDelta(), count)
	case attributes&flagControl != 0:
		return invalid("clients may not write control batches")
	case attributes&flagDeleteHorizon != 0:
		return invalid("clients may not set a delete horizon")
	case attributes&flagLogAppendTime != 0:
		return protocol.Errorf(protocol.InvalidTimestamp, "clients may not set the log append time")
	case b.HasProducer() && b.BaseSequence() < 0:
		return invalid("base sequence %d with producer id %d", b.BaseSequence(), b.ProducerID())
	case b.HasProducer() && b.ProducerEpoch() < 0:
		return invalid("producer epoch %d with producer id %d", b.ProducerEpoch(), b.ProducerID())
	case !b.HasProducer() && attributes&flagTransactional != 0:
		return invalid("transactional batch without a producer id")
	}
	return nil
}
