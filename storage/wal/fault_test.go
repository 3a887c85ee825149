package wal_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

// TestNothingWorksAfterAFailedSync checks that a log never tries again, and that opening it anew finds what
// was synced.
func TestNothingWorksAfterAFailedSync(t *testing.T) {
	disk := vfs.NewMem()
	broken := false
	syncs := 0
	fs := vfs.NewFaulty(disk, func(op vfs.Op) error {
		if broken && op.Kind == vfs.OpSync {
			syncs++
			return syscall.EIO
		}
		return nil
	})
	w := mustOpen(t, fs, seededOptions(1))
	mustAppend(t, w, entry(1, 100))
	broken = true
	if err := w.Append([]wal.Update{entry(2, 100)}); err != nil {
		t.Fatal(err)
	}
	calls := []func() error{
		w.Sync,
		w.Sync,
		func() error { return w.Append([]wal.Update{entry(3, 100)}) },
		w.Maintain,
		w.Release,
		func() error { _, _, err := w.Load(1); return err },
		w.Close,
	}
	for i, call := range calls {
		if err := call(); !errors.Is(err, wal.ErrFailed) || !errors.Is(err, syscall.EIO) {
			t.Errorf("call %d returned %v, want ErrFailed with its cause", i, err)
		}
	}
	if syncs != 1 {
		t.Errorf("got %d syncs, want that the failed one is the last", syncs)
	}
	w = mustOpen(t, disk.DurableClone(), seededOptions(2))
	if state, _, err := w.Load(1); err != nil || len(state.Entries) != 1 {
		t.Errorf("got %d entries, %v; want the synced one", len(state.Entries), err)
	}
}

func TestShortWriteFailsTheLogAndIsCutOnOpen(t *testing.T) {
	for short := range 600 {
		disk := vfs.NewMem()
		armed := false
		w := mustOpen(t, vfs.NewFaulty(disk, func(op vfs.Op) error {
			if armed && op.Kind == vfs.OpWrite {
				return &vfs.ShortWrite{Bytes: short, Err: syscall.ENOSPC}
			}
			return nil
		}), seededOptions(1))
		mustAppend(t, w, entry(1, 100))
		armed = true
		if err := w.Append([]wal.Update{entry(2, 500)}); !errors.Is(err, wal.ErrFailed) {
			t.Fatalf("short write of %d: got %v, want ErrFailed", short, err)
		}
		w = mustOpen(t, disk, seededOptions(2))
		if state, _, err := w.Load(1); err != nil || len(state.Entries) != 1 {
			t.Fatalf("short write of %d: got %d entries, %v; want 1", short, len(state.Entries), err)
		}
	}
}

// TestAnyFailedOperationIsReportedAndLosesNothing lets one single file operation fail, each in its turn.
func TestAnyFailedOperationIsReportedAndLosesNothing(t *testing.T) {
	for failing := 0; ; failing++ {
		disk := vfs.NewMem()
		count := 0
		reached := false
		fs := vfs.NewFaulty(disk, func(op vfs.Op) error {
			count++
			if count-1 == failing {
				reached = true
				return fmt.Errorf("%s %s: %w", op.Kind, op.Name, syscall.EIO)
			}
			return nil
		})
		synced, err := writeSome(fs, uint64(failing))
		if !reached {
			return
		}
		if !errors.Is(err, syscall.EIO) {
			t.Fatalf("operation %d failed and was reported as: %v", failing, err)
		}
		w := mustOpen(t, disk.CrashClone(rand.New(rand.NewPCG(uint64(failing), 3))), seededOptions(3))
		state, _, err := w.Load(1)
		if err != nil || last(state) < synced {
			t.Fatalf("operation %d failed: last entry is %d, %v; want at least %d", failing, last(state),
				err, synced)
		}
	}
}

// writeSome writes over a few files and returns the last index that was synced.
func writeSome(fs vfs.FS, seed uint64) (synced uint64, err error) {
	w, err := wal.Open(fs, dir, seededOptions(seed))
	if err != nil {
		return 0, err
	}
	for i := range uint64(60) {
		updates := []wal.Update{entry(i+1, 1000)}
		if i%10 == 9 {
			updates = append(updates, checkpoint(i))
		}
		if err := w.Append(updates); err != nil {
			return synced, err
		}
		if err := w.Sync(); err != nil {
			return synced, err
		}
		synced = i + 1
		if err := w.Maintain(); err != nil {
			return synced, err
		}
	}
	return synced, w.Close()
}

func TestImpossibleUpdatesAreRefusedBeforeAnythingIsWritten(t *testing.T) {
	w := mustOpen(t, vfs.NewMem(), seededOptions(1))
	mustAppend(t, w, entry(1, 10), entry(2, 10), entry(3, 10), checkpoint(2))
	written := w.Stats().Written
	ok := entry(4, 10)
	bad := map[string]wal.Update{
		"gap":                   entry(6, 10),
		"below the checkpoint":  entry(2, 10),
		"gap in another group":  {Group: 2, Entries: []wal.Entry{{Term: 1, Index: 2}}},
		"not contiguous":        {Group: 3, Entries: []wal.Entry{{Term: 1, Index: 1}, {Term: 1, Index: 3}}},
		"gap after remove":      {Group: 1, Remove: true, Entries: []wal.Entry{{Term: 1, Index: 5}}},
		"compaction of nothing": {Group: 9, Compaction: true, Checkpoint: &wal.Checkpoint{Index: 1, Term: 1}},
		"late compaction": {Group: 1, Remove: true, Compaction: true,
			Checkpoint: &wal.Checkpoint{Index: 3, Term: 1}},
		"compaction ahead":      {Group: 1, Compaction: true, Checkpoint: &wal.Checkpoint{Index: 9, Term: 1}},
		"other term compaction": {Group: 1, Compaction: true, Checkpoint: &wal.Checkpoint{Index: 3, Term: 2}},
		"after another history": {Group: 1, Checkpoint: &wal.Checkpoint{Index: 3, Term: 9},
			Entries: entry(5, 1).Entries},
	}
	for name, update := range bad {
		err := w.Append([]wal.Update{ok, update})
		refused, is := errors.AsType[*wal.UpdateError](err)
		if !is || refused.Update != 1 || refused.Group != update.Group {
			t.Errorf("%s: got %v, want an UpdateError about update 1", name, err)
		}
	}
	if now := w.Stats().Written; now != written {
		t.Errorf("%d bytes were written for refused updates", now-written)
	}
	mustAppend(t, w, ok)
}
