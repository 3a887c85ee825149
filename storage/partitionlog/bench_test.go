package partitionlog

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// BenchmarkAppend appends batches of several sizes to real files, by one call each or 16.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{100, 1000, 16_000, 100_000} {
		for _, together := range []int{1, 16} {
			name := fmt.Sprintf("%dB×%d", size, together)
			b.Run(name, func(b *testing.B) { benchmarkAppend(b, size, together, nil) })
		}
	}
	b.Run("1000B×1 idempotent", func(b *testing.B) { benchmarkAppend(b, 1000, 1, &batch.Producer{ID: 7}) })
}

func benchmarkAppend(b *testing.B, size, together int, p *batch.Producer) {
	c := Config{SegmentBytes: 256 << 20, TopicID: testTopic}
	l, err := Open(vfs.OS(), b.TempDir()+"/topic-0", c, nil, Boot)
	must(b, err)
	defer l.Close()
	one := batch.Build(batch.Options{Producer: p}, batch.Record{Value: make([]byte, size)})
	batches := make([]batch.Batch, together)
	for i := range batches {
		batches[i] = append(batch.Batch(nil), one...)
	}
	b.SetBytes(int64(together * len(one)))
	b.ReportAllocs()
	end := protocol.Offset(0)
	for b.Loop() {
		for _, x := range batches {
			x.Stamp(end, 1)
			end++
		}
		if err := l.Append(batches); err != nil {
			b.Fatal(err)
		}
		if l.View().Size() > 1<<30 {
			b.StopTimer()
			must(b, l.AdvanceStart(end))
			checkpoint(b, l)
			b.StartTimer()
		}
	}
}

// BenchmarkRead locates a batch and returns the region; the bytes themselves are not read.
func BenchmarkRead(b *testing.B) {
	c := Config{SegmentBytes: 64 << 20, TopicID: testTopic}
	l, err := Open(vfs.OS(), b.TempDir()+"/topic-0", c, nil, Boot)
	must(b, err)
	for l.View().Segments() < 3 {
		one := batch.Build(batch.Options{BaseOffset: l.View().End()}, batch.Record{Value: make([]byte, 1000)})
		must(b, l.Append([]batch.Batch{one}))
	}
	for range 2000 {
		one := batch.Build(batch.Options{BaseOffset: l.View().End()}, batch.Record{Value: make([]byte, 1000)})
		must(b, l.Append([]batch.Batch{one}))
	}
	v := l.View()
	rng := rand.New(rand.NewPCG(1, 1))
	b.Run("tail", func(b *testing.B) {
		benchmarkRead(b, v, func() protocol.Offset { return v.End() - 1 - protocol.Offset(rng.IntN(200)) })
	})
	b.Run("anywhere", func(b *testing.B) {
		benchmarkRead(b, v, func() protocol.Offset { return protocol.Offset(rng.Int64N(int64(v.End()))) })
	})
	state := checkpoint(b, l)
	b.Run("cold sequential 1MiB", func(b *testing.B) {
		var cold *View
		from := protocol.Offset(0)
		b.SetBytes(1 << 20)
		b.ReportAllocs()
		for b.Loop() {
			if cold == nil || from+2000 > cold.End() {
				b.StopTimer()
				reopened, err := Open(vfs.OS(), l.files.dir, l.config, state, Boot)
				must(b, err)
				cold, from = reopened.View(), 0
				b.StartTimer()
			}
			r, err := cold.Read(from, 1<<20, true)
			if err != nil {
				b.Fatal(err)
			}
			r.Release()
			from += max(1, protocol.Offset(r.Length/1072))
		}
	})
	b.Run("available", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v.Available(v.End() - 5)
		}
	})
}

func benchmarkRead(b *testing.B, v *View, offset func() protocol.Offset) {
	b.ReportAllocs()
	for b.Loop() {
		r, err := v.Read(offset(), 1<<20, true)
		if err != nil {
			b.Fatal(err)
		}
		r.Release()
	}
}

// discard is a file system that swallows what is written to segments, to count only our own allocations.
type discard struct{ vfs.FS }

func (d discard) Create(name string) (vfs.File, error) {
	file, err := d.FS.Create(name)
	return discardFile{file}, err
}

func (d discard) OpenReadWrite(name string) (vfs.File, error) {
	file, err := d.FS.OpenReadWrite(name)
	return discardFile{file}, err
}

type discardFile struct{ vfs.File }

func (discardFile) WritevAt(buffers [][]byte, _ int64) (int, error) { return len(buffers), nil }

func TestAppendAllocatesOneView(t *testing.T) {
	l := openLog(t, discard{newMem(t)}, Config{TopicID: testTopic}, nil, Boot)
	batches := []batch.Batch{sent(0, 1, 0, 0, 1), sent(0, 2, 0, 0, 1)}
	end := protocol.Offset(0)
	if n := testing.AllocsPerRun(5000, func() {
		for _, b := range batches {
			b.Stamp(end, 1)
			end++
		}
		must(t, l.Append(batches))
	}); n > 1 {
		t.Errorf("got %v allocations for each append, want 1", n)
	}
}

func TestReadsAllocateNothing(t *testing.T) {
	l := openLog(t, newMem(t), Config{TopicID: testTopic}, nil, Boot)
	appendTo(t, l, make([]int64, 300)...)
	v := l.View()
	if n := testing.AllocsPerRun(100, func() {
		r, err := v.Read(v.End()-3, 1000, true)
		must(t, err)
		r.Release()
	}); n > 0 {
		t.Errorf("a read of the tail: got %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		r, err := v.Read(5, 1000, true)
		must(t, err)
		r.Release()
	}); n > 0 {
		t.Errorf("a read behind the tail: got %v allocations", n)
	}
}
