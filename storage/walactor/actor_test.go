package walactor_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

const (
	dir    = "/wal"
	second = time.Second // how long probes wait at most; nothing takes that long
)

// bench is a log actor under test with a disk that the test can break.
type bench struct {
	*kittest.Seeded
	t      *testing.T
	disk   *vfs.Mem
	inject func(vfs.Op) error
	syncs  int
	log    kit.Address
	parent *kittest.Probe
	asker  *kittest.Probe
}

func newBench(t *testing.T, seed uint64) *bench {
	b := &bench{Seeded: kittest.NewSeeded(t, seed), t: t, disk: vfs.NewMem()}
	b.parent = kittest.NewProbe(b.System, "storage")
	b.asker = kittest.NewProbe(b.System, "asker")
	b.start()
	return b
}

// start opens the log on the disk as it is and makes the actor.
func (b *bench) start() {
	b.t.Helper()
	rng := rand.New(rand.NewPCG(1, b.Random().Uint64()))
	w, err := wal.Open(vfs.NewFaulty(b.disk, b.ask), dir,
		wal.Options{FileBytes: 16 << 10, Incarnation: rng.Uint64})
	if err != nil {
		b.t.Fatal(err)
	}
	b.log = b.parent.Spawn(b.t, "wal", walactor.Spec(walactor.Config{WAL: w, Log: zerolog.Nop(), PlaceBytes: 64 << 10}))
	b.Run()
	b.syncs = 0
}

func (b *bench) ask(op vfs.Op) error {
	if op.Kind == vfs.OpSync {
		b.syncs++
	}
	if b.inject != nil {
		return b.inject(op)
	}
	return nil
}

func (b *bench) append(u wal.Update, token uint64) {
	b.log.Tell(walactor.Append{Update: u, ReplyTo: b.asker.Address, Token: token})
}

func (b *bench) load(group wal.GroupID, token uint64) {
	b.log.Tell(walactor.Load{Group: group, ReplyTo: b.asker.Address, Token: token})
}

// appended runs what is waiting and returns the next answer, which must be about a token.
func (b *bench) appended(token uint64) error {
	b.t.Helper()
	m := kittest.Expect[walactor.Appended](b.t, b.asker, second)
	if m.Token != token {
		b.t.Fatalf("got the answer to %d, want that to %d", m.Token, token)
	}
	return m.Err
}

func (b *bench) loaded(token uint64) wal.State {
	b.t.Helper()
	m := kittest.Expect[walactor.Loaded](b.t, b.asker, second)
	if m.Token != token || m.Err != nil {
		b.t.Fatalf("got %+v, want the state for %d", m, token)
	}
	return m.State
}

func entries(group wal.GroupID, first uint64, sizes ...int) wal.Update {
	u := wal.Update{Group: group}
	for i, size := range sizes {
		u.Entries = append(u.Entries, wal.Entry{Term: 1, Index: first + uint64(i),
			Data: bytes.Repeat([]byte{7}, size)})
	}
	return u
}

func TestOneTurnIsOneSyncForAllThatWaited(t *testing.T) {
	b := newBench(t, 1)
	for token := range uint64(100) {
		b.append(entries(wal.GroupID(token%7+1), token/7+1, 10), token)
	}
	for token := range uint64(100) {
		if err := b.appended(token); err != nil {
			t.Fatal(err)
		}
	}
	if b.syncs != 1 {
		t.Errorf("got %d syncs for 100 appends that waited together, want 1", b.syncs)
	}
}

func TestLargeTurnsAreSplit(t *testing.T) {
	b := newBench(t, 1)
	for token := range uint64(5) {
		b.append(entries(1, token+1, 12<<20), token)
	}
	for token := range uint64(5) {
		if err := b.appended(token); err != nil {
			t.Fatal(err)
		}
	}
	b.load(1, 9)
	if n := len(b.loaded(9).Entries); n != 5 {
		t.Errorf("got %d entries, want 5", n)
	}
}

func TestLoadSeesWhatWasSentBeforeAndNothingElse(t *testing.T) {
	b := newBench(t, 1)
	b.append(entries(1, 1, 10, 10), 1)
	b.load(1, 2)
	b.append(entries(1, 3, 10), 3)
	b.load(1, 4)
	b.load(5, 5)
	if err := b.appended(1); err != nil {
		t.Fatal(err)
	}
	if n := len(b.loaded(2).Entries); n != 2 {
		t.Errorf("first load: got %d entries, want 2", n)
	}
	if err := b.appended(3); err != nil {
		t.Fatal(err)
	}
	if n := len(b.loaded(4).Entries); n != 3 {
		t.Errorf("second load: got %d entries, want 3", n)
	}
	if m := kittest.Expect[walactor.Loaded](t, b.asker, second); m.Found {
		t.Errorf("got %+v for a group that does not exist", m)
	}
}

