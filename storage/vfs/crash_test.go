package vfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
)

const crashes = 400

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func read(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	data, err := vfs.ReadFile(fsys, name, 1<<20)
	must(t, err)
	return string(data)
}

func TestSyncedDataAndNamesSurviveEveryCrash(t *testing.T) {
	fsys := vfs.NewMem()
	must(t, vfs.MkdirAllSync(fsys, "/a/b"))
	file := create(t, fsys, "/a/b/c", "synced")
	must(t, file.Sync())
	must(t, fsys.SyncDir("/a/b"))
	_, err := file.WriteAt([]byte(" and not"), 6)
	must(t, err)
	for seed := range uint64(crashes) {
		if got := read(t, fsys.CrashClone(seeded(seed)), "/a/b/c"); !strings.HasPrefix(got, "synced") {
			t.Fatalf("seed %d: got %q", seed, got)
		}
	}
	if got := read(t, fsys.DurableClone(), "/a/b/c"); got != "synced" {
		t.Errorf("what is certain is %q, want synced", got)
	}
	if got := read(t, fsys, "/a/b/c"); got != "synced and not" {
		t.Errorf("the original has %q", got)
	}
}

// TestClonesGoTheirOwnWays changes and cuts a file, its clone and the clone of that, all at once: the race
// detector looks as well.
func TestClonesGoTheirOwnWays(t *testing.T) {
	const page = 4096
	first := vfs.NewMem()
	must(t, create(t, first, "/f", strings.Repeat("o", 3*page)).Sync())
	must(t, first.SyncDir("/"))
	second := first.CrashClone(seeded(1))
	third := second.CrashClone(seeded(2))
	var all sync.WaitGroup
	for i, fsys := range []*vfs.Mem{first, second, third} {
		all.Go(func() {
			file, err := fsys.OpenReadWrite("/f")
			must(t, err)
			_, err = file.WriteAt([]byte(strings.Repeat(fmt.Sprint(i), page)), page/2)
			must(t, err)
			must(t, file.Truncate(2*page+page/4))
			must(t, file.Sync())
			fsys.DurableClone()
			must(t, file.Truncate(3*page))
		})
	}
	all.Wait()
	for i, fsys := range []*vfs.Mem{first, second, third} {
		want := strings.Repeat("o", page/2) + strings.Repeat(fmt.Sprint(i), page) + strings.Repeat("o", page-page/4) +
			strings.Repeat("\x00", page-page/4)
		if got := read(t, fsys, "/f"); got != want {
			t.Errorf("clone %d: got other content than it was given", i)
		}
		want = want[:2*page+page/4]
		if got := read(t, fsys.DurableClone(), "/f"); got != want {
			t.Errorf("clone %d: what is certain differs from what was synced", i)
		}
	}
}

// TestUnsyncedWritesTearBySector overwrites four pages twice: after a crash each sector is of the first,
// second or third age, and over many crashes everything occurs: all old, all new, and mixtures within a
// page.
func TestUnsyncedWritesTearBySector(t *testing.T) {
	const size, sector, page = 4 * 4096, 512, 4096
	fsys := vfs.NewMem()
	file := create(t, fsys, "/f", strings.Repeat("a", size))
	must(t, file.Sync())
	must(t, fsys.SyncDir("/"))
	for _, age := range []string{"b", "c"} {
		_, err := file.WriteAt([]byte(strings.Repeat(age, size)), 0)
		must(t, err)
	}
	seen := map[string]bool{}
	for seed := range uint64(crashes) {
		got := read(t, fsys.CrashClone(seeded(seed)), "/f")
		ages := map[byte]bool{}
		for at := 0; at < size; at += sector {
			piece := got[at : at+sector]
			if strings.Trim(piece, piece[:1]) != "" {
				t.Fatalf("seed %d: the sector at %d is torn", seed, at)
			}
			ages[piece[0]] = true
			if at%page != 0 && piece[0] != got[at-1] {
				seen["torn page"] = true
			}
		}
		switch {
		case len(ages) > 1:
			seen["mixture"] = true
		case ages['a']:
			seen["old"] = true
		case ages['c']:
			seen["new"] = true
		}
	}
	if len(seen) != 4 {
		t.Errorf("over %d crashes only these occurred: %v", crashes, seen)
	}
}

