package batch

import (
	"github.com/chronik-go/chronik/protocol"
)

// Record is one record of a batch. A nil Key or Value is null.
type Record struct {
	Offset    protocol.Offset
	Timestamp int64 // milliseconds since the epoch; the append time under LogAppendTime
	Key       []byte
	Value     []byte
	Headers   []RecordHeader
}

// RecordHeader is one header of a record. A nil Value is null.
type RecordHeader struct {
	Key   string
	Value []byte
}

// Records visits the records in order, decompressing them as it goes, until visit returns false. It holds
// no more than one record at a time; what a Record points to is valid during its visit only.
//
// The error is an *protocol.Error of code InvalidRecord if the records are broken, do not agree with the
// header or decompress to more than MaxDecompressedBytes; earlier records have been visited then. Records
// behind one at which visit stopped are not looked at. Since few zstd batches with a large window are read
// at the same time, visit must not wait for another batch to be read.
func (b Batch) Records(visit func(r Record) bool) error {
	s, err := openStream(b.Codec(), b[HeaderSize:])
	if err != nil {
		return err
	}
	defer s.close()
	var one raw
	var r Record
	for i := int32(0); i < b.Count(); i++ {
		if err := s.nextRecord(&one); err != nil {
			return protocol.Errorf(protocol.InvalidRecord, "record %d of %d: %v", i, b.Count(), err)
		}
		b.decode(&r, &one)
		if !visit(r) {
			return nil
		}
	}
	if err := s.finished(); err != nil {
		return protocol.Errorf(protocol.InvalidRecord, "behind the last record: %v", err)
	}
	return nil
}

// decode fills r from one, using the room of its headers again.
func (b Batch) decode(r *Record, one *raw) {
	r.Offset = b.BaseOffset() + protocol.Offset(one.offsetDelta)
	r.Timestamp = b.BaseTimestamp() + one.timestampDelta
	if b.TimestampType() == LogAppendTime {
		r.Timestamp = b.MaxTimestamp()
	}
	r.Key, r.Value = one.key, one.value
	r.Headers = one.appendHeaders(r.Headers[:0])
}

// appendHeaders appends the decoded headers, which parse has found sound.
func (r *raw) appendHeaders(to []RecordHeader) []RecordHeader {
	rest := r.headers
	for i := int32(0); i < r.headerCount; i++ {
		key, after, _ := cutBytes(rest)
		var value []byte
		value, rest, _ = cutBytes(after)
		to = append(to, RecordHeader{Key: string(key), Value: value})
	}
	return to
}
