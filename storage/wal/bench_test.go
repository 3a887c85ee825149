package wal_test

import (
	"fmt"
	"path"
	"slices"
	"testing"
	"time"

	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

// BenchmarkAppendSync writes groups of entries in the steady state, where files are reused. In turn with
// each it writes the same number of bytes to a file that is already there, so that both see the same disk:
// the medians of the two, and how much longer the log takes, are the result.
func BenchmarkAppendSync(b *testing.B) {
	shapes := []struct{ entries, size int }{{1, 200}, {1, 4 << 10}, {300, 200}, {1, 64 << 10},
		{16, 64 << 10}, {4, 1 << 20}}
	for _, s := range shapes {
		b.Run(fmt.Sprintf("%dx%d", s.entries, s.size), func(b *testing.B) {
			benchmarkShape(b, s.entries, s.size)
		})
	}
}

func benchmarkShape(b *testing.B, entries, size int) {
	log := newLogBench(b, entries, size)
	raw := newRawBench(b, entries*size)
	var logTimes, rawTimes []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		logTimes = append(logTimes, log())
		rawTimes = append(rawTimes, raw())
	}
	l, r := median(logTimes), median(rawTimes)
	b.ReportMetric(float64(l.Microseconds()), "µs-log")
	b.ReportMetric(float64(r.Microseconds()), "µs-raw")
	b.ReportMetric(float64(l)/float64(r), "ratio")
	b.ReportMetric(float64(entries*size)/l.Seconds()/1e6, "MB/s-log")
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// newLogBench returns a function that appends and syncs once, and the time that took.
func newLogBench(b *testing.B, entries, size int) func() time.Duration {
	w, err := wal.Open(vfs.OS(), b.TempDir(), wal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = w.Close() })
	step := appender(b, w, 1, entries, size)
	warm := appender(b, w, 2, 8, 1<<20) // every file gets used a few times
	for range 150 {
		warm()
	}
	if err := w.Sync(); err != nil {
		b.Fatal(err)
	}
	return func() time.Duration {
		begun := time.Now()
		step()
		if err := w.Sync(); err != nil {
			b.Fatal(err)
		}
		took := time.Since(begun)
		if err := w.Maintain(); err != nil {
			b.Fatal(err)
		}
		return took
	}
}

// appender returns a function that appends entries to a group, with a checkpoint every 100 MB.
func appender(b *testing.B, w *wal.WAL, group wal.GroupID, entries, size int) func() {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * 7)
	}
	updates := []wal.Update{{Group: group, Hard: &wal.HardState{Term: 1},
		Entries: make([]wal.Entry, entries)}}
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
	}
}

// newRawBench returns a function that overwrites and syncs once, and the time that took.
func newRawBench(b *testing.B, size int) func() time.Duration {
	file, err := vfs.OS().Create(path.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = file.Close() })
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
	return func() time.Duration {
		if at+int64(size) > room {
			at = 0
		}
		begun := time.Now()
		if _, err := file.WriteAt(data, at); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
		at += int64(size)
		return time.Since(begun)
	}
}

// BenchmarkOpen opens a log of 256 MB of entries of 1 KB from ten thousand groups, and loads all of them.
func BenchmarkOpen(b *testing.B) {
	const groups, rounds = 10_000, 25
	dir := b.TempDir()
	w, err := wal.Open(vfs.OS(), dir, wal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 1000)
	updates := make([]wal.Update, groups)
	for round := range uint64(rounds) {
		for i := range updates {
			updates[i] = wal.Update{Group: wal.GroupID(i + 1), Hard: &wal.HardState{Term: 1, Commit: round},
				Entries: []wal.Entry{{Term: 1, Index: round + 1, Data: data}}}
		}
		for chunk := range slices.Chunk(updates, 100) {
			if err := w.Append(chunk); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		begun := time.Now()
		if w, err = wal.Open(vfs.OS(), dir, wal.Options{}); err != nil {
			b.Fatal(err)
		}
		opened := time.Now()
		for _, id := range w.Groups() {
			if state, _, err := w.Load(id); err != nil || len(state.Entries) != rounds {
				b.Fatalf("%d entries, %v", len(state.Entries), err)
			}
		}
		b.ReportMetric(float64(opened.Sub(begun).Milliseconds()), "ms-open")
		b.ReportMetric(float64(time.Since(opened).Milliseconds()), "ms-load")
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
