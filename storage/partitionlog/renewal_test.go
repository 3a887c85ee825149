package partitionlog

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// appendRest appends to a log what another one has beyond its end, as a follower that is not away does.
func appendRest(t testing.TB, l, leader *Log) {
	t.Helper()
	if end := l.View().End(); end < leader.View().End() {
		batches, err := readAll(leader.View(), end, 1<<20)
		must(t, err)
		must(t, l.Append(batches))
	}
}

// copyFrom brings a log to where another one is and returns what it is then, and whether it was copied anew.
func copyFrom(t testing.TB, l, leader *Log) (*Log, State, bool) {
	t.Helper()
	source, err := leader.Share(l.Have())
	must(t, err)
	defer source.Close()
	for first := true; ; first = false {
		piece, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		must(t, l.Restore(piece, first))
	}
	s, err := l.Restored()
	must(t, err)
	renewed, err := l.Renew(s)
	must(t, err)
	must(t, renewed.Checkpointed(s))
	return renewed, s, renewed != l
}

// age has compactions come by until everything has passed its delete horizon.
func age(t testing.TB, l *Log) {
	t.Helper()
	for i := range int64(4) {
		keyed(t, l, batch.Options{}, "clock", fmt.Sprint(i))
		closeSegment(t, l)
		compactAll(t, l, 1000+1000*i, 0)
	}
}

// wantSame demands that readers of two logs see the same.
func wantSame(t testing.TB, got, want *Log) {
	t.Helper()
	wantContents(t, got.View(), contents(t, want.View())...)
	seen, err := readCommitted(got.View(), 0, 1<<20)
	must(t, err)
	due, err := readCommitted(want.View(), 0, 1<<20)
	must(t, err)
	if !maps.Equal(seen, due) {
		t.Errorf("readers of what is committed see %v, want %v", seen, due)
	}
}

// TestAReplicaThatMissedWhatWasPurgedCopiesAnew is away while a tombstone, or the marker of a transaction
// that it has begun to copy, comes and goes. It must neither keep what was deleted nor show what was aborted.
func TestAReplicaThatMissedWhatWasPurgedCopiesAnew(t *testing.T) {
	o := batch.Options{Producer: &batch.Producer{ID: 1}, Transactional: true}
	for name, c := range map[string]struct{ before, after func(l *Log) }{
		"tombstone": {
			func(l *Log) { keyed(t, l, batch.Options{}, "a", "1", "b", "1") },
			func(l *Log) { keyed(t, l, batch.Options{}, "a", "", "c", "1") },
		},
		"marker": {
			func(l *Log) { keyed(t, l, o, "a", "aborted") },
			func(l *Log) {
				must(t, l.Append([]batch.Batch{endOf(l.View().End(), 1, false)}))
				keyed(t, l, batch.Options{Producer: &batch.Producer{ID: 1, Epoch: 1}}, "z", "1")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs := newMem(t)
			leader := openLog(t, newMem(t), compactConfig(), nil, Boot)
			away := openLog(t, fs, compactConfig(), nil, Boot)
			c.before(leader)
			appendRest(t, away, leader)
			checkpoint(t, away)
			c.after(leader)
			age(t, leader)
			before := away.View()
			away, s, anew := copyFrom(t, away, leader)
			if !anew {
				t.Error("the log goes on, though it misses what was purged")
			}
			wantSame(t, away, leader)
			wantContents(t, before, contents(t, before)...) // a reader goes on with the new log
			appendRest(t, away, leader)
			keyed(t, leader, batch.Options{}, "d", "1")
			appendRest(t, away, leader)
			wantSame(t, away, leader)

			// After a restart it is the same, and knows for those who copy from it what was purged.
			restarted := openLog(t, fs.DurableClone(), compactConfig(), s, Boot)
			appendRest(t, restarted, leader)
			wantSame(t, restarted, leader)
			if got, want := restarted.files.purge.purged(), leader.files.purge.purged(); got < want || want == 0 {
				t.Errorf("got purged below %d, want %d", got, want)
			}
			names, err := fs.List("/data")
			must(t, err)
			if got := strings.Join(names, " "); got != "topic-0" {
				t.Errorf("got %s, want one directory left", got)
			}
		})
	}
}

// TestAReplicaThatMissedNothingGoesOn has all that was purged, so it copies the rest only.
func TestAReplicaThatMissedNothingGoesOn(t *testing.T) {
	leader := openLog(t, newMem(t), compactConfig(), nil, Boot)
	away := openLog(t, newMem(t), compactConfig(), nil, Boot)
	keyed(t, leader, batch.Options{}, "a", "1", "b", "1")
	keyed(t, leader, batch.Options{}, "a", "")
	appendRest(t, away, leader)
	age(t, leader)
	away, _, anew := copyFrom(t, away, leader)
	if anew {
		t.Error("the log is copied anew, though it has all that was purged")
	}
	keyed(t, away, batch.Options{}, "a", "2")
	closeSegment(t, away)
	compactAll(t, away, 1000, 0)
	wantContents(t, away.View(), "1 b=1", "6 clock=3", "7 a=2")
}

