package batch

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"reflect"
	"testing"
)

var codecs = []Codec{NoCompression, Gzip, Snappy, LZ4, Zstd}

// newRand returns a source of randomness whose seed a failing test prints.
func newRand(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Int63()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewSource(seed))
}

// three is a batch's worth of records with everything that a record can have.
func three() []Record {
	return []Record{
		{Timestamp: 1000, Key: []byte("key"), Value: []byte("value")},
		{Timestamp: 900, Key: nil, Value: nil, Headers: []RecordHeader{{Key: "h", Value: []byte("v")}, {Key: ""}}},
		{Timestamp: 5000, Key: []byte{}, Value: bytes.Repeat([]byte("x"), 300)},
	}
}

// recordsOf collects the records of a batch.
func recordsOf(t *testing.T, b Batch) []Record {
	t.Helper()
	var all []Record
	err := b.Records(func(r Record) bool {
		all = append(all, clone(r))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// clone copies what a record points to, keeping null apart from empty.
func clone(r Record) Record {
	r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	var headers []RecordHeader
	for _, h := range r.Headers {
		headers = append(headers, RecordHeader{h.Key, bytes.Clone(h.Value)})
	}
	r.Headers = headers
	return r
}

func sameRecords(t *testing.T, got, want []Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d records, want %d", len(got), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("record %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
}

// changed returns a copy of a batch with a change and a CRC that fits it.
func changed(b Batch, change func(b Batch)) Batch {
	c := Batch(bytes.Clone(b))
	change(c)
	return signed(c)
}

// signed writes the CRC that fits the bytes.
func signed(b Batch) Batch {
	binary.BigEndian.PutUint32(b[atCRC:], b.computeCRC())
	return b
}

// withRecords returns a batch of count records whose record bytes are given.
func withRecords(codec Codec, count int32, records []byte) Batch {
	b := append(bytes.Clone(Build(Options{})[:HeaderSize]), records...)
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-Overhead))
	binary.BigEndian.PutUint16(b[atAttributes:], uint16(codec))
	binary.BigEndian.PutUint32(b[atLastOffsetDelta:], uint32(count-1))
	binary.BigEndian.PutUint32(b[atCount:], uint32(count))
	return signed(Batch(b))
}
