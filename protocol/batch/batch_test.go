package batch

import (
	"bytes"
	"math"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

func TestEveryFieldIsWhereKafkaHasIt(t *testing.T) {
	b := Build(Options{
		Codec: NoCompression, BaseOffset: 1 << 40, LeaderEpoch: 77, Transactional: true,
		Producer: &Producer{ID: 1 << 50, Epoch: 12, Sequence: 34},
	}, three()...)
	var k kmsg.RecordBatch // generated from Kafka's definition
	if err := k.ReadFrom(b); err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]int64{
		"base offset":       {int64(b.BaseOffset()), k.FirstOffset},
		"size":              {int64(b.Size()), int64(k.Length) + 12},
		"leader epoch":      {int64(b.LeaderEpoch()), int64(k.PartitionLeaderEpoch)},
		"magic":             {int64(b.Magic()), int64(k.Magic)},
		"crc":               {int64(int32(b.CRC())), int64(k.CRC)},
		"attributes":        {int64(b.Attributes()), int64(k.Attributes)},
		"last offset delta": {int64(b.LastOffsetDelta()), int64(k.LastOffsetDelta)},
		"base timestamp":    {b.BaseTimestamp(), k.FirstTimestamp},
		"max timestamp":     {b.MaxTimestamp(), k.MaxTimestamp},
		"producer id":       {b.ProducerID(), k.ProducerID},
		"producer epoch":    {int64(b.ProducerEpoch()), int64(k.ProducerEpoch)},
		"base sequence":     {int64(b.BaseSequence()), int64(k.FirstSequence)},
		"count":             {int64(b.Count()), int64(k.NumRecords)},
		"built size":        {int64(b.Size()), int64(len(b))},
		"last offset":       {int64(b.LastOffset()), 1<<40 + 2},
		"next offset":       {int64(b.NextOffset()), 1<<40 + 3},
		"last sequence":     {int64(b.LastSequence()), 36},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %d, want %d", name, pair[0], pair[1])
		}
	}
	if !b.IsTransactional() || b.IsControl() || !b.HasProducer() || b.TimestampType() != CreateTime {
		t.Error("flags are wrong")
	}
	if h, ok := PeekHeader(b[:HeaderSize]); !ok || h != b.Header() || h.NextOffset() != b.NextOffset() ||
		!h.IsTransactional() || h.IsControl() || !h.HasProducer() {
		t.Errorf("got %+v, %v", h, ok)
	}
}

func TestRecordsAreLaidOutAsKafkas(t *testing.T) {
	want := three()
	b := Build(Options{}, want...)
	var k kmsg.RecordBatch
	if err := k.ReadFrom(b); err != nil {
		t.Fatal(err)
	}
	rest := k.Records
	for i := range want {
		body, after, ok := cutRecord(rest)
		var r kmsg.Record
		if err := r.ReadFrom(rest[:len(rest)-len(after)]); err != nil || !ok {
			t.Fatal(err, ok)
		}
		if int(r.Length) != len(body) || int(r.OffsetDelta) != i || !bytes.Equal(r.Key, want[i].Key) ||
			!bytes.Equal(r.Value, want[i].Value) || len(r.Headers) != len(want[i].Headers) ||
			r.TimestampDelta64 != want[i].Timestamp-want[0].Timestamp {
			t.Errorf("record %d: got %+v", i, r)
		}
		rest = after
	}
}

// Offsets and leader epoch are assigned by the leader after the producer has signed the batch.
func TestStampLeavesTheCRCValid(t *testing.T) {
	b := Build(Options{}, three()...)
	crc := b.CRC()
	b.Stamp(123456789012, 42)
	if b.BaseOffset() != 123456789012 || b.LeaderEpoch() != 42 || b.CRC() != crc || !b.VerifyCRC() {
		t.Errorf("got %+v", b.Header())
	}
}

