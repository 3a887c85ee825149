package wal_test

import (
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

// TestGroupWithNothingButAHardStateIsKnown has a replica that joined a group and has not been told the
// membership yet: what it has promised so far must not be forgotten, not even when files come and go.
func TestGroupWithNothingButAHardStateIsKnown(t *testing.T) {
	fs := vfs.NewMem()
	o := seededOptions(1)
	w := mustOpen(t, fs, o)
	const joining, busy = 7, 8
	hard := wal.HardState{Term: 5, Vote: 3}
	mustAppend(t, w, wal.Update{Group: joining, Hard: &hard})
	check := func(when string) {
		t.Helper()
		s, found, err := w.Load(joining)
		if err != nil || !found || s.Hard != hard || s.Checkpoint.Index != 0 || s.Checkpoint.ConfState != nil ||
			s.ConfState != nil || len(s.Entries) != 0 {
			t.Fatalf("%s: got %+v, found %v, %v, want the hard state %+v and nothing else", when, s, found, err, hard)
		}
	}
	check("at once")
	fs = fs.DurableClone()
	w = mustOpen(t, fs, o)
	check("after a crash")
	for index := uint64(1); w.Stats().Files < 3; index++ {
		entry := wal.Entry{Term: 1, Index: index, Data: make([]byte, 4000)}
		mustAppend(t, w, wal.Update{Group: busy, Entries: []wal.Entry{entry}})
	}
	check("after two more files")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	fs = fs.DurableClone()
	w = mustOpen(t, fs, o)
	if ids := w.Groups(); len(ids) == 0 || ids[0] != joining {
		t.Errorf("got groups %v, want %d among them", ids, joining)
	}
	check("after a clean stop")
}

// TestInstalledSnapshotReplacesTheEntries installs checkpoints as a Raft snapshot does: one beyond all
// entries, one in the middle of them that belongs to another history, and one for a group that had nothing but
// a hard state. The log goes on after it in the same update.
func TestInstalledSnapshotReplacesTheEntries(t *testing.T) {
	entries := func(term uint64, first, last uint64) (run []wal.Entry) {
		for i := first; i <= last; i++ {
			run = append(run, wal.Entry{Term: term, Index: i, Data: []byte{byte(term), byte(i)}})
		}
		return run
	}
	for name, c := range map[string]struct {
		before     []wal.Entry
		checkpoint wal.Checkpoint
		after      []wal.Entry
	}{
		"beyond the log":  {entries(2, 1, 9), wal.Checkpoint{Index: 50, Term: 4}, entries(4, 51, 53)},
		"another history": {entries(2, 1, 9), wal.Checkpoint{Index: 5, Term: 4}, entries(4, 6, 6)},
		"nothing before":  {nil, wal.Checkpoint{Index: 50, Term: 4}, entries(4, 51, 53)},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			o := seededOptions(2)
			w := mustOpen(t, fs, o)
			mustAppend(t, w, wal.Update{Group: 3, Hard: &wal.HardState{Term: 4}, Entries: c.before})
			c.checkpoint.ConfState, c.checkpoint.Machine = []byte("members"), []byte("state")
			installed := wal.Update{
				Group: 3, Hard: &wal.HardState{Term: 4, Commit: c.checkpoint.Index},
				ConfState: c.checkpoint.ConfState, Checkpoint: &c.checkpoint,
			}
			late := installed
			late.Compaction = true
			if err := w.Append([]wal.Update{late}); err == nil {
				t.Error("a checkpoint that was not made from the entries passed for one")
			}
			m := model{}.apply([]wal.Update{{Group: 3, Hard: &wal.HardState{Term: 4}, Entries: c.before}, installed})
			mustAppend(t, w, installed)
			if d := m.difference(w); d != "" {
				t.Fatal(d)
			}
			fs = fs.DurableClone()
			w = mustOpen(t, fs, o)
			if d := m.difference(w); d != "" {
				t.Fatalf("after a crash: %s", d)
			}
			again := []wal.Update{{Group: 3, Entries: c.after}}
			m = m.apply(again)
			mustAppend(t, w, again...)
			fs = fs.DurableClone()
			w = mustOpen(t, fs, o)
			if d := m.difference(w); d != "" {
				t.Fatalf("with entries after it: %s", d)
			}
		})
	}
}
