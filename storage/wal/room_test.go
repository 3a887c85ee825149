package wal_test

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

func entry(index uint64, size int) wal.Update {
	data := bytes.Repeat([]byte{0xa5}, size)
	return wal.Update{Group: 1, Entries: []wal.Entry{{Term: 1, Index: index, Data: data}}}
}

func checkpoint(index uint64) wal.Update {
	c := wal.Checkpoint{Index: index, Term: 1, Machine: make([]byte, 500)}
	return wal.Update{Group: 1, Checkpoint: &c}
}

// fillUp appends entries until there is no more room and returns the index of the last one.
func fillUp(t *testing.T, w *wal.WAL, index uint64) uint64 {
	t.Helper()
	for range 10000 {
		err := w.Append([]wal.Update{entry(index+1, 1000)})
		if errors.Is(err, wal.ErrNoSpace) {
			return index
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Sync(); err != nil {
			t.Fatal(err)
		}
		index++
	}
	t.Fatal("the disk never got full")
	return 0
}

// TestFullDiskLeavesRoomForStartsAndCheckpoints fills the disk, then starts the node again and again, with
// and without crashes, writes thousands of small updates in between, and finally makes room by a
// checkpoint.
func TestFullDiskLeavesRoomForStartsAndCheckpoints(t *testing.T) {
	disk := vfs.NewMem()
	disk.SetCapacity(200 << 10)
	w := mustOpen(t, disk, seededOptions(1))
	last := fillUp(t, w, 0)
	for restart := range uint64(50) {
		for range 100 { // several files full of small updates
			mustAppend(t, w, wal.Update{Group: 2, Hard: &wal.HardState{Term: restart}})
		}
		if restart%2 == 0 {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		disk = disk.DurableClone()
		w = mustOpen(t, disk, seededOptions(restart+2))
		last = fillUp(t, w, last)
	}
	for range 100 {
		mustAppend(t, w, checkpoint(last-1))
	}
	mustAppend(t, w, checkpoint(last))
	if next := fillUp(t, w, last); next < last+50 {
		t.Fatalf("only %d entries fit after the checkpoint", next-last)
	}
}

func TestNoSpaceLeavesTheLogAsItWas(t *testing.T) {
	disk := vfs.NewMem()
	full := false
	w := mustOpen(t, vfs.NewFaulty(disk, func(op vfs.Op) error {
		if full && (op.Kind == vfs.OpPreallocate || op.Kind == vfs.OpCreate) {
			return syscall.ENOSPC
		}
		return nil
	}), seededOptions(1))
	full = true
	last := fillUp(t, w, 0)
	state, _, err := w.Load(1)
	if err != nil || uint64(len(state.Entries)) != last {
		t.Fatalf("got %d entries, %v; want %d", len(state.Entries), err, last)
	}
	if err := w.Maintain(); err != nil {
		t.Fatalf("maintain on a full disk: %v", err)
	}
	full = false
	mustAppend(t, w, entry(last+1, 1000))
	w = mustOpen(t, disk.DurableClone(), seededOptions(2))
	if state, _, err = w.Load(1); err != nil || uint64(len(state.Entries)) != last+1 {
		t.Fatalf("got %d entries, %v; want %d", len(state.Entries), err, last+1)
	}
}

func TestFilesAreReused(t *testing.T) {
	disk := vfs.NewMem()
	created := 0
	w := mustOpen(t, vfs.NewFaulty(disk, func(op vfs.Op) error {
		if op.Kind == vfs.OpCreate {
			created++
		}
		return nil
	}), seededOptions(1))
	for i := range uint64(2000) {
		mustAppend(t, w, entry(i+1, 1000))
		if i%20 == 0 {
			mustAppend(t, w, checkpoint(i+1))
		}
		if err := w.Maintain(); err != nil {
			t.Fatal(err)
		}
	}
	if created > 8 {
		t.Errorf("%d files were created for 2 MB with a checkpoint every 20 KB, want few that are reused",
			created)
	}
	if s := w.Stats(); s.LiveBytes > 64<<10 {
		t.Errorf("stats are %+v, want at most 64 KiB live", s)
	}
}

func TestPinsNameTheGroupsThatKeepTheOldestFiles(t *testing.T) {
	w := mustOpen(t, vfs.NewMem(), seededOptions(1))
	for id := wal.GroupID(5); id > 0; id-- {
		for i := range uint64(12) {
			u := entry(i+1, 1000)
			u.Group = id
			mustAppend(t, w, u)
		}
	}
	live := w.Stats().LiveBytes
	if got := w.Pins(live); len(got) != 0 {
		t.Errorf("keep all: got %v, want nobody", got)
	}
	if got := w.Pins(live - 1); len(got) != 1 || got[0] != 5 {
		t.Errorf("keep nearly all: got %v, want 5", got)
	}
	if got := w.Pins(0); len(got) != 5 || got[0] != 5 || got[4] != 1 {
		t.Errorf("keep nothing: got %v, want all, oldest first", got)
	}
	for id := wal.GroupID(5); id > 0; id-- {
		mustAppend(t, w, wal.Update{Group: id, Checkpoint: &wal.Checkpoint{Index: 12, Term: 1}})
	}
	if err := w.Release(); err != nil {
		t.Fatal(err)
	}
	if s := w.Stats(); s.Files != 1 || s.Spares != 3 || s.Oldest != nil {
		t.Errorf("after checkpoints of all: %+v, want 1 file and 3 spares", s)
	}
}
