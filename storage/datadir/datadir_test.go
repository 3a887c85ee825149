package datadir

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
)

const dir = "/var/lib/chronik"

func mustOpen(t *testing.T, fs vfs.FS, nodeID int32) *Dir {
	t.Helper()
	d, err := Open(fs, dir, nodeID)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// assertRefused checks that err is a RefusedError whose sentence contains all of the parts.
func assertRefused(t *testing.T, err error, parts ...string) {
	t.Helper()
	if _, ok := errors.AsType[*RefusedError](err); !ok {
		t.Fatalf("got %v, want a RefusedError", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %q, want %q in it", err, part)
		}
	}
}

func TestIdentityLastsOverRestarts(t *testing.T) {
	fs := vfs.NewMem()
	d := mustOpen(t, fs, 3)
	id := d.ID()
	if len(id) != 22 || d.NodeID() != 3 || d.ClusterID() != "" {
		t.Fatalf("got id %q of node %d in cluster %q", id, d.NodeID(), d.ClusterID())
	}
	if err := d.JoinCluster("blue"); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = mustOpen(t, fs.DurableClone(), 3)
	if d.ID() != id || d.ClusterID() != "blue" {
		t.Errorf("got id %q in cluster %q, want %q in blue", d.ID(), d.ClusterID(), id)
	}
	if err := d.JoinCluster("blue"); err != nil {
		t.Error(err)
	}
	assertRefused(t, d.JoinCluster("red"), "cluster blue", "cluster red", "use another directory")
}

func TestSecondProcessIsRefused(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"memory": vfs.NewMem(), "disk": vfs.OS()} {
		path := dir
		if name == "disk" {
			path = t.TempDir()
		}
		d, err := Open(fs, path, 1)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(fs, path, 1)
		assertRefused(t, err, "in use by process ", "stop it")
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if d, err = Open(fs, path, 1); err != nil {
			t.Fatalf("after the first has gone: %v", err)
		}
		_ = d.Close()
	}
}

