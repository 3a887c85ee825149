package batch

import (
	"bytes"
	"testing"

	"github.com/chronik-go/chronik/protocol"
)

func seeds(f *testing.F) {
	for _, codec := range codecs {
		f.Add([]byte(Build(Options{Codec: codec}, three()...)))
		producer := &Producer{ID: 1, Epoch: 1, Sequence: 1}
		f.Add([]byte(Build(Options{Codec: codec, Producer: producer, Transactional: true}, three()...)))
	}
	f.Add([]byte(Build(Options{Control: true}, Marker(true, 1, 1))))
	f.Add([]byte(Build(Options{})))
}

// FuzzCheck: whatever arrives, Check does not panic, answers with a code of its table, and what it accepts
// stays accepted and can be read.
func FuzzCheck(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, records []byte) {
		signIfWhole(records)
		rules := Rules{MaxBytes: 1 << 20, Deep: true}
		b, err := rules.Check(records)
		switch protocol.CodeOf(err) {
		case protocol.None:
		case protocol.InvalidRecord, protocol.CorruptMessage, protocol.InvalidTimestamp,
			protocol.UnsupportedCompressionType, protocol.MessageTooLarge:
			return
		default:
			t.Fatalf("got %v", err)
		}
		once := bytes.Clone(b)
		again, err := rules.Check(b)
		if err != nil || !bytes.Equal(again, once) {
			t.Fatalf("accepted once, then %v", err)
		}
		var seen int32
		if err := b.Records(func(r Record) bool { seen++; return true }); err != nil || seen != b.Count() {
			t.Fatalf("accepted, but reads %d of %d records: %v", seen, b.Count(), err)
		}
	})
}

// signIfWhole gives fuzzed bytes a fitting CRC, since the fuzzer does not find one by itself.
func signIfWhole(records []byte) {
	if b, _, err := Split(records); err == nil && len(b) >= HeaderSize {
		signed(b)
	}
}

// FuzzRecords reads records of all codecs from bytes that nobody has checked.
func FuzzRecords(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		h, ok := PeekHeader(data)
		if !ok {
			return
		}
		b := Batch(data[:min(len(data), h.Size)])
		var seen int32
		err := b.Records(func(r Record) bool { seen++; return true })
		if err == nil && seen != max(h.Count, 0) {
			t.Fatalf("read %d of %d records without an error", seen, h.Count)
		}
	})
}