func TestFailedSyncEndsTheLogForEverybody(t *testing.T) {
	for _, kind := range []vfs.OpKind{vfs.OpSync, vfs.OpWrite} {
		b := newBench(t, 1)
		b.inject = func(op vfs.Op) error {
			if op.Kind == kind {
				return syscall.EIO
			}
			return nil
		}
		b.append(entries(1, 1, 10), 1)
		b.append(entries(2, 1, 10), 2)
		for token := uint64(1); token <= 2; token++ {
			if err := b.appended(token); !errors.Is(err, walactor.ErrFailed) || !errors.Is(err, syscall.EIO) {
				t.Errorf("%s: got %v, want ErrFailed with its cause", kind, err)
			}
		}
		if m := kittest.Expect[walactor.Failed](t, b.parent, second); !errors.Is(m.Err, syscall.EIO) {
			t.Errorf("%s: the parent got %v", kind, m.Err)
		}
		b.inject = nil
		b.syncs = 0
		b.append(entries(1, 1, 10), 3)
		b.append(wal.Update{Group: 9, Remove: true}, 4)
		b.load(1, 5)
		b.log.Tell(walactor.Pins{ReplyTo: b.asker.Address})
		b.log.Tell(walactor.Release{ReplyTo: b.asker.Address})
		for token := uint64(3); token <= 4; token++ {
			if err := b.appended(token); !errors.Is(err, walactor.ErrFailed) {
				t.Errorf("%s: later append: got %v, want ErrFailed", kind, err)
			}
		}
		if m := kittest.Expect[walactor.Loaded](t, b.asker, second); !errors.Is(m.Err, walactor.ErrFailed) {
			t.Errorf("%s: later load: got %v, want ErrFailed", kind, m.Err)
		}
		if m := kittest.Expect[walactor.Pinned](t, b.asker, second); !errors.Is(m.Err, walactor.ErrFailed) {
			t.Errorf("%s: later pins: got %v, want ErrFailed", kind, m.Err)
		}
		if m := kittest.Expect[walactor.Released](t, b.asker, second); !errors.Is(m.Err, walactor.ErrFailed) {
			t.Errorf("%s: later release: got %v, want ErrFailed", kind, m.Err)
		}
		if b.syncs != 0 {
			t.Errorf("%s: the log was synced %d times after it had failed", kind, b.syncs)
		}
		b.parent.ExpectNone(t)
	}
}

func TestImpossibleUpdateConcernsOneGroupUntilItLoads(t *testing.T) {
	b := newBench(t, 1)
	b.append(entries(1, 1, 10), 1)
	b.append(entries(1, 5, 10), 2) // leaves a gap
	b.append(wal.Update{Group: 1, Hard: &wal.HardState{Commit: 5}}, 3)
	b.append(entries(2, 1, 10), 4)
	want := func(token uint64, refused bool) {
		t.Helper()
		err := b.appended(token)
		if _, is := errors.AsType[*wal.UpdateError](err); is != refused || !refused && err != nil {
			t.Errorf("append %d: got %v, want refused: %v", token, err, refused)
		}
	}
	want(1, false)
	want(2, true)
	want(3, true)
	want(4, false)
	b.append(entries(1, 2, 10), 5)
	want(5, true)
	b.append(wal.Update{Group: 1, Checkpoint: &wal.Checkpoint{Index: 1, Term: 1}}, 6)
	want(6, false)
	b.load(1, 7)
	if s := b.loaded(7); s.Hard.Commit != 0 || s.Checkpoint.Index != 1 {
		t.Errorf("got %+v", s)
	}
	b.append(entries(1, 2, 10), 8)
	want(8, false)
	b.append(entries(1, 9, 10), 9)
	want(9, true)
	b.append(wal.Update{Group: 1, Remove: true}, 10)
	want(10, false)
	b.append(entries(1, 1, 10), 11)
	want(11, false)
}