// TestARenewalGoesOnWhereItWasInterrupted keeps what has come, unless more was purged meanwhile.
func TestARenewalGoesOnWhereItWasInterrupted(t *testing.T) {
	leader := openLog(t, newMem(t), compactConfig(), nil, Boot)
	away := openLog(t, newMem(t), compactConfig(), nil, Boot)
	keyed(t, leader, batch.Options{}, "a", "1", "b", "1")
	appendRest(t, away, leader)
	keyed(t, leader, batch.Options{}, "a", "")
	age(t, leader)
	for i := range 20 {
		keyed(t, leader, batch.Options{}, fmt.Sprint("k", i), "1")
	}
	part := func(pieces int) {
		source, err := leader.Share(away.Have())
		must(t, err)
		defer source.Close()
		source.limit = 200
		for i := range pieces {
			piece, err := source.Next()
			must(t, err)
			must(t, away.Restore(piece, i == 0))
		}
	}
	part(6)
	h, err := decodeHave(away.Have())
	must(t, err)
	if h.end <= leader.files.purge.purged() || h.end >= leader.View().End() {
		t.Fatalf("got a copy up to %d, want one between %d and %d", h.end, leader.files.purge.purged(),
			leader.View().End())
	}
	part(2)
	if h, err = decodeHave(away.Have()); err != nil || h.end < leader.files.purge.purged()+2 {
		t.Errorf("got a copy up to %d, want it to go on", h.end)
	}
	away, _, _ = copyFrom(t, away, leader)
	wantSame(t, away, leader)
}

// TestNothingIsPurgedBesideACopy: who copies from the start has not seen the tombstone yet.
func TestNothingIsPurgedBesideACopy(t *testing.T) {
	leader := openLog(t, newMem(t), compactConfig(), nil, Boot)
	keyed(t, leader, batch.Options{}, "a", "1")
	keyed(t, leader, batch.Options{}, "a", "")
	source, err := leader.Share(nil)
	must(t, err)
	age(t, leader)
	wantContents(t, leader.View(), "1 a=", "5 clock=3")
	source.Close()
	source.Close() // once more does no harm
	age(t, leader)
	wantContents(t, leader.View(), "9 clock=3")
}

// TestACopyEndsWhenSomethingIsPurgedUnderIt begins a copy while a compaction is about to purge.
func TestACopyEndsWhenSomethingIsPurgedUnderIt(t *testing.T) {
	leader := openLog(t, newMem(t), compactConfig(), nil, Boot)
	keyed(t, leader, batch.Options{}, "a", "1")
	keyed(t, leader, batch.Options{}, "a", "")
	closeSegment(t, leader)
	compactAll(t, leader, 1000, 0)
	keyed(t, leader, batch.Options{}, "b", "1")
	closeSegment(t, leader)
	c, err := leader.Compact(2000, 0)
	must(t, err)
	for c.group == nil {
		_, _, err := c.Step(1)
		must(t, err)
	}
	source, err := leader.Share(nil)
	must(t, err)
	defer source.Close()
	_, err = source.Next()
	must(t, err)
	for done := false; !done; {
		_, done, err = c.Step(1 << 20)
		must(t, err)
	}
	if leader.files.purge.purged() != 2 {
		t.Fatalf("got purged below %d, want 2", leader.files.purge.purged())
	}
	if _, err := source.Next(); !errors.Is(err, errPurged) {
		t.Errorf("got %v, want the copy to end", err)
	}
}

// TestWhatWasPurgedIsKnownAfterACrash, and taken for everything if the file that says so is damaged.
func TestWhatWasPurgedIsKnownAfterACrash(t *testing.T) {
	fs := newMem(t)
	l := openLog(t, fs, compactConfig(), nil, Boot)
	keyed(t, l, batch.Options{}, "a", "1", "b", "1")
	keyed(t, l, batch.Options{}, "a", "")
	age(t, l)
	s := checkpoint(t, l)
	fs = fs.DurableClone()
	l = openLog(t, fs, compactConfig(), s, Boot)
	if got := l.files.purge.purged(); got != 3 {
		t.Errorf("got purged below %d, want 3", got)
	}
	must(t, fs.FlipBit(testDir+"/"+nameProgress, 3, 1))
	l = openLog(t, fs, compactConfig(), s, Boot)
	if got := l.files.purge.purged(); got != l.View().End() {
		t.Errorf("got purged below %d, want %d", got, l.View().End())
	}
}

// TestRemoveTakesWhatIsBesideALog: a topic may be deleted while a log is copied anew.
func TestRemoveTakesWhatIsBesideALog(t *testing.T) {
	fs := newMem(t)
	leader := openLog(t, newMem(t), compactConfig(), nil, Boot)
	away := openLog(t, fs, compactConfig(), nil, Boot)
	keyed(t, leader, batch.Options{}, "a", "1")
	appendRest(t, away, leader)
	keyed(t, leader, batch.Options{}, "a", "")
	age(t, leader)
	source, err := leader.Share(away.Have())
	must(t, err)
	defer source.Close()
	piece, err := source.Next()
	must(t, err)
	must(t, away.Restore(piece, true))
	if _, err := fs.Stat(renewal(1).dir(testDir)); err != nil {
		t.Errorf("there is no copy: %v", err)
	}
	must(t, away.Delete())
	if names, err := fs.List("/data"); err != nil || len(names) > 0 {
		t.Errorf("got %v, %v, want nothing left", names, err)
	}
	must(t, Remove(vfs.NewMem(), "/nowhere/topic-0", testTopic))
}
