package wal_test

import (
	"errors"
	"flag"
	"math/rand/v2"
	"path"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

const dir = "/wal"

// Every byte takes some seconds; every fifth one on average finds the same.
var flipStride = flag.Int("flipstride", 9, "largest distance between flipped bytes")

func seededOptions(seed uint64) wal.Options {
	return wal.Options{FileBytes: 16 << 10, Incarnation: rand.New(rand.NewPCG(seed, 1)).Uint64}
}

func mustOpen(t testing.TB, fs vfs.FS, o wal.Options) *wal.WAL {
	t.Helper()
	w, err := wal.Open(fs, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func mustAppend(t testing.TB, w *wal.WAL, updates ...wal.Update) {
	t.Helper()
	if err := w.Append(updates); err != nil {
		t.Fatal(err)
	}
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
}

// smallLog writes a log of a few frames over three files and returns what it contains.
func smallLog(t *testing.T, fs vfs.FS, o wal.Options) (*wal.WAL, model) {
	w := mustOpen(t, fs, o)
	g := generator{rng: rand.New(rand.NewPCG(5, 5)), groups: 3, data: 700}
	m := model{}
	for w.Stats().Files < 3 {
		updates := g.updates(m)
		m = m.apply(updates)
		mustAppend(t, w, updates...)
	}
	return w, m
}

func logFiles(t *testing.T, fs vfs.FS) []string {
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	var logs []string
	for _, name := range names {
		if strings.HasSuffix(name, ".wal") {
			logs = append(logs, path.Join(dir, name))
		}
	}
	return logs
}

// TestEveryFlippedBitIsDetectedOrHarmless flips bits in all parts of a log that was closed: either the log
// is refused, or its content is right. With -flipstride=1 it takes every byte.
func TestEveryFlippedBitIsDetectedOrHarmless(t *testing.T) {
	disk := vfs.NewMem()
	w, want := smallLog(t, disk, seededOptions(1))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(9, 9))
	refused, harmless := 0, 0
	stride := *flipStride
	if testing.Short() {
		stride *= 3
	}
	for _, name := range logFiles(t, disk) {
		info, _ := disk.Stat(name)
		for offset := int64(0); offset < info.Size; offset += 1 + int64(rng.IntN(stride)) {
			damaged := disk.DurableClone()
			if err := damaged.FlipBit(name, offset, uint(rng.IntN(8))); err != nil {
				t.Fatal(err)
			}
			w, err := wal.Open(damaged, dir, seededOptions(2))
			if err != nil {
				assertCorrupt(t, err)
				refused++
				continue
			}
			if d := want.difference(w); d != "" {
				t.Fatalf("flip in byte %d of %s: %s", offset, name, d)
			}
			harmless++
		}
	}
	t.Logf("%d flips refused, %d harmless", refused, harmless)
	if refused < harmless/10 {
		t.Fatalf("only %d flips of %d were refused", refused, refused+harmless)
	}
}

func assertCorrupt(t *testing.T, err error) {
	t.Helper()
	if corrupt, ok := errors.AsType[*wal.CorruptError](err); !ok || corrupt.File == "" {
		t.Fatalf("got %v, want a CorruptError with a file", err)
	}
}

// TestFlipInTheLastFileOfACrashedLogIsDetected damages each byte of synced frames after a crash: all but
// the last frame are covered by a later one that proves that they were durable.
func TestFlipInTheLastFileOfACrashedLogIsDetected(t *testing.T) {
	disk := vfs.NewMem()
	w := mustOpen(t, disk, seededOptions(1))
	for i := range uint64(5) {
		mustAppend(t, w, entry(i+1, 100))
	}
	name := logFiles(t, disk)[0]
	const firstFrame, frame, used = 1024, 512, 64 + 40 + 100
	for i := range int64(4) {
		for at := range int64(used) {
			damaged := disk.DurableClone()
			if err := damaged.FlipBit(name, firstFrame+i*frame+at, 3); err != nil {
				t.Fatal(err)
			}
			_, err := wal.Open(damaged, dir, seededOptions(2))
			assertCorrupt(t, err)
		}
	}
}

func TestLoadReportsAnEntryThatWasDamagedLater(t *testing.T) {
	disk := vfs.NewMem()
	w := mustOpen(t, disk, seededOptions(1))
	mustAppend(t, w, wal.Update{Group: 1, Entries: []wal.Entry{{Term: 1, Index: 1, Data: make([]byte, 100)}}})
	mustAppend(t, w, wal.Update{Group: 2, Entries: []wal.Entry{{Term: 1, Index: 1, Data: make([]byte, 100)}}})
	if err := disk.FlipBit(logFiles(t, disk)[0], 1024+64+40+50, 0); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.Load(1)
	assertCorrupt(t, err)
	if _, found, err := w.Load(2); !found || err != nil {
		t.Fatalf("the other group: found %v, %v", found, err)
	}
}

func TestMissingAndForeignFilesAreRefused(t *testing.T) {
	damage := map[string]func(fs vfs.FS, files []string) error{
		"older file missing": func(fs vfs.FS, files []string) error { return fs.Remove(files[0]) },
		"older file is a copy of another": func(fs vfs.FS, files []string) error {
			data, err := vfs.ReadFile(fs, files[1], 1<<20)
			if err != nil {
				return err
			}
			return vfs.WriteFileSync(fs, files[0], data)
		},
		"newest file renamed": func(fs vfs.FS, files []string) error { return fs.Rename(files[2], files[0]) },
		"older file shortened": func(fs vfs.FS, files []string) error {
			f, err := fs.OpenReadWrite(files[0])
			if err != nil {
				return err
			}
			return f.Truncate(4096)
		},
	}
	for name, do := range damage {
		disk := vfs.NewMem()
		w, _ := smallLog(t, disk, seededOptions(1))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := do(disk, logFiles(t, disk)); err != nil {
			t.Fatal(err)
		}
		_, err := wal.Open(disk, dir, seededOptions(2))
		t.Log(name, "→", err)
		assertCorrupt(t, err)
	}
}

func TestForeignFilesStay(t *testing.T) {
	disk := vfs.NewMem()
	w := mustOpen(t, disk, seededOptions(1))
	for _, name := range []string{"notes.txt", "1.wal", "0000000007.wal.bak", "0000000003.tmp"} {
		if err := vfs.WriteFileSync(disk, path.Join(dir, name), []byte("mine")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, disk, seededOptions(2))
	for _, name := range []string{"notes.txt", "1.wal", "0000000007.wal.bak", "0000000003.tmp"} {
		if data, err := vfs.ReadFile(disk, path.Join(dir, name), 100); err != nil || string(data) != "mine" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
}
