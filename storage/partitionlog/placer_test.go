package partitionlog

import (
	"errors"
	"io"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

// following is a log with a placer that is told of what the log gets.
type following struct {
	t      *testing.T
	log    *Log
	placer *Placer
	round  uint64
}

func follow(t *testing.T, fs vfs.FS, c Config) *following {
	f := &following{t: t, placer: NewPlacer(nil)}
	c.RetentionBytes, c.RetentionMs, c.TopicID, c.Placer = -1, -1, testTopic, f.placer
	f.log = openLog(t, fs, c, nil, Boot)
	return f
}

// batchOf returns a batch of some bytes of values in each of its records.
func batchOf(base protocol.Offset, records, bytes int) batch.Batch {
	values := make([]batch.Record, records)
	for i := range values {
		values[i] = batch.Record{Timestamp: 1, Value: make([]byte, bytes)}
	}
	return batch.Build(batch.Options{BaseOffset: base}, values...)
}

// enter is a round with one batch; it reports whether that was placed.
func (f *following) enter(index uint64, b batch.Batch) bool {
	f.round++
	u := wal.Update{Group: 1, Entries: []wal.Entry{{Term: 1, Index: index, Data: b}}}
	return f.placer.Follow(&u, f.round, 100)
}

// TestReplacedBatchesHoldNoSegmentForEver: once what came in the stead of a batch is applied, the place of that
// batch is nothing that a segment must not end before.
func TestReplacedBatchesHoldNoSegmentForEver(t *testing.T) {
	f := follow(t, newMem(t), Config{SegmentBytes: 3000, IndexIntervalBytes: 1})
	first := batchOf(0, 1, 200)
	f.enter(1, first)
	must(t, f.log.Append([]batch.Batch{first}))
	if !f.enter(2, batchOf(1, 100, 10)) {
		t.Fatal("a large batch was not placed")
	}
	next := protocol.Offset(1)
	for i := range 6 { // of the 100 records that another leader replaces
		b := batchOf(next, 1, 700)
		f.enter(uint64(2+i), b)
		must(t, f.log.Append([]batch.Batch{b}))
		next = b.NextOffset()
	}
	if n := f.log.View().Segments(); n != 2 {
		t.Errorf("got %d segments, want two for 4,800 bytes", n)
	}
	file, err := f.log.files.fs.Stat(f.log.segments[0].Name())
	must(t, err)
	if want := f.log.segments[0].info.Load().size; file.Size != want {
		t.Errorf("the first segment has %d bytes on disk, want %d: what was replaced is still there", file.Size, want)
	}
}

// TestAFailureThatAFlushHeardOfReachesThePlacer: a kernel tells of bytes that it could not write once for each
// open file, here to a flush. Who placed some of them must not believe the sync that comes after that.
func TestAFailureThatAFlushHeardOfReachesThePlacer(t *testing.T) {
	failures := 0
	fs := vfs.NewFaulty(newMem(t), func(op vfs.Op) error {
		if op.Kind == vfs.OpSync && failures > 0 {
			failures--
			return vfs.ErrInjected
		}
		return nil
	})
	f := follow(t, fs, Config{})
	first := batchOf(0, 1, 200)
	f.enter(1, first)
	must(t, f.log.Append([]batch.Batch{first}))
	if !f.enter(2, batchOf(1, 1, 200)) {
		t.Fatal("a large batch was not placed")
	}
	flush, err := f.log.Capture()
	must(t, err)
	failures = 1
	if _, err := flush(); !errors.Is(err, vfs.ErrInjected) {
		t.Fatalf("got %v from the flush, want the failure", err)
	}
	if err := f.placer.Sync(); !errors.Is(err, vfs.ErrInjected) {
		t.Errorf("got %v from the placer, want the failure that the flush heard of", err)
	}
}

// TestNothingIsPlacedInALogThatIsBeingReplaced: while a copy that takes the place of the log is under way nothing
// is placed, and afterwards it is placed in that one.
func TestNothingIsPlacedInALogThatIsBeingReplaced(t *testing.T) {
	leader := openLog(t, newMem(t), compactConfig(), nil, Boot)
	f := follow(t, newMem(t), compactConfig())
	index := uint64(0)
	enter := func(wantPlaced bool) {
		t.Helper()
		index++
		b := batchOf(f.log.View().End(), 1, 200)
		if placed := f.enter(index, b); placed != wantPlaced {
			t.Errorf("got batch %d placed %v, want %v", index, placed, wantPlaced)
		}
		must(t, f.log.Append([]batch.Batch{b}))
	}
	keyed(t, leader, batch.Options{}, "a", "1", "b", "1")
	appendRest(t, f.log, leader)
	enter(true)
	enter(true)
	must(t, leader.Append([]batch.Batch{batchOf(2, 1, 200), batchOf(3, 1, 200)}))
	keyed(t, leader, batch.Options{}, "a", "", "c", "1")
	age(t, leader)

	source, err := leader.Share(f.log.Have())
	must(t, err)
	defer source.Close()
	for first := true; ; first = false {
		piece, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		must(t, f.log.Restore(piece, first))
		enter(false)
	}
	s, err := f.log.Restored()
	must(t, err)
	enter(false)
	u := wal.Update{Group: 1, Checkpoint: &wal.Checkpoint{Index: 100}}
	f.placer.Follow(&u, f.round+1, 100)
	renewed, err := f.log.Renew(s)
	must(t, err)
	if renewed == f.log {
		t.Fatal("the log goes on, though it misses what was purged")
	}
	f.log, index = renewed, 100
	wantSame(t, f.log, leader)
	enter(f.log.active.size > 0)
	enter(true)
	must(t, leader.Append([]batch.Batch{
		batchOf(leader.View().End(), 1, 200), batchOf(leader.View().End()+1, 1, 200),
	}))
	wantSame(t, f.log, leader)
}
