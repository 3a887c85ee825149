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
// behind one at which visit stopped are not looked at.
func (b Batch) Records(visit func(r Record) bool) error {
	base, timestamp := b.BaseOffset(), b.BaseTimestamp()
	appendTime := b.TimestampType() == LogAppendTime
	var headers []RecordHeader
	return b.walk(func(one *raw) bool {
		r := Record{
			Offset:    base + protocol.Offset(one.offsetDelta),
			Timestamp: timestamp + one.timestampDelta,
			Key:       one.key,
			Value:     one.value,
		}
		if appendTime {
			r.Timestamp = b.MaxTimestamp()
		}
		if one.headerCount > 0 {
			headers = one.appendHeaders(headers[:0])
			r.Headers = headers
		}
		return visit(r)
	})
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

// walk visits the records without decoding their headers. The raw record is used again for the next one.
func (b Batch) walk(visit func(*raw) bool) error {
	s, err := openStream(b.Codec(), b[HeaderSize:])
	if err != nil {
		return err
	}
	defer s.close()
	var one raw
	for i := int32(0); i < b.Count(); i++ {
		body, err := s.next()
		if err != nil {
			return protocol.Errorf(protocol.InvalidRecord, "record %d of %d: %v", i, b.Count(), err)
		}
		if !one.parse(body) {
			return protocol.Errorf(protocol.InvalidRecord, "record %d of %d is broken", i, b.Count())
		}
		if !visit(&one) {
			return nil
		}
	}
	if err := s.finished(); err != nil {
		return protocol.Errorf(protocol.InvalidRecord, "behind the last record: %v", err)
	}
	return nil
}
