package wal_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

func TestTenThousandGroups(t *testing.T) {
	disk := vfs.NewMem()
	o := wal.Options{FileBytes: 16 << 20}
	w := mustOpen(t, disk, o)
	const groups = 10000
	var updates []wal.Update
	for id := wal.GroupID(1); id <= groups; id++ {
		updates = append(updates, wal.Update{
			Group:     id,
			Hard:      &wal.HardState{Term: 3, Vote: 1, Commit: 5},
			ConfState: []byte{8, 1},
			Checkpoint: &wal.Checkpoint{Index: 5, Term: 3, ConfState: []byte{8, 1},
				Machine: make([]byte, 60)},
			Entries: []wal.Entry{{Term: 3, Index: 6, Data: []byte("x")}},
		})
	}
	mustAppend(t, w, updates...)
	for id := wal.GroupID(1); id <= groups; id++ {
		updates[id-1] = wal.Update{Group: id, Checkpoint: &wal.Checkpoint{Index: 6, Term: 3,
			ConfState: []byte{8, 1},
			Machine:   make([]byte, 60)}}
	}
	mustAppend(t, w, updates...)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	w = mustOpen(t, disk, o)
	s := w.Stats()
	t.Logf("opened in %v, the head has %d bytes", time.Since(start), s.LiveBytes)
	if s.Groups != groups || s.LiveBytes > 2<<20 {
		t.Errorf("stats are %+v, want %d groups and a head of at most 2 MiB", s, groups)
	}
}

func TestLargeAppendsGetLargerFiles(t *testing.T) {
	disk := vfs.NewMem()
	w := mustOpen(t, disk, seededOptions(1))
	m := model{}
	for i, size := range []int{10, 100 << 10, 5 << 20, 20, 16 << 10, 15 << 10, 1} {
		data := make([]byte, size)
		for j := range data {
			data[j] = byte(i + j*j)
		}
		u := wal.Update{Group: 1, Entries: []wal.Entry{
			{Term: 1, Index: uint64(2*i + 1), Data: data}, {Term: 1, Index: uint64(2*i + 2),
				Data: data[:size/3]}}}
		m = m.apply([]wal.Update{u})
		mustAppend(t, w, u)
	}
	if d := m.difference(w); d != "" {
		t.Error(d)
	}
	w = mustOpen(t, disk.DurableClone(), seededOptions(2))
	if d := m.difference(w); d != "" {
		t.Errorf("after a crash: %s", d)
	}
	mustAppend(t, w, checkpoint(14))
	if err := w.Release(); err != nil {
		t.Fatal(err)
	}
	if s := w.Stats(); s.Files != 1 || s.LiveBytes > 16<<10 {
		t.Errorf("stats are %+v, want one small file", s)
	}
}

// TestManyFilesWhileOneGroupSleeps keeps one old entry alive among hundreds of files full of another group.
func TestManyFilesWhileOneGroupSleeps(t *testing.T) {
	disk := vfs.NewMem()
	w := mustOpen(t, disk, seededOptions(1))
	mustAppend(t, w, wal.Update{Group: 2, Entries: []wal.Entry{{Term: 1, Index: 1, Data: []byte("old")}}})
	for i := range uint64(3000) {
		mustAppend(t, w, entry(i+1, 1000))
		if i%10 == 0 {
			mustAppend(t, w, checkpoint(i+1))
		}
	}
	if s := w.Stats(); s.Files > 4 || fmt.Sprint(s.Oldest) != "[2]" {
		t.Errorf("stats are %+v, want few files, the oldest kept by group 2", s)
	}
	w = mustOpen(t, disk.DurableClone(), seededOptions(2))
	if state, _, err := w.Load(2); err != nil || len(state.Entries) != 1 ||
		string(state.Entries[0].Data) != "old" {
		t.Errorf("got %v, %v", state, err)
	}
}

// TestAppendAllocatesNothingPerEntry compares appends of few and of many entries. What is left is the
// growth of the index, and a few closures per system call.
func TestAppendAllocatesNothingPerEntry(t *testing.T) {
	few, many := appendAllocations(t, 1), appendAllocations(t, 1000)
	t.Logf("allocations per append of 1 entry: %v, of 1000: %v", few, many)
	if many > few+5 {
		t.Errorf("an append of 1000 entries allocates %v times, one of 1 entry %v times", many, few)
	}
}

func appendAllocations(t *testing.T, entries int) float64 {
	w, err := wal.Open(vfs.OS(), t.TempDir(), wal.Options{FileBytes: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	data := make([]byte, 2000)
	updates := []wal.Update{{Group: 1, Entries: make([]wal.Entry, entries)}}
	index := uint64(0)
	return testing.AllocsPerRun(50, func() {
		for i := range updates[0].Entries {
			index++
			updates[0].Entries[i] = wal.Entry{Term: 1, Index: index, Data: data}
		}
		if err := w.Append(updates); err != nil {
			t.Fatal(err)
		}
	})
}
