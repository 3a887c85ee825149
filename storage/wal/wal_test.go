package wal_test

import (
	"math/rand/v2"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

func TestSmoke(t *testing.T) {
	fs := vfs.NewMem()
	rng := rand.New(rand.NewPCG(1, 2))
	o := wal.Options{FileBytes: 32 << 10, Incarnation: rng.Uint64}
	w, err := wal.Open(fs, "/wal", o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(100) {
		err := w.Append([]wal.Update{{Group: 7, Hard: &wal.HardState{Term: 1, Commit: i},
			Entries: []wal.Entry{{Term: 1, Index: i + 1, Data: make([]byte, 5000)}}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%+v", w.Stats())
	w, err = wal.Open(fs.CrashClone(rng), "/wal", o)
	if err != nil {
		t.Fatal(err)
	}
	s, ok, err := w.Load(7)
	if !ok || err != nil || len(s.Entries) != 100 {
		t.Fatal(ok, err, len(s.Entries))
	}
}
