package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

const elsewhere = "/topics/t-0/0.log"

// placed writes data to the file elsewhere, durable, and returns entries of it of so many bytes each.
func placed(t *testing.T, disk *vfs.Mem, first uint64, sizes ...int) []wal.Entry {
	t.Helper()
	if err := vfs.MkdirAllSync(disk, "/topics/t-0"); err != nil {
		t.Fatal(err)
	}
	var all []byte
	var entries []wal.Entry
	for i, size := range sizes {
		data := bytes.Repeat([]byte{byte(first) + byte(i)}, size)
		entries = append(entries, wal.Entry{Term: 1, Index: first + uint64(i), Data: data,
			At: &wal.Location{File: elsewhere, Position: int64(len(all))}})
		all = append(all, data...)
	}
	if err := vfs.WriteFileSync(disk, elsewhere, all); err != nil {
		t.Fatal(err)
	}
	if err := disk.SyncDir("/topics/t-0"); err != nil {
		t.Fatal(err)
	}
	return entries
}

func write(t *testing.T, w *wal.WAL, updates ...wal.Update) {
	t.Helper()
	if err := w.Append(updates); err != nil {
		t.Fatal(err)
	}
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
}

func wantEntries(t *testing.T, w *wal.WAL, want []wal.Entry, elsewhere int) {
	t.Helper()
	state, _, err := w.Load(1)
	if err != nil {
		t.Fatal(err)
	}
	if len(state.Entries) != len(want) {
		t.Fatalf("got %d entries, want %d", len(state.Entries), len(want))
	}
	for i, e := range state.Entries {
		if e.Index != want[i].Index || !bytes.Equal(e.Data, want[i].Data) {
			t.Errorf("entry %d is not what was written", e.Index)
		}
		if e.At != nil {
			elsewhere--
			if *e.At != *want[i].At {
				t.Errorf("entry %d is at %+v, want %+v", e.Index, *e.At, *want[i].At)
			}
		}
	}
	if elsewhere != 0 {
		t.Errorf("got %d fewer entries elsewhere than wanted", elsewhere)
	}
}

func TestDataElsewhereIsReadBack(t *testing.T) {
	disk := vfs.NewMem()
	w := mustOpen(t, disk, seededOptions(1))
	entries := append(placed(t, disk, 1, 3000, 5000, 10), wal.Entry{Term: 1, Index: 4, Data: []byte("in the log")})
	// What was summed before is not read again.
	entries[1].Sum = wal.Sum{Bytes: 4500, CRC: crc32.Checksum(entries[1].Data[500:], crc32.MakeTable(crc32.Castagnoli))}
	before := w.Stats().Written
	write(t, w, wal.Update{Group: 1, Entries: entries})
	if written := w.Stats().Written - before; written > 1000 {
		t.Errorf("the log has written %d bytes of %d that it refers to", written, 8010)
	}
	wantEntries(t, w, entries, 3)
	again := mustOpen(t, disk.DurableClone(), seededOptions(2))
	wantEntries(t, again, entries, 3)
}

// TestReferencesSurviveTheNextFiles: they are found in the older files, too, and count there.
func TestReferencesSurviveTheNextFiles(t *testing.T) {
	disk := vfs.NewMem()
	w := mustOpen(t, disk, seededOptions(1))
	entries := placed(t, disk, 1, 20_000, 20_000, 20_000, 20_000)
	begun := w.Sequence()
	for i := range entries {
		write(t, w, wal.Update{Group: 1, Entries: entries[i : i+1]})
	}
	if w.Sequence() < begun+2 {
		t.Errorf("got file %d after file %d, want what entries refer to to count", w.Sequence(), begun)
	}
	if live := w.Stats().LiveBytes; live < 80_000 {
		t.Errorf("got %d live bytes, want those elsewhere among them", live)
	}
	again := mustOpen(t, disk.DurableClone(), seededOptions(2))
	wantEntries(t, again, entries, 4)
	if live := again.Stats().LiveBytes; live < 80_000 {
		t.Errorf("got %d live bytes after a start, want those elsewhere among them", live)
	}
}

func TestDamagedDataElsewhereConcernsOneGroup(t *testing.T) {
	damages := map[string]func(*vfs.Mem) error{
		"a bit":    func(disk *vfs.Mem) error { return disk.FlipBit(elsewhere, 4000, 3) },
		"the file": func(disk *vfs.Mem) error { return disk.Remove(elsewhere) },
		"the file's end": func(disk *vfs.Mem) error {
			file, err := disk.OpenReadWrite(elsewhere)
			if err != nil {
				return err
			}
			return file.Truncate(7999)
		},
	}
	for what, damage := range damages {
		t.Run(what, func(t *testing.T) {
			disk := vfs.NewMem()
			w := mustOpen(t, disk, seededOptions(1))
			write(t, w, wal.Update{Group: 1, Entries: placed(t, disk, 1, 3000, 5000)},
				wal.Update{Group: 2, Entries: []wal.Entry{{Term: 1, Index: 1, Data: []byte("fine")}}})
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if err := damage(disk); err != nil {
				t.Fatal(err)
			}
			w = mustOpen(t, disk, seededOptions(2))
			var corrupt *wal.CorruptError
			if _, _, err := w.Load(1); !errors.As(err, &corrupt) || corrupt.File != elsewhere {
				t.Errorf("got %v, want %s to be corrupt", err, elsewhere)
			}
			if _, _, err := w.Load(2); err != nil {
				t.Errorf("got %v for the other group", err)
			}
		})
	}
}

func TestWhatLiesOutsideIsRefused(t *testing.T) {
	disk := vfs.NewMem()
	options := seededOptions(1)
	options.Root = "/data"
	w := mustOpen(t, disk, options)
	err := w.Append([]wal.Update{{Group: 1, Entries: placed(t, disk, 1, 100)}})
	var refused *wal.UpdateError
	if !errors.As(err, &refused) || !strings.Contains(refused.Reason, elsewhere) {
		t.Errorf("got %v, want an update that is refused for %s", err, elsewhere)
	}
}

// TestEmbeddedDataIsNeededNowhereElse: from an index on the log holds all itself.
func TestEmbeddedDataIsNeededNowhereElse(t *testing.T) {
	for from := uint64(1); from <= 4; from++ {
		t.Run(fmt.Sprint(from), func(t *testing.T) {
			disk := vfs.NewMem()
			w := mustOpen(t, disk, seededOptions(1))
			entries := placed(t, disk, 1, 3000, 5000, 2000)
			write(t, w, wal.Update{Group: 1, Entries: entries})
			if err := w.Embed(1, from); err != nil {
				t.Fatal(err)
			}
			disk = disk.DurableClone()
			if from <= 1 {
				if err := disk.Remove(elsewhere); err != nil {
					t.Fatal(err)
				}
			}
			wantEntries(t, mustOpen(t, disk, seededOptions(2)), entries, int(from)-1)
		})
	}
	if err := mustOpen(t, vfs.NewMem(), seededOptions(1)).Embed(9, 1); err != nil {
		t.Errorf("got %v for a group that the log does not know", err)
	}
}
