package batch

import (
	"encoding/binary"

	"github.com/chronik-go/chronik/protocol"
)

// HeaderSize is the length of a batch without its records.
const HeaderSize = 61

// Overhead is what precedes the bytes that the length field counts: base offset and the field itself.
const Overhead = 12

// Positions of the header's fields, drawn in the package comment.
const (
	atBaseOffset      = 0
	atLength          = 8
	atLeaderEpoch     = 12
	atMagic           = 16
	atCRC             = 17
	atAttributes      = 21
	atLastOffsetDelta = 23
	atBaseTimestamp   = 27
	atMaxTimestamp    = 35
	atProducerID      = 43
	atProducerEpoch   = 51
	atBaseSequence    = 53
	atCount           = 57
)

// Magic is the only batch format that is served: v2, of Kafka 0.11 and later.
const Magic = 2

// Bits of the attributes.
const (
	codecMask         int16 = 0x07
	flagLogAppendTime int16 = 0x08
	flagTransactional int16 = 0x10
	flagControl       int16 = 0x20
	flagDeleteHorizon int16 = 0x40
)

// What the producer fields and timestamps hold when there is none.
const (
	NoProducerID    int64 = -1
	NoProducerEpoch int16 = -1
	NoSequence      int32 = -1
	NoTimestamp     int64 = -1
)

// TimestampType says who gave a batch its timestamps.
type TimestampType int8

// The timestamp types, with Kafka's numbers.
const (
	CreateTime    TimestampType = 0
	LogAppendTime TimestampType = 1
)

// Header is a decoded batch header: for walking files by their headers.
type Header struct {
	BaseOffset    protocol.Offset
	LastOffset    protocol.Offset
	Size          int // of the whole batch in bytes
	LeaderEpoch   protocol.LeaderEpoch
	CRC           uint32
	Attributes    int16
	BaseTimestamp int64 // milliseconds since the epoch
	MaxTimestamp  int64
	ProducerID    int64
	ProducerEpoch int16
	BaseSequence  int32
	Count         int32
}

// PeekHeader decodes the header at the start of data, which needs only HeaderSize bytes of the batch. It
// returns false if data is shorter, is no v2 batch, or holds a size or offset range that no batch has;
// whether the records are sound is for VerifyCRC to say.
func PeekHeader(data []byte) (Header, bool) {
	if len(data) < HeaderSize || data[atMagic] != Magic {
		return Header{}, false
	}
	h := Batch(data).Header()
	if h.Size < HeaderSize || h.BaseOffset < 0 || h.LastOffset < h.BaseOffset {
		return Header{}, false
	}
	return h, true
}

// Header returns the decoded header.
func (b Batch) Header() Header {
	return Header{
		BaseOffset:    b.BaseOffset(),
		LastOffset:    b.LastOffset(),
		Size:          b.Size(),
		LeaderEpoch:   b.LeaderEpoch(),
		CRC:           b.CRC(),
		Attributes:    b.Attributes(),
		BaseTimestamp: b.BaseTimestamp(),
		MaxTimestamp:  b.MaxTimestamp(),
		ProducerID:    b.ProducerID(),
		ProducerEpoch: b.ProducerEpoch(),
		BaseSequence:  b.BaseSequence(),
		Count:         b.Count(),
	}
}

// NextOffset returns the offset after the batch.
func (h Header) NextOffset() protocol.Offset { return h.LastOffset + 1 }

// IsTransactional reports whether the batch belongs to a transaction.
func (h Header) IsTransactional() bool { return h.Attributes&flagTransactional != 0 }

// IsControl reports whether the batch holds a transaction marker instead of a user's records.
func (h Header) IsControl() bool { return h.Attributes&flagControl != 0 }

// HasProducer reports whether an idempotent or transactional producer wrote the batch.
func (h Header) HasProducer() bool { return h.ProducerID > NoProducerID }

func (b Batch) int16At(i int) int16 { return int16(binary.BigEndian.Uint16(b[i:])) }
func (b Batch) int32At(i int) int32 { return int32(binary.BigEndian.Uint32(b[i:])) }
func (b Batch) int64At(i int) int64 { return int64(binary.BigEndian.Uint64(b[i:])) }
