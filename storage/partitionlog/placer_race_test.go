package partitionlog

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/wal"
)

// TestPlacingAndAppendingGoOnAtTheSameTime has one goroutine place batches as the write-ahead log's turn does,
// another one append them as the owner does, with checkpoints and new segments, and a third one read.
func TestPlacingAndAppendingGoOnAtTheSameTime(t *testing.T) {
	const rounds = 1500
	c := Config{SegmentBytes: 40_000, RetentionBytes: -1, RetentionMs: -1, TopicID: testTopic}
	c.Placer = NewPlacer(nil)
	l := openLog(t, newMem(t), c, nil, Boot)
	durable := make(chan []wal.Entry, 8)
	done := make(chan struct{})
	var group sync.WaitGroup
	var written []batch.Batch
	placed := 0
	group.Go(func() {
		defer close(durable)
		rng := rand.New(rand.NewPCG(7, 7))
		for round, index := uint64(1), uint64(1); round <= rounds; round++ {
			u := wal.Update{Group: 1, Entries: make([]wal.Entry, 1+rng.IntN(4))}
			for i := range u.Entries {
				b := batch.Build(batch.Options{BaseOffset: protocol.Offset(len(written))},
					batch.Record{Timestamp: 1, Value: make([]byte, rng.IntN(2000))})
				written = append(written, b)
				u.Entries[i] = wal.Entry{Term: 1, Index: index, Data: b}
				index++
			}
			if c.Placer.Follow(&u, round, 500) {
				if err := c.Placer.Sync(); err != nil {
					t.Error(err)
				}
			}
			for _, e := range u.Entries {
				if e.At != nil {
					placed++
				}
			}
			durable <- u.Entries
		}
	})
	group.Go(func() {
		defer close(done)
		n := 0
		for entries := range durable {
			if err := applyEntries(l, entries); err != nil {
				t.Error(err)
				for range durable { // lets the other one end
				}
				return
			}
			if n++; n%100 == 0 {
				checkpoint(t, l)
			}
		}
	})
	group.Go(func() {
		for {
			if _, err := readAll(l.View(), max(l.View().End()-20, 0), 1<<20); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	group.Wait()
	got, err := readAll(l.View(), 0, 1<<20)
	must(t, err)
	must(t, sameBatches(got, written))
	if placed == 0 || l.View().Segments() < 3 {
		t.Errorf("%d batches placed, %d segments: it did not try what it is for", placed, l.View().Segments())
	}
}
