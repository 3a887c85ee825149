package wal_test

import (
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files of the present format version")

// TestFilesOfOlderVersions opens files that each version wrote, a log of some files that was closed, and
// compares what is in it with what was noted then. Version 2 has references to a file elsewhere, too.
func TestFilesOfOlderVersions(t *testing.T) {
	for _, version := range []string{"v1", "v2"} {
		t.Run(version, func(t *testing.T) { openGolden(t, filepath.Join("testdata", version)) })
	}
}

func openGolden(t *testing.T, golden string) {
	if *rewrite && filepath.Base(golden) == "v2" {
		writeGolden(t, golden)
	}
	disk := vfs.NewMem()
	for _, one := range []string{dir, path.Dir(elsewhere)} {
		if err := disk.MkdirAll(one); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(golden, "*.*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("got files %v, %v", names, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		to := path.Join(dir, filepath.Base(name))
		switch filepath.Base(name) {
		case path.Base(elsewhere):
			to = elsewhere
		case "content.txt":
			continue
		}
		if err := vfs.WriteFileSync(disk, to, data); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.Join(golden, "content.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if got := describe(t, mustOpen(t, disk, seededOptions(2))); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// describe lists the content of a log as text.
func describe(t *testing.T, w *wal.WAL) string {
	var b strings.Builder
	for _, id := range w.Groups() {
		s, _, err := w.Load(id)
		if err != nil {
			t.Fatal(err)
		}
		c := s.Checkpoint
		fmt.Fprintf(&b, "group %d hard %+v conf %x checkpoint %d/%d conf %x machine %x\n", id, s.Hard,
			s.ConfState, c.Term,
			c.Index, c.ConfState, c.Machine)
		for _, e := range s.Entries {
			fmt.Fprintf(&b, "  entry %d/%d type %d, %d bytes with crc %08x\n", e.Term, e.Index, e.Type,
				len(e.Data),
				crc32.ChecksumIEEE(e.Data))
		}
	}
	return b.String()
}

func writeGolden(t *testing.T, golden string) {
	disk := vfs.NewMem()
	w, _ := smallLog(t, disk, seededOptions(1))
	write(t, w, wal.Update{Group: 77, Entries: placed(t, disk, 1, 300, 5, 700)})
	files := map[string]string{"content.txt": describe(t, w)}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(logFiles(t, disk), elsewhere) {
		data, err := vfs.ReadFile(disk, name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = string(data)
	}
	if err := os.MkdirAll(golden, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(golden, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
