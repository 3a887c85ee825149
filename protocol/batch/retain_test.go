package batch

import (
	"fmt"
	"testing"

	"github.com/chronik-go/chronik/protocol"
)

func retainable(codec Codec) Batch {
	return Build(Options{Codec: codec, BaseOffset: 100, LeaderEpoch: 7, Producer: &Producer{ID: 5, Sequence: 9}},
		Record{Timestamp: 1000, Key: []byte("a"), Value: []byte("1")},
		Record{Timestamp: 3000, Key: []byte("b"), Headers: []RecordHeader{{Key: "h", Value: []byte("v")}}},
		Record{Timestamp: 2000, Key: []byte("c"), Value: []byte{}},
	)
}

func texts(t *testing.T, b Batch) (all []string) {
	t.Helper()
	err := b.Records(func(r Record) bool {
		all = append(all, fmt.Sprintf("%d %d %s=%q nil:%v %d", r.Offset, r.Timestamp, r.Key, r.Value, r.Value == nil,
			len(r.Headers)))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRetainKeepsOffsetsTimesAndSequences goes through every choice of records, codec and horizon.
func TestRetainKeepsOffsetsTimesAndSequences(t *testing.T) {
	for codec := NoCompression; codec <= Zstd; codec++ {
		b := retainable(codec)
		before := texts(t, b)
		for choice := range 8 {
			for _, horizon := range []int64{NoHorizon, 0, 99_999_999_999} {
				keep := []bool{choice&1 != 0, choice&2 != 0, choice&4 != 0}
				got, err := b.Retain(keep, horizon)
				if err != nil {
					t.Fatal(err)
				}
				checkRetained(t, b, got, before, keep, horizon)
			}
		}
	}
}

func checkRetained(t *testing.T, b, got Batch, before []string, keep []bool, horizon int64) {
	t.Helper()
	var want []string
	for i, one := range before {
		if keep[i] {
			want = append(want, one)
		}
	}
	h, ok := PeekHeader(got)
	if !ok || h.Size != len(got) || !got.VerifyCRC() {
		t.Fatalf("%v: no sound batch", keep)
	}
	if now := texts(t, got); fmt.Sprint(now) != fmt.Sprint(want) {
		t.Errorf("%v: got %v, want %v", keep, now, want)
	}
	if got.BaseOffset() != b.BaseOffset() || got.LastOffset() != b.LastOffset() || got.LeaderEpoch() != 7 ||
		got.LastSequence() != b.LastSequence() || got.ProducerID() != 5 {
		t.Errorf("%v: got another place in the log", keep)
	}
	newest := NoTimestamp
	for i, at := range []int64{1000, 3000, 2000} {
		if keep[i] {
			newest = max(newest, at)
		}
	}
	if got.MaxTimestamp() != newest {
		t.Errorf("%v: got largest timestamp %d, want %d", keep, got.MaxTimestamp(), newest)
	}
	if at, set := got.DeleteHorizon(); len(want) > 0 && (set != (horizon != NoHorizon) || set && at != horizon) {
		t.Errorf("%v: got horizon %d %v, want %d", keep, at, set, horizon)
	}
}

// TestFillerTakesARangeOfOffsets checks that what stands for removed batches is a batch.
func TestFillerTakesARangeOfOffsets(t *testing.T) {
	b := Filler(10, 1<<30, 3)
	h, ok := PeekHeader(b)
	if !ok || !h.IsFiller() || h.BaseOffset != 10 || h.LastOffset != protocol.Offset(1<<30) || h.LeaderEpoch != 3 ||
		!b.VerifyCRC() || len(b) != HeaderSize || h.MaxTimestamp != NoTimestamp {
		t.Errorf("got %+v", h)
	}
	if retainable(Gzip).Header().IsFiller() || retainable(Gzip).Emptied().Header().IsFiller() {
		t.Error("got a filler, want the batch of a producer")
	}
}