// TestFullDiskRefusesEntriesAndTakesCheckpoints fills the disk with one group; the others get no entries in
// either, but everybody may write checkpoints, which are the way out.
func TestFullDiskRefusesEntriesAndTakesCheckpoints(t *testing.T) {
	b := newBench(t, 1)
	b.disk.SetCapacity(100 << 10)
	watcher := kittest.NewProbe(b.System, "watcher")
	b.log.Tell(walactor.Subscribe{Who: watcher.Address})
	last, full := uint64(0), error(nil)
	for full == nil {
		b.append(entries(1, last+1, 1000), last)
		if full = b.appended(last); full == nil {
			last++
		}
	}
	if !errors.Is(full, wal.ErrNoSpace) {
		t.Fatalf("got %v, want ErrNoSpace", full)
	}
	grown := walactor.Grown{}
	for _, m := range watcher.All() {
		grown = m.(walactor.Grown)
	}
	if !grown.Full {
		t.Errorf("the watcher was told %+v last, want that the log is full", grown)
	}
	b.append(wal.Update{Group: 1, Hard: &wal.HardState{Commit: last + 1}}, 101)
	if err := b.appended(101); !errors.Is(err, wal.ErrNoSpace) {
		t.Errorf("a commit index without its entry: got %v, want ErrNoSpace", err)
	}
	b.append(wal.Update{Group: 2, Hard: &wal.HardState{Term: 1}}, 102)
	b.append(wal.Update{Group: 1, Checkpoint: &wal.Checkpoint{Index: last, Term: 1}}, 103)
	for token := uint64(102); token <= 103; token++ {
		if err := b.appended(token); err != nil {
			t.Fatalf("small update %d: %v", token, err)
		}
	}
	b.load(1, 104)
	b.loaded(104)
	b.append(entries(1, last+1, 1000), 105)
	if err := b.appended(105); err != nil {
		t.Errorf("after the checkpoint: %v", err)
	}
}

func TestGrownIsToldWhenAFileIsStarted(t *testing.T) {
	b := newBench(t, 1)
	b.log.Tell(walactor.Subscribe{Who: b.parent.Address})
	b.log.Tell(walactor.Subscribe{Who: b.parent.Address})
	first := kittest.Expect[walactor.Grown](t, b.parent, second)
	kittest.Expect[walactor.Grown](t, b.parent, second)
	for i := range uint64(20) {
		b.append(entries(1, i+1, 1000), i)
		b.Run()
	}
	grown := kittest.Expect[walactor.Grown](t, b.parent, second)
	if grown.Stats.Files <= first.Stats.Files {
		t.Errorf("got %+v after %+v, want more files", grown.Stats, first.Stats)
	}
	b.parent.ExpectNone(t)
	b.log.Tell(walactor.Pins{Keep: 0, ReplyTo: b.parent.Address, Token: 3})
	if m := kittest.Expect[walactor.Pinned](t, b.parent, second); fmt.Sprint(m.Groups) != "[1]" ||
		m.Token != 3 {
		t.Errorf("got %+v, want group 1", m)
	}
}

func TestStopAnswersEverybodyAndClosesTheLog(t *testing.T) {
	b := newBench(t, 1)
	for token := range uint64(10) {
		b.append(entries(1, token+1, 10), token)
	}
	if err := b.System.StopAndWait(t.Context(), b.log); err != nil {
		t.Fatal(err)
	}
	for token := range uint64(10) {
		if err := b.appended(token); err != nil {
			t.Fatal(err)
		}
	}
	b.append(entries(1, 11, 10), 10)
	if err := b.appended(10); !errors.Is(err, kit.ErrStopped) {
		t.Errorf("got %v, want ErrStopped", err)
	}
	b.disk = b.disk.DurableClone()
	b.parent.All()
	b.start()
	b.load(1, 11)
	if n := len(b.loaded(11).Entries); n != 10 {
		t.Errorf("got %d entries after a restart, want 10", n)
	}
}

// TestStalledDiskIsReportedWhileItStalls has a sync that takes three seconds of virtual time.
func TestStalledDiskIsReportedWhileItStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stalled time.Duration
		fs := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
			if op.Kind == vfs.OpSync && stalled > 0 {
				<-time.After(stalled)
			}
			return nil
		})
		w, err := wal.Open(fs, dir, wal.Options{FileBytes: 16 << 10})
		if err != nil {
			t.Fatal(err)
		}
		var lines lockedBuffer
		system := kit.NewSystem(kit.SystemConfig{})
		probe := kittest.NewProbe(system, "probe")
		log := system.Spawn("wal", walactor.Spec(walactor.Config{WAL: w, Log: zerolog.New(&lines)}))
		synctest.Wait()
		before := lines.count()
		stalled = 3 * time.Second
		log.Tell(walactor.Append{Update: entries(1, 1, 10), ReplyTo: probe.Address})
		<-time.After(900 * time.Millisecond)
		synctest.Wait()
		if n := lines.count() - before; n != 0 {
			t.Errorf("got %d lines within a second, want none", n)
		}
		<-time.After(time.Second)
		synctest.Wait()
		if n := lines.count() - before; n != 1 {
			t.Errorf("got %d lines after a second, want 1", n)
		}
		kittest.Expect[walactor.Appended](t, probe, time.Minute)
		synctest.Wait()
		if n := lines.count() - before; n != 2 {
			t.Errorf("got %d lines when the disk had answered, want 2", n)
		}
		stalled = 0
		if err := system.StopAndWait(t.Context(), log); err != nil {
			t.Error(err)
		}
		system.Shutdown()
		synctest.Wait()
	})
}