func TestWhatBelongsToOthersIsRefused(t *testing.T) {
	cases := map[string]struct {
		files map[string]string
		want  string
	}{
		"another node": {map[string]string{metaName: string(meta{nodeID: 2, directoryID: "x"}.encode())},
			"set the node id to 2"},
		"apache kafka": {map[string]string{metaName: "version=1\nnode.id=1\ncluster.id=a\n"},
			"another program"},
		"newer version": {map[string]string{metaName: "format=chronik\nversion=9\nsecret=1\n"},
			"newer version"},
		"damaged": {map[string]string{metaName: "format=chronik\nversion=1\nnode.id=1\n"},
			"directory.id is missing"},
		"garbage":       {map[string]string{metaName: "\x00\x01\x02"}, "damaged"},
		"data, no card": {map[string]string{"orders-0": ""}, `contains "orders-0" but no meta.properties`},
		"negative node": {
			map[string]string{metaName: "format=chronik\nversion=1\nnode.id=-1\ndirectory.id=a\n"},
			"node.id"},
		"repeated lines": {map[string]string{metaName: "format=chronik\nformat=chronik\n"},
			"repeats format"},
		"huge other file": {map[string]string{metaName: strings.Repeat("x", metaLimit+1)}, ""},
	}
	for name, c := range cases {
		fs := vfs.NewMem()
		if err := fs.MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
		for file, content := range c.files {
			if err := vfs.WriteFileSync(fs, dir+"/"+file, []byte(content)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Open(fs, dir, 1)
		t.Logf("%s: %v", name, err)
		if c.want != "" {
			assertRefused(t, err, c.want)
		} else if err == nil {
			t.Errorf("%s was opened", name)
		}
		for file, content := range c.files {
			if data, err := vfs.ReadFile(fs, dir+"/"+file, 1<<20); err != nil || string(data) != content {
				t.Errorf("%s: %s was changed: %v", name, file, err)
			}
		}
		if lock, err := fs.Lock(dir + "/" + lockName); err != nil {
			t.Errorf("%s: the lock is still held: %v", name, err)
		} else {
			_ = lock.Close()
		}
	}
}

func TestFoundersAndIncarnationLastOverRestarts(t *testing.T) {
	fs := vfs.NewMem()
	d := mustOpen(t, fs, 3)
	if !d.Fresh() || d.Founders() != nil || d.Incarnation() != 0 {
		t.Fatalf("got founders %v, incarnation %d of a new directory", d.Founders(), d.Incarnation())
	}
	founders := []Founder{{3, d.ID()}, {1, "oFoBAm9dTbCUnMPJOFGHZg"}, {2147483647, "-_"}}
	must(t, d.Found(founders))
	must(t, d.Found(founders))
	d = mustOpen(t, fs.DurableClone(), 3)
	if d.Fresh() || !slices.Equal(d.Founders(), founders) {
		t.Fatalf("got founders %v, want %v", d.Founders(), founders)
	}
	assertRefused(t, d.Found(founders[:2]), "oFoBAm9dTbCUnMPJOFGHZg", "use an empty directory")
	fs = vfs.NewMem()
	d = mustOpen(t, fs, 3)
	must(t, d.SetIncarnation(7))
	must(t, d.SetIncarnation(7))
	d = mustOpen(t, fs.DurableClone(), 3)
	if d.Fresh() || d.Incarnation() != 7 {
		t.Fatalf("got incarnation %d, want 7", d.Incarnation())
	}
	assertRefused(t, d.SetIncarnation(8), "incarnation 7 of node 3", "incarnation 8")
	assertRefused(t, d.Found(founders), "join a cluster that exists")
	must(t, d.JoinCluster("blue"))
	assertRefused(t, d.Found(founders), "cluster blue")
	if d.Fresh() {
		t.Error("a member is not fresh")
	}
}

func TestFoundersThatNobodyCouldReadBackAreRefused(t *testing.T) {
	d := mustOpen(t, vfs.NewMem(), 3)
	for _, founders := range [][]Founder{
		nil, {}, {{-1, "a"}}, {{1, ""}}, {{1, "a,2:b"}}, {{1, "a\nnode.id=4"}}, {{1, " a"}}, {{1, "a"}, {1, "b"}},
	} {
		if err := d.Found(founders); err == nil {
			t.Errorf("%v was taken", founders)
		}
	}
	if err := d.SetIncarnation(0); err == nil {
		t.Error("incarnation 0 was taken")
	}
	if !d.Fresh() {
		t.Error("what was refused has left a trace")
	}
}

// TestChangesFromManySidesAreAllKept has the founders, the cluster and readers at the same time.
func TestChangesFromManySidesAreAllKept(t *testing.T) {
	for range 20 {
		fs := vfs.NewMem()
		d := mustOpen(t, fs, 1)
		var all sync.WaitGroup
		errs := make(chan error, 2)
		all.Go(func() { errs <- d.SetIncarnation(2) })
		all.Go(func() { errs <- d.JoinCluster("blue") })
		all.Go(func() { _ = d.Fresh() })
		all.Wait()
		must(t, <-errs)
		must(t, <-errs)
		if d = mustOpen(t, fs.DurableClone(), 1); d.Incarnation() != 2 || d.ClusterID() != "blue" {
			t.Fatalf("got incarnation %d in cluster %q, want 2 in blue", d.Incarnation(), d.ClusterID())
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFirstStartMayBeCutShortAnywhere(t *testing.T) {
	powerCut := errors.New("power cut")
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 0))
		disk := vfs.NewMem()
		left := rng.IntN(60)
		fs := vfs.NewFaulty(disk, func(vfs.Op) error {
			if left--; left < 0 {
				return powerCut
			}
			return nil
		})
		id, joined, founded, incarnated := "", false, false, false
		if d, err := Open(fs, dir, 1); err == nil {
			id = d.ID()
			founded = d.Found([]Founder{{1, id}}) == nil
			incarnated = d.SetIncarnation(1) == nil
			joined = d.JoinCluster("blue") == nil
		}
		d, err := Open(disk.CrashClone(rng), dir, 1)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if id != "" && d.ID() != id || joined && d.ClusterID() != "blue" {
			t.Fatalf("seed %d: got directory %q in cluster %q, want %q", seed, d.ID(), d.ClusterID(), id)
		}
		if founded && len(d.Founders()) != 1 || incarnated && d.Incarnation() != 1 {
			t.Fatalf("seed %d: got founders %v, incarnation %d", seed, d.Founders(), d.Incarnation())
		}
	}
}

func FuzzMeta(f *testing.F) {
	f.Add(meta{nodeID: 1, directoryID: "abc", clusterID: "c", others: map[string]string{"x": "y"}}.encode())
	f.Add([]byte("format=chronik\nversion=1\n node.id = 7 \ndirectory.id==\n"))
	f.Add([]byte("version=1\nnode.id=1\n"))
	f.Add(meta{nodeID: 1, directoryID: "a", founders: []Founder{{1, "a"}, {2, "b"}}, incarnation: 4}.encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMeta(data)
		if err != nil {
			return
		}
		again, err := parseMeta(m.encode())
		if err != nil {
			t.Fatalf("cannot parse %q: %v", m.encode(), err)
		}
		if string(again.encode()) != string(m.encode()) {
			t.Fatalf("got %q, want %q", again.encode(), m.encode())
		}
	})
}
