package partitionlog

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/chronik-go/chronik/protocol/batch"
)

// TestReadersAndAppendsGoOnDuringCompaction appends and checkpoints as the owner does, compacts without a pause
// and reads from everywhere, also through views that are long outdated. No reader may notice: an error or a
// gap would send a consumer elsewhere.
func TestReadersAndAppendsGoOnDuringCompaction(t *testing.T) {
	c := compactConfig()
	c.SegmentBytes, c.Handles = 5000, NewHandleCache(4, 2000) // files are closed and opened all the time
	l := openLog(t, newMem(t), c, nil, Boot)
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		defer close(done)
		for i := range 400 {
			for j := range 10 {
				keyed(t, l, batch.Options{}, fmt.Sprint("k", (i*7+j)%30), fmt.Sprint(i*10+j+1))
			}
			if i%4 == 0 {
				checkpoint(t, l)
			}
		}
	})
	group.Go(func() {
		for now, running := int64(1000), true; running; now++ {
			select {
			case <-done:
				running = false
			default:
			}
			job, err := l.Compact(now, 0)
			for over := err != nil; !over; {
				_, over, err = job.Step(10_000)
				over = over || err != nil
			}
			if err != nil && !errors.Is(err, ErrNothingToCompact) {
				t.Errorf("compact: %v", err)
				return
			}
		}
	})
	for range 2 {
		group.Go(func() {
			for running := true; running; {
				select {
				case <-done:
					running = false
				default:
				}
				if err := readBehind(l.View()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// readBehind reads all of a view that gets older and older meanwhile.
func readBehind(v *View) error {
	for from := v.Start(); from < v.End(); {
		data, err := readRegion(v, from, 300, true)
		if err != nil {
			return fmt.Errorf("read from %d: %w", from, err)
		}
		batches := wholeBatches(data)
		if len(batches) == 0 || batches[0].BaseOffset() > from {
			return fmt.Errorf("read from %d: got %d batches, or a gap", from, len(batches))
		}
		for _, b := range batches {
			if err := b.Records(func(batch.Record) bool { return true }); err != nil {
				return err
			}
			from = b.NextOffset()
		}
		if _, _, _, _, err := v.ByTimestamp(10); err != nil {
			return fmt.Errorf("by timestamp: %w", err)
		}
	}
	return nil
}