func TestUnsyncedNamesMayOrMayNotBeThere(t *testing.T) {
	fsys := vfs.NewMem()
	for _, name := range []string{"/old", "/removed"} {
		must(t, create(t, fsys, name, name).Sync())
	}
	must(t, fsys.SyncDir("/"))
	must(t, fsys.MkdirAll("/dir"))
	must(t, create(t, fsys, "/dir/inner", "inner").Sync())
	must(t, fsys.SyncDir("/dir"))
	must(t, create(t, fsys, "/created", "created").Sync())
	must(t, fsys.Remove("/removed"))
	must(t, fsys.Rename("/old", "/dir/new"))
	seen := map[string]int{}
	for seed := range uint64(crashes) {
		clone := fsys.CrashClone(seeded(seed))
		names, err := clone.List("/")
		must(t, err)
		inner, err := clone.List("/dir")
		hasDir := err == nil
		if hasDir && !slices.Contains(inner, "inner") {
			t.Fatalf("seed %d: the synced name in the new directory is lost", seed)
		}
		moved := slices.Contains(inner, "new")
		if hasDir && moved == slices.Contains(names, "old") {
			t.Fatalf("seed %d: the renamed file is there twice, or not at all: %v %v", seed, names, inner)
		}
		for name, is := range map[string]bool{"dir": hasDir, "moved": moved,
			"created": slices.Contains(names, "created"),
			"removed": !slices.Contains(names, "removed")} {
			if is {
				seen[name]++
			}
		}
	}
	for _, name := range []string{"dir", "moved", "created", "removed"} {
		if n := seen[name]; n == 0 || n == crashes {
			t.Errorf("%s happened in %d of %d crashes, want sometimes", name, n, crashes)
		}
	}
}

func TestCrashesRepeat(t *testing.T) {
	fsys := vfs.NewMem()
	rng := seeded(1)
	for i := range 30 {
		file := create(t, fsys, fmt.Sprintf("/%d", rng.IntN(10)), strings.Repeat("x", rng.IntN(9000)))
		if i%3 == 0 {
			must(t, file.Sync())
		}
	}
	for seed := range uint64(50) {
		a, b := fsys.CrashClone(seeded(seed)), fsys.CrashClone(seeded(seed))
		names, err := a.List("/")
		must(t, err)
		others, err := b.List("/")
		must(t, err)
		if !slices.Equal(names, others) {
			t.Fatalf("seed %d: got %v and %v", seed, names, others)
		}
		for _, name := range names {
			if read(t, a, "/"+name) != read(t, b, "/"+name) {
				t.Fatalf("seed %d: %s differs", seed, name)
			}
		}
	}
}

// TestReplacedFilesAreOldOrNew cuts the power before each operation of WriteFileSync.
func TestReplacedFilesAreOldOrNew(t *testing.T) {
	powerCut := errors.New("power cut")
	for seed := range uint64(crashes) {
		disk := vfs.NewMem()
		must(t, vfs.MkdirAllSync(disk, "/d"))
		must(t, vfs.WriteFileSync(disk, "/d/f", []byte("old")))
		left := int64(seed % 8)
		fsys := vfs.NewFaulty(disk, func(vfs.Op) error {
			if left--; left < 0 {
				return powerCut
			}
			return nil
		})
		err := vfs.WriteFileSync(fsys, "/d/f", bytes.Repeat([]byte("new"), 1000))
		got := read(t, disk.CrashClone(seeded(seed)), "/d/f")
		if got != "old" && got != strings.Repeat("new", 1000) || err == nil && got == "old" {
			t.Fatalf("seed %d: got %.20q, %v", seed, got, err)
		}
	}
}

func TestMkdirAllSyncAlsoCoversWhatADeadProcessMade(t *testing.T) {
	fsys := vfs.NewMem()
	must(t, fsys.MkdirAll("/a/b/c"))
	must(t, vfs.MkdirAllSync(fsys, "/a/b/c"))
	if _, err := fsys.DurableClone().Stat("/a/b/c"); err != nil {
		t.Error(err)
	}
}

func TestFlipBit(t *testing.T) {
	fsys := vfs.NewMem()
	must(t, vfs.WriteFileSync(fsys, "/f", []byte("aaaa")))
	must(t, fsys.FlipBit("/f", 2, 1))
	if got := read(t, fsys, "/f"); got != "aaca" {
		t.Errorf("got %q, want aaca", got)
	}
	if got := read(t, fsys.DurableClone(), "/f"); got != "aaca" {
		t.Errorf("got %q on disk, want aaca", got)
	}
}

func TestInjectedFaults(t *testing.T) {
	disk := vfs.NewMem()
	fsys := vfs.NewFaulty(disk, vfs.FailFrom(vfs.OpSync, 1, vfs.ErrInjected))
	file := create(t, fsys, "/f", "a")
	must(t, file.Sync())
	for range 3 {
		if err := file.Sync(); !errors.Is(err, vfs.ErrInjected) {
			t.Errorf("got %v, want that syncs fail for ever", err)
		}
	}
	short := vfs.NewFaulty(disk, func(op vfs.Op) error {
		if op.Kind == vfs.OpWrite {
			return &vfs.ShortWrite{Bytes: 5, Err: vfs.ErrInjected}
		}
		return nil
	})
	file, err := short.Create("/g")
	must(t, err)
	n, err := file.WritevAt([][]byte{[]byte("abc"), []byte("def")}, 0)
	if n != 5 || err != vfs.ErrInjected || read(t, disk, "/g") != "abcde" {
		t.Errorf("got %d, %v, want a short write of 5", n, err)
	}
	full := vfs.NewFaulty(disk, vfs.NoSpaceFrom(1))
	if file, err = full.Create("/h"); err != nil {
		t.Fatal(err)
	}
	if err := file.Preallocate(10); !vfs.IsNoSpace(err) {
		t.Errorf("got %v, want no space", err)
	}
}
