package wal_test

import (
	"fmt"
	"path"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

// BenchmarkAppendSync writes groups of entries in the steady state, where files are reused, and compares with writing
// the same number of bytes to a file that is already there.
func BenchmarkAppendSync(b *testing.B) {
	shapes := []struct{ entries, size int }{{1, 200}, {1, 4 << 10}, {1, 64 << 10}, {16, 64 << 10}, {300, 200}, {4, 1 << 20}}
	for _, s := range shapes {
		b.Run(fmt.Sprintf("%dx%d/wal", s.entries, s.size), func(b *testing.B) { benchmarkLog(b, s.entries, s.size) })
		b.Run(fmt.Sprintf("%dx%d/raw", s.entries, s.size), func(b *testing.B) { benchmarkRaw(b, s.entries*s.size) })
	}
}

func benchmarkLog(b *testing.B, entries, size int) {
	w, err := wal.Open(vfs.OS(), b.TempDir(), wal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	step := appender(b, w, entries, size)
	warm := appender(b, w, 7, 1<<20) // of another group: every file gets used a few times
	for range 200 {
		warm()
	}
	if err := w.Sync(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(entries * size))
	b.ReportAllocs()
	for b.Loop() {
		step()
		if err := w.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

// appender returns a function that appends entries to a group of its own, with a checkpoint every 100 MB.
func appender(b *testing.B, w *wal.WAL, entries, size int) func() {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * 7)
	}
	updates := []wal.Update{{Group: wal.GroupID(entries * size), Hard: &wal.HardState{Term: 1}, Entries: make([]wal.Entry, entries)}}
	index, unsaved := uint64(0), 0
	return func() {
		updates[0].Checkpoint = nil
		if unsaved += entries * size; unsaved > 100<<20 {
			updates[0].Checkpoint = &wal.Checkpoint{Index: index, Term: 1}
			unsaved = 0
		}
		for i := range updates[0].Entries {
			index++
			updates[0].Entries[i] = wal.Entry{Term: 1, Index: index, Data: data}
		}
		if err := w.Append(updates); err != nil {
			b.Fatal(err)
		}
		if err := w.Maintain(); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkRaw(b *testing.B, size int) {
	file, err := vfs.OS().Create(path.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	const room = 256 << 20
	zeros := make([]byte, 1<<20)
	for at := int64(0); at < room; at += int64(len(zeros)) {
		if _, err := file.WriteAt(zeros, at); err != nil {
			b.Fatal(err)
		}
	}
	if err := file.Sync(); err != nil {
		b.Fatal(err)
	}
	data := make([]byte, size)
	at := int64(0)
	b.SetBytes(int64(size))
	for b.Loop() {
		if at+int64(size) > room {
			at = 0
		}
		if _, err := file.WriteAt(data, at); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
		at += int64(size)
	}
}
