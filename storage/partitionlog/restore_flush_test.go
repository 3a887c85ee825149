package partitionlog

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// TestLateFlushBringsNoFilesBack flushes a capture from before a restore that began the log anew, after the
// old segments are gone.
func TestLateFlushBringsNoFilesBack(t *testing.T) {
	leader, fs := leaderLog(t), newMem(t)
	l := openLog(t, fs, smallConfig(), nil, Boot)
	must(t, l.Append([]batch.Batch{sent(0, 1, 0, 0, 3)}))
	late, err := l.Capture()
	must(t, err)
	state := restoreAll(t, l, copyOf(t, leader, l.Have(), 400))
	_, err = late()
	must(t, err)
	names, err := fs.List(testDir)
	must(t, err)
	for _, name := range names {
		if offset, suffix, ok := parseName(name); ok && suffix != suffixSnapshot && offset < 39 {
			t.Errorf("%s came back", name)
		}
	}
	same(t, openLog(t, fs.DurableClone(), smallConfig(), state, Boot), leader)
}

// TestFlushesTakeTurns runs flushes of earlier captures beside a restore and the end of it.
func TestFlushesTakeTurns(t *testing.T) {
	leader := leaderLog(t)
	all := copyOf(t, leader, nil, 200)
	var writing atomic.Bool
	var clashes atomic.Int32
	fs := vfs.NewFaulty(newMem(t), func(op vfs.Op) error {
		if !strings.Contains(op.Name, nameManifest) && !strings.Contains(op.Name, suffixSnapshot) {
			return nil // only flushes write these two
		}
		switch op.Kind {
		case vfs.OpCreate:
			if writing.Swap(true) {
				clashes.Add(1)
			}
			for range 200 {
				runtime.Gosched() // whoever does not wait for his turn comes in now
			}
		case vfs.OpRename:
			writing.Store(false)
		}
		return nil
	})
	for i := range 20 {
		dir := fmt.Sprint("/data/turns-", i)
		l, err := Open(fs, dir, smallConfig(), nil, Boot)
		must(t, err)
		janitor := make(chan func() (State, error), len(all))
		done := make(chan error, 1)
		go func() {
			var failed error
			for flush := range janitor {
				if _, err := flush(); err != nil {
					failed = err
				}
			}
			done <- failed
		}()
		for i, piece := range all {
			must(t, l.Restore(piece, i == 0))
			flush, err := l.Capture()
			must(t, err)
			janitor <- flush
		}
		state, err := l.Restored()
		must(t, err)
		close(janitor)
		must(t, <-done)
		must(t, l.Checkpointed(state))
		same(t, l, leader)
	}
	if n := clashes.Load(); n > 0 {
		t.Errorf("got %d flushes of one directory at the same time", n)
	}
}

// TestRestoreSyncsAsItGoes restores a log of some size on a real disk and watches how much waits for a sync.
func TestRestoreSyncsAsItGoes(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 200 MB")
	}
	leader := bigLog(t, 200<<20, 16<<10)
	var unsynced, most atomic.Int64
	fs := vfs.NewFaulty(vfs.OS(), func(op vfs.Op) error {
		switch {
		case op.Kind == vfs.OpWrite:
			most.Store(max(most.Load(), unsynced.Add(int64(op.Length))))
		case op.Kind == vfs.OpSync && strings.HasSuffix(op.Name, suffixLog):
			unsynced.Store(0)
		}
		return nil
	})
	l, err := Open(fs, t.TempDir()+"/copy-0", Config{TopicID: testTopic}, nil, Boot)
	must(t, err)
	source, err := leader.Share(l.Have())
	must(t, err)
	for first := true; ; first = false {
		piece, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		must(t, l.Restore(piece, first))
	}
	if most.Load() > settleBytes+4*maxPieceBytes || most.Load() < settleBytes/2 {
		t.Errorf("got up to %d bytes that wait for a sync, want about %d", most.Load(), settleBytes)
	}
	_, err = l.Restored()
	must(t, err)
}
