package metadata

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/storage/vfs"
)

// pieces reads a source to its end.
func pieces(t testing.TB, from *Machine) [][]byte {
	t.Helper()
	source, err := from.Share(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	var all [][]byte
	for {
		piece, err := source.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil || len(piece) == 0 || len(piece) > maxPieceBytes {
			t.Fatalf("got a piece of %d bytes, %v", len(piece), err)
		}
		all = append(all, piece)
	}
}

// full returns a machine whose image takes several pieces.
func full(t testing.TB) *Machine {
	t.Helper()
	m := open(t, machineConfig(t, vfs.NewMem()), nil)
	requests := born()
	for n := range 30_000 {
		requests = append(requests, newTopic(fmt.Sprint("topic-with-a-name-", n)))
	}
	if _, err := m.Apply(script(t, m, requests...)); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSharedImageIsRestoredAndSurvives(t *testing.T) {
	from := full(t)
	sent := pieces(t, from)
	if len(sent) < 2 {
		t.Fatalf("got %d pieces: the test proves nothing", len(sent))
	}
	config := machineConfig(t, vfs.NewMem())
	to := open(t, config, nil)
	if err := to.Restore(sent[0], true); err != nil { // of a restore that ends early
		t.Fatal(err)
	}
	for n, piece := range sent {
		if err := to.Restore(piece, n == 0); err != nil {
			t.Fatal(err)
		}
	}
	state, err := to.Restored()
	if err != nil {
		t.Fatal(err)
	}
	if config.Current.Image() != to.image || !bytes.Equal(stored(t, to.image), stored(t, from.image)) {
		t.Error("the restored machine has another image, or has not published it")
	}
	again := open(t, config, state)
	if again.index != from.index || !bytes.Equal(stored(t, again.image), stored(t, from.image)) {
		t.Error("a restart loses what was restored")
	}
}

// TestEntriesThatTheImageHasAreSkipped is a new leader that sends the log from an earlier point.
func TestEntriesThatTheImageHasAreSkipped(t *testing.T) {
	from := open(t, machineConfig(t, vfs.NewMem()), nil)
	entries := script(t, from, append(born(), newTopic("a"), newTopic("b"))...)
	if _, err := from.Apply(entries[:3]); err != nil {
		t.Fatal(err)
	}
	to := open(t, machineConfig(t, vfs.NewMem()), nil)
	for n, piece := range pieces(t, from) {
		if err := to.Restore(piece, n == 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := to.Restored(); err != nil {
		t.Fatal(err)
	}
	results, err := to.Apply(entries)
	if err != nil || len(results) != 4 || results[3] == nil {
		t.Fatalf("got %v, %v", results, err)
	}
	if _, err := from.Apply(entries[3:]); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stored(t, to.image), stored(t, from.image)) {
		t.Error("the images differ")
	}
}

func TestDamagedPiecesLeaveTheMachineAsItIs(t *testing.T) {
	from := open(t, machineConfig(t, vfs.NewMem()), nil)
	if _, err := from.Apply(script(t, from, append(born(), newTopic("a"))...)); err != nil {
		t.Fatal(err)
	}
	good := pieces(t, from)[0]
	to := open(t, machineConfig(t, vfs.NewMem()), nil)
	if _, err := to.Apply(script(t, to, born()[0])); err != nil {
		t.Fatal(err)
	}
	before := stored(t, to.image)
	for at := range good {
		if at >= 1 && at < 9 {
			continue // the index, which only the raft log could contradict
		}
		err := to.Restore(flip(good, at), true)
		if err == nil {
			_, err = to.Restored()
		}
		if err == nil {
			t.Fatalf("byte %d may be anything", at)
		}
		if !bytes.Equal(stored(t, to.image), before) {
			t.Fatalf("byte %d changed the image", at)
		}
	}
	if err := to.Restore(good, false); !errors.Is(err, metadatapb.ErrCorrupt) {
		t.Errorf("piece without a first one: %v", err)
	}
	if err := to.Restore(good[:10], true); !errors.Is(err, errCheckpoint) {
		t.Errorf("short piece: %v", err)
	}
	if err := to.Restore(append(bytes.Clone(good), 0), true); !errors.Is(err, metadatapb.ErrCorrupt) {
		t.Errorf("long piece: %v", err)
	}
	if _, err := to.Restored(); !errors.Is(err, metadatapb.ErrCorrupt) {
		t.Errorf("nothing restored: %v", err)
	}
}