func TestSetLogAppendTime(t *testing.T) {
	b := Build(Options{Codec: Gzip}, three()...)
	b.SetLogAppendTime(9999)
	if b.TimestampType() != LogAppendTime || b.MaxTimestamp() != 9999 || b.Codec() != Gzip || !b.VerifyCRC() {
		t.Errorf("got %+v", b.Header())
	}
	for _, r := range recordsOf(t, b) {
		if r.Timestamp != 9999 {
			t.Errorf("record %d has timestamp %d, want the append time", r.Offset, r.Timestamp)
		}
	}
}

func TestVerifyCRCSeesEveryFlippedBit(t *testing.T) {
	b := Build(Options{}, three()...)
	for i := atCRC; i < len(b); i++ {
		for bit := 0; bit < 8; bit++ {
			b[i] ^= 1 << bit
			if b.VerifyCRC() {
				t.Fatalf("bit %d of byte %d is not noticed", bit, i)
			}
			b[i] ^= 1 << bit
		}
	}
	if !b.VerifyCRC() || Batch(b[:10]).VerifyCRC() {
		t.Error("want the whole batch valid and a stump invalid")
	}
}

func TestSequencesWrap(t *testing.T) {
	for _, c := range []struct{ base, n, want int32 }{
		{0, 0, 0}, {5, 10, 15}, {math.MaxInt32, 1, 0}, {math.MaxInt32 - 2, 5, 2},
	} {
		if got := AddSequence(c.base, c.n); got != c.want {
			t.Errorf("%d + %d: got %d, want %d", c.base, c.n, got, c.want)
		}
	}
	if got := Build(Options{}, three()...).LastSequence(); got != NoSequence {
		t.Errorf("without a producer: got %d", got)
	}
}

func TestPeekHeaderRefusesWhatIsNoBatch(t *testing.T) {
	b := Build(Options{BaseOffset: 7}, three()...)
	for name, data := range map[string][]byte{
		"short":              b[:HeaderSize-1],
		"zeros":              make([]byte, 100), // the preallocated end of a segment
		"magic 1":            changed(b, func(b Batch) { b[atMagic] = 1 }),
		"size below header":  changed(b, func(b Batch) { copy(b[atLength:], []byte{0, 0, 0, 48}) }),
		"negative size":      changed(b, func(b Batch) { copy(b[atLength:], []byte{0xff, 0, 0, 0}) }),
		"negative offset":    changed(b, func(b Batch) { b[0] = 0xff }),
		"negative delta":     changed(b, func(b Batch) { b[atLastOffsetDelta] = 0xff }),
		"offset overflowing": changed(b, func(b Batch) { b.Stamp(math.MaxInt64, 0) }),
	} {
		if h, ok := PeekHeader(data); ok {
			t.Errorf("%s: got %+v", name, h)
		}
	}
	if _, ok := PeekHeader(b[:HeaderSize]); !ok {
		t.Error("a header alone must do")
	}
}

func TestMarkersAreControlBatches(t *testing.T) {
	producer := &Producer{ID: 9, Epoch: 1, Sequence: NoSequence}
	b := Build(Options{Control: true, Transactional: true, Producer: producer}, Marker(true, 3, 1000))
	r := recordsOf(t, b)
	if !b.IsControl() || len(r) != 1 || !bytes.Equal(r[0].Key, []byte{0, 0, 0, 1}) ||
		!bytes.Equal(r[0].Value, []byte{0, 0, 0, 0, 0, 3}) {
		t.Errorf("got %+v %+v", b.Header(), r)
	}
	if abort := Marker(false, 3, 1000); !bytes.Equal(abort.Key, []byte{0, 0, 0, 0}) {
		t.Errorf("got %+v", abort)
	}
}

func TestOffsetsAreProtocolOffsets(t *testing.T) {
	b := Build(Options{BaseOffset: 100}, three()...)
	for i, r := range recordsOf(t, b) {
		if r.Offset != protocol.Offset(100+i) {
			t.Errorf("record %d: got offset %d", i, r.Offset)
		}
	}
}

func BenchmarkVerifyCRC(b *testing.B) {
	batch := Build(Options{}, Record{Value: make([]byte, 1<<20)})
	b.SetBytes(int64(len(batch)))
	for b.Loop() {
		if !batch.VerifyCRC() {
			b.Fatal("invalid")
		}
	}
}
