package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/chronik-go/chronik/protocol"
)

func putInt32(at int, value int32) func(Batch) {
	return func(b Batch) { binary.BigEndian.PutUint32(b[at:], uint32(value)) }
}

func putInt16(at int, value int16) func(Batch) {
	return func(b Batch) { binary.BigEndian.PutUint16(b[at:], uint16(value)) }
}

// The codes are those of Kafka 4: ProduceRequest.validateRecords, UnifiedLog.analyzeAndValidateRecords and
// LogValidator.validateBatch.
func TestCheckRefusesWithKafkasCodes(t *testing.T) {
	plain := Build(Options{}, three()...)
	idempotent := Build(Options{Producer: &Producer{ID: 5, Epoch: 0, Sequence: 0}}, three()...)
	zstd := Build(Options{Codec: Zstd}, three()...)
	flip := bytes.Clone(plain)
	flip[len(flip)-1]++
	for _, c := range []struct {
		name    string
		rules   Rules
		records []byte
		want    protocol.Code
	}{
		{"null", Rules{}, nil, protocol.InvalidRecord},
		{"empty", Rules{}, []byte{}, protocol.InvalidRecord},
		{"short of the overhead", Rules{}, plain[:11], protocol.InvalidRecord},
		{"short of the magic", Rules{}, plain[:16], protocol.InvalidRecord},
		{"not whole", Rules{}, plain[:len(plain)-1], protocol.InvalidRecord},
		{"impossible length", Rules{}, changed(plain, putInt32(atLength, 13)), protocol.CorruptMessage},
		{"negative length", Rules{}, changed(plain, putInt32(atLength, -1)), protocol.CorruptMessage},
		{"no room for the header", Rules{}, changed(plain, putInt32(atLength, 48))[:60],
			protocol.CorruptMessage},
		{"magic 0", Rules{}, changed(plain, func(b Batch) { b[atMagic] = 0 }), protocol.InvalidRecord},
		{"magic 1", Rules{}, changed(plain, func(b Batch) { b[atMagic] = 1 }), protocol.InvalidRecord},
		{"magic 3", Rules{}, changed(plain, func(b Batch) { b[atMagic] = 3 }), protocol.CorruptMessage},
		{"magic -1", Rules{}, changed(plain, func(b Batch) { b[atMagic] = 0xff }), protocol.CorruptMessage},
		{"two batches", Rules{}, append(bytes.Clone(plain), plain...), protocol.InvalidRecord},
		{"second of impossible length", Rules{}, append(bytes.Clone(plain), make([]byte, 40)...),
			protocol.CorruptMessage},
		{"base offset", Rules{}, changed(plain, func(b Batch) { b.Stamp(1, 0) }), protocol.InvalidRecord},
		{"too large", Rules{MaxBytes: len(plain) - 1}, plain, protocol.MessageTooLarge},
		{"larger than a segment", Rules{SegmentBytes: int64(len(plain)) - 1}, plain,
			protocol.RecordListTooLarge},
		{"wrong crc", Rules{}, flip, protocol.CorruptMessage},
		{"zstd for an old client", Rules{RefuseZstd: true}, zstd, protocol.UnsupportedCompressionType},
		{"codec 5", Rules{}, changed(plain, putInt16(atAttributes, 5)), protocol.UnsupportedCompressionType},
		{"codec 7", Rules{}, changed(plain, putInt16(atAttributes, 7)), protocol.UnsupportedCompressionType},
		{"no records", Rules{}, Build(Options{}), protocol.InvalidRecord},
		{"negative count", Rules{}, changed(plain, putInt32(atCount, -3)), protocol.InvalidRecord},
		{"count too high", Rules{}, changed(plain, putInt32(atCount, 4)), protocol.InvalidRecord},
		{"delta too high", Rules{}, changed(plain, putInt32(atLastOffsetDelta, 3)), protocol.InvalidRecord},
		{"both too high", Rules{}, withRecords(NoCompression, 4, plain[HeaderSize:]), protocol.InvalidRecord},
		{"both too low", Rules{}, withRecords(NoCompression, 2, plain[HeaderSize:]), protocol.InvalidRecord},
		{"a count of billions", Rules{}, withRecords(NoCompression, 1<<31-1, plain[HeaderSize:]),
			protocol.InvalidRecord},
		{"control", Rules{}, changed(plain, putInt16(atAttributes, flagControl)), protocol.InvalidRecord},
		{"delete horizon", Rules{}, changed(plain, putInt16(atAttributes, flagDeleteHorizon)),
			protocol.InvalidRecord},
		{"append time", Rules{}, changed(plain, putInt16(atAttributes, flagLogAppendTime)),
			protocol.InvalidTimestamp},
		{"no sequence", Rules{}, changed(idempotent, putInt32(atBaseSequence, -1)), protocol.InvalidRecord},
		{"no epoch", Rules{}, changed(idempotent, putInt16(atProducerEpoch, -1)), protocol.InvalidRecord},
		{"transaction without producer", Rules{}, changed(plain, putInt16(atAttributes, flagTransactional)),
			protocol.InvalidRecord},
		{"no key", Rules{NeedKeys: true}, plain, protocol.InvalidRecord},
		{"no key, compressed", Rules{NeedKeys: true}, zstd, protocol.InvalidRecord},
		{"too early", Rules{Timed: true, Earliest: 950, Latest: 9000}, plain, protocol.InvalidTimestamp},
		{"too late", Rules{Timed: true, Earliest: 0, Latest: 4999}, plain, protocol.InvalidTimestamp},
		{"too late, compressed", Rules{Timed: true, Earliest: 0, Latest: 4999}, zstd,
			protocol.InvalidTimestamp},
		{"both", Rules{Timed: true, NeedKeys: true, Latest: 4999}, plain, protocol.InvalidTimestamp},
		{"broken zstd", Rules{Deep: true}, withRecords(Zstd, 3, []byte("rubbish")), protocol.InvalidRecord},
		{"compressed, both too high", Rules{Deep: true}, withRecords(Zstd, 4, zstd[HeaderSize:]),
			protocol.InvalidRecord},
		{"compressed, both too low", Rules{Deep: true}, withRecords(Zstd, 2, zstd[HeaderSize:]),
			protocol.InvalidRecord},
	} {
		got, err := c.rules.Check(bytes.Clone(c.records))
		if protocol.CodeOf(err) != c.want || got != nil {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

func TestCheckAccepts(t *testing.T) {
	for _, codec := range codecs {
		for name, o := range map[string]Options{
			"plain":         {Codec: codec},
			"idempotent":    {Codec: codec, Producer: &Producer{ID: 0, Epoch: 0, Sequence: 0}},
			"transactional": {Codec: codec, Producer: &Producer{ID: 1, Epoch: 2, Sequence: 3}, Transactional: true},
		} {
			sent := Build(o, three()...)
			for _, rules := range []Rules{
				{},
				{MaxBytes: len(sent), SegmentBytes: int64(len(sent)), Deep: true},
				{Timed: true, Earliest: 900, Latest: 5000},
			} {
				b, err := rules.Check(bytes.Clone(sent))
				if err != nil || !bytes.Equal(b, sent) {
					t.Errorf("%s %s under %+v: %v", codec, name, rules, err)
				}
			}
			if _, err := Check(bytes.Clone(sent), len(sent)); err != nil {
				t.Errorf("%s %s: %v", codec, name, err)
			}
		}
	}
}

// Kafka reads as many whole batches as there are and drops the rest.
func TestTrailingBytesThatAreNoBatchAreLeftOut(t *testing.T) {
	sent := Build(Options{}, three()...)
	for _, tail := range [][]byte{{1}, make([]byte, 11), sent[:16], sent[:len(sent)-1]} {
		b, err := Check(append(bytes.Clone(sent), tail...), 0)
		if err != nil || !bytes.Equal(b, sent) || cap(b) != len(sent) {
			t.Errorf("%d bytes behind it: got %d bytes, %v", len(tail), len(b), err)
		}
	}
}

// LogValidator computes the largest timestamp anew; time indexes rest on it.
func TestCheckSetsTheLargestTimestampRight(t *testing.T) {
	for _, codec := range codecs {
		for _, wrong := range []int64{-1, 0, 4999, 5001, 1 << 60} {
			sent := changed(Build(Options{Codec: codec}, three()...), func(b Batch) {
				binary.BigEndian.PutUint64(b[atMaxTimestamp:], uint64(wrong))
			})
			b, err := Rules{Deep: true}.Check(sent)
			if err != nil || b.MaxTimestamp() != 5000 || !b.VerifyCRC() {
				t.Errorf("%s, %d: got %d, %v", codec, wrong, b.MaxTimestamp(), err)
			}
		}
	}
}

func TestRecordsWithoutTimestampAreAlwaysInTime(t *testing.T) {
	sent := Build(Options{}, Record{Timestamp: NoTimestamp, Value: []byte("v")})
	if _, err := (Rules{Timed: true, Earliest: 100, Latest: 200}).Check(sent); err != nil {
		t.Error(err)
	}
}

// From Produce version 8 on the response names the records that spoilt the batch (KIP-467).
func TestRefusedRecordsAreNamed(t *testing.T) {
	_, err := Rules{NeedKeys: true, Timed: true, Latest: 2000}.Check(Build(Options{}, three()...))
	var refused *RecordsError
	if !errors.As(err, &refused) || len(refused.Records) != 2 ||
		refused.Records[0].Index != 1 || refused.Records[1].Index != 2 {
		t.Fatalf("got %+v", err)
	}
	many := make([]Record, 1000)
	_, err = Rules{NeedKeys: true}.Check(Build(Options{}, many...))
	if !errors.As(err, &refused) || len(refused.Records) != maxRecordErrors {
		t.Errorf("got %d records named, want %d", len(refused.Records), maxRecordErrors)
	}
}

// Broken records, each with a CRC that fits: the producer is wrong, not the wire.
func TestBrokenRecordsAreInvalid(t *testing.T) {
	for name, record := range map[string][]byte{
		"nothing":                 {},
		"length only":             {14},
		"length below minimum":    {10, 0, 0, 0, 1, 1},
		"negative length":         {1, 0, 0, 0, 1, 1, 0},
		"length beyond the end":   {16, 0, 0, 0, 1, 1, 0},
		"length too long":         {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"bytes left over":         {12, 0, 0, 0, 1, 1, 0, 0},
		"bytes left in it":        {14, 0, 0, 0, 1, 1, 0, 0},
		"offset delta 1":          {12, 0, 0, 2, 1, 1, 0},
		"negative offset delta":   {12, 0, 0, 1, 1, 1, 0},
		"key beyond the end":      {12, 0, 0, 0, 20, 1, 0},
		"value beyond the end":    {12, 0, 0, 0, 1, 20, 0},
		"negative header count":   {12, 0, 0, 0, 1, 1, 1},
		"headers beyond the end":  {12, 0, 0, 0, 1, 1, 2},
		"header key null":         {16, 0, 0, 0, 1, 1, 2, 1, 1},
		"header value beyond":     {16, 0, 0, 0, 1, 1, 2, 0, 8},
		"two billion headers":     {20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f},
		"timestamp delta endless": {22, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"key length endless":      {20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 0},
	} {
		for _, codec := range codecs {
			b := withRecords(codec, 1, compress(codec, record))
			if _, err := (Rules{Deep: true}).Check(b); protocol.CodeOf(err) != protocol.InvalidRecord {
				t.Errorf("%s, %s: got %v", name, codec, err)
			}
		}
	}
	if _, err := Check(withRecords(NoCompression, 1, []byte{12, 0, 0, 0, 1, 1, 0}), 0); err != nil {
		t.Errorf("the smallest record: %v", err)
	}
}

func TestCheckOfPlainRecordsAllocatesNothing(t *testing.T) {
	if !measured {
		t.Skip("the race detector allocates too")
	}
	sent := Build(Options{}, make([]Record, 100)...)
	rules := Rules{MaxBytes: 1 << 20, Timed: true, Latest: 1 << 40}
	if got := testing.AllocsPerRun(100, func() {
		if _, err := rules.Check(sent); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

func BenchmarkCheck(b *testing.B) {
	records := make([]Record, 160)
	for i := range records {
		records[i] = Record{Timestamp: 1000, Key: []byte("key"), Value: make([]byte, 100)}
	}
	for _, codec := range []Codec{NoCompression, LZ4} {
		b.Run(codec.String(), func(b *testing.B) {
			sent := Build(Options{Codec: codec}, records...)
			b.SetBytes(int64(len(sent)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Check(sent, 1<<20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
