package wal_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files of the present format version")

// TestFilesOfVersion1 opens files that version 1 wrote: a log of three files that was closed.
func TestFilesOfVersion1(t *testing.T) {
	golden := filepath.Join("testdata", "v1")
	if *rewrite {
		writeGolden(t, golden)
	}
	disk := vfs.NewMem()
	if err := disk.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(golden)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(golden, name.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFileSync(disk, dir+"/"+name.Name(), data); err != nil {
			t.Fatal(err)
		}
	}
	w := mustOpen(t, disk, seededOptions(2))
	_, want := smallLog(t, vfs.NewMem(), seededOptions(1))
	if d := want.difference(w); d != "" {
		t.Error(d)
	}
}

func writeGolden(t *testing.T, golden string) {
	disk := vfs.NewMem()
	w, _ := smallLog(t, disk, seededOptions(1))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range logFiles(t, disk) {
		data, err := vfs.ReadFile(disk, name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(golden, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(golden, filepath.Base(name)), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
