package batch

import (
	"github.com/chronik-go/chronik/protocol"
)

// maxRecordErrors bounds how many records of one batch are named in an answer.
const maxRecordErrors = 100

// RecordError names one record that a topic's rules refuse.
type RecordError struct {
	Index   int32 // within the batch
	Message string
}

// RecordsError refuses a batch because of single records, which the Produce response names from version 8
// on. At most 100 are named.
type RecordsError struct {
	Cause   *protocol.Error
	Records []RecordError
}

// Error implements error.
func (e *RecordsError) Error() string { return e.Cause.Error() }

// Unwrap returns the code and message for the whole batch.
func (e *RecordsError) Unwrap() error { return e.Cause }

// checkRecords judges the records themselves, as far as the rules look into them.
func (r Rules) checkRecords(b Batch) error {
	v := recordCheck{rules: r, count: b.Count(), base: b.BaseTimestamp(), max: NoTimestamp}
	switch {
	case b.Codec() == NoCompression:
		if err := v.plain(b[HeaderSize:]); err != nil {
			return err
		}
	case r.Deep || r.NeedKeys:
		if err := v.compressed(b); err != nil {
			return err
		}
	default:
		v.timestamp(b.MaxTimestamp())
		return v.refused()
	}
	if v.max != b.MaxTimestamp() {
		b.setMaxTimestamp(v.max)
	}
	return v.refused()
}

// recordCheck is the state of one walk over the records of a batch.
type recordCheck struct {
	rules  Rules
	count  int32
	base   int64 // base timestamp
	seen   int32
	max    int64 // largest timestamp so far
	late   bool  // a timestamp was out of range
	errors []RecordError
}

// plain walks records that are not compressed. It allocates nothing unless a record is refused.
func (v *recordCheck) plain(rest []byte) error {
	var one raw
	for v.seen < v.count {
		body, after, ok := cutRecord(rest)
		if !ok || !one.parse(body) {
			return protocol.Errorf(protocol.InvalidRecord, "record %d is broken", v.seen)
		}
		if err := v.record(&one); err != nil {
			return err
		}
		rest = after
	}
	if len(rest) > 0 {
		return protocol.Errorf(protocol.InvalidRecord, "%d bytes behind the last record", len(rest))
	}
	return nil
}

// compressed walks compressed records.
func (v *recordCheck) compressed(b Batch) error {
	s, err := openStream(b.Codec(), b[HeaderSize:])
	if err != nil {
		return err
	}
	defer s.close()
	var one raw
	for v.seen < v.count {
		if err := s.nextRecord(&one); err != nil {
			return protocol.Errorf(protocol.InvalidRecord, "record %d: %v", v.seen, err)
		}
		if err := v.record(&one); err != nil {
			return err
		}
	}
	if err := s.finished(); err != nil {
		return protocol.Errorf(protocol.InvalidRecord, "behind the last record: %v", err)
	}
	return nil
}

// record judges one record.
func (v *recordCheck) record(one *raw) error {
	if one.offsetDelta != v.seen {
		return protocol.Errorf(protocol.InvalidRecord, "record %d has offset delta %d", v.seen, one.offsetDelta)
	}
	if v.rules.NeedKeys && one.key == nil {
		v.refuse("a compacted topic takes no record without a key")
	}
	at := v.base + one.timestampDelta
	v.timestamp(at)
	v.max = max(v.max, at)
	v.seen++
	return nil
}

// timestamp judges a create time. NoTimestamp is always allowed.
func (v *recordCheck) timestamp(at int64) {
	if v.rules.Timed && at != NoTimestamp && (at < v.rules.Earliest || at > v.rules.Latest) {
		v.late = true
		v.refuse("the timestamp is out of the range that the topic allows")
	}
}

func (v *recordCheck) refuse(message string) {
	if len(v.errors) < maxRecordErrors {
		v.errors = append(v.errors, RecordError{Index: v.seen, Message: message})
	}
}

// refused returns the verdict of the topic's rules. One bad timestamp makes it INVALID_TIMESTAMP, as in
// Kafka.
func (v *recordCheck) refused() error {
	if len(v.errors) == 0 {
		return nil
	}
	code := protocol.InvalidRecord
	if v.late {
		code = protocol.InvalidTimestamp
	}
	return &RecordsError{
		Cause:   protocol.Errorf(code, "%d or more records are refused: %s", len(v.errors), v.errors[0].Message),
		Records: v.errors,
	}
}
