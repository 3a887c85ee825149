package janitor_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

const patience = time.Second // of probes; nothing takes that long

// bench is a janitor with a real log and groups that the test plays.
type bench struct {
	*kittest.Seeded
	t       *testing.T
	disk    *vfs.Mem
	space   *janitor.Space
	log     kit.Address
	janitor kit.Address
	asker   *kittest.Probe
	groups  map[wal.GroupID]*groupActor
	flushes int // under way; must never be more than one
	onFlush func(wal.GroupID)
	order   []wal.GroupID
}

// groupActor plays a Raft group: it answers Capture with all it has appended.
type groupActor struct {
	bench        *bench
	id           wal.GroupID
	last         uint64
	silent       bool  // does not answer
	fails        error // flushing fails
	checkpointed uint64
	machine      string
	asked        int
}

// Receive implements kit.Actor.
func (g *groupActor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case janitor.Capture:
		g.asked++
		if !g.silent {
			m.ReplyTo.Tell(janitor.Captured{Group: g.id, Index: g.last, Term: 1, ConfState: []byte("conf"),
				Flush: g.flush})
		}
	case janitor.Checkpointed:
		g.checkpointed, g.machine = m.Index, string(m.Machine)
	}
}

func (g *groupActor) flush() ([]byte, error) {
	g.bench.order = append(g.bench.order, g.id)
	if g.bench.flushes++; g.bench.flushes > 1 {
		g.bench.t.Errorf("two flushes run side by side")
	}
	defer func() { g.bench.flushes-- }()
	if g.bench.onFlush != nil {
		g.bench.onFlush(g.id)
	}
	return []byte("machine"), g.fails
}

func newBench(t *testing.T, seed uint64, adjust func(*janitor.Config)) *bench {
	b := &bench{Seeded: kittest.NewSeeded(t, seed), t: t, disk: vfs.NewMem(),
		groups: map[wal.GroupID]*groupActor{}}
	w, err := wal.Open(b.disk, "/data/wal", wal.Options{
		FileBytes: 16 << 10, Incarnation: rand.New(rand.NewPCG(seed, 1)).Uint64})
	if err != nil {
		t.Fatal(err)
	}
	b.asker = kittest.NewProbe(b.System, "asker")
	b.log = b.asker.Spawn(t, "wal", walactor.Spec(walactor.Config{WAL: w, Log: zerolog.Nop()}))
	b.space = janitor.NewSpace(b.disk, "/data")
	c := janitor.Config{Log: zerolog.Nop(), WAL: b.log, Space: b.space, CheckpointBytes: 100 << 10, Window: 3}
	if adjust != nil {
		adjust(&c)
	}
	b.janitor = b.asker.Spawn(t, "janitor", janitor.Spec(c))
	b.Run()
	return b
}

// group makes a group that is not registered yet.
func (b *bench) group(id wal.GroupID) *groupActor {
	g := &groupActor{bench: b, id: id}
	b.groups[id] = g
	return g
}

func (b *bench) register(g *groupActor, name string) kit.Address {
	who := b.asker.Spawn(b.t, name, kit.Spec{New: func() kit.Actor { return g }})
	b.janitor.Tell(janitor.Register{Group: g.id, Who: who})
	b.Run()
	return who
}

// write appends n entries of a thousand bytes to a group.
func (b *bench) write(g *groupActor, n int) {
	for range n {
		g.last++
		u := wal.Update{Group: g.id, Entries: []wal.Entry{{Term: 1, Index: g.last, Data: make([]byte, 1000)}}}
		b.log.Tell(walactor.Append{Update: u, ReplyTo: b.asker.Address})
		if m := kittest.Expect[walactor.Appended](b.t, b.asker, patience); m.Err != nil {
			b.t.Fatal(m.Err)
		}
	}
}

// stats asks the log.
func (b *bench) stats() wal.Stats {
	b.log.Tell(walactor.Pins{ReplyTo: b.asker.Address})
	return kittest.Expect[walactor.Pinned](b.t, b.asker, patience).Stats
}

func (b *bench) checkpointNow() janitor.CheckpointsMade {
	b.t.Helper()
	b.janitor.Tell(janitor.CheckpointNow{ReplyTo: b.asker.Address, Token: 77})
	m := kittest.Expect[janitor.CheckpointsMade](b.t, b.asker, patience)
	if m.Token != 77 {
		b.t.Fatalf("got token %d, want 77", m.Token)
	}
	return m
}

func TestGrowingLogMakesTheOldestGroupsWriteCheckpoints(t *testing.T) {
	b := newBench(t, 1, nil)
	old, busy := b.group(1), b.group(2)
	b.register(old, "old")
	b.register(busy, "busy")
	b.write(old, 1)
	for range 400 {
		b.write(busy, 1)
	}
	if old.checkpointed != 1 || old.machine != "machine" {
		t.Errorf("the old group has checkpoint %d (%q), want 1", old.checkpointed, old.machine)
	}
	if old.asked != 1 || busy.asked < 2 || busy.asked > 20 {
		t.Errorf("the old group was asked %d times, the busy one %d times", old.asked, busy.asked)
	}
	if s := b.stats(); s.LiveBytes > 150<<10 {
		t.Errorf("the log has %d live bytes, want about 100 KiB at most", s.LiveBytes)
	}
	b.log.Tell(walactor.Load{Group: 1, ReplyTo: b.asker.Address})
	m := kittest.Expect[walactor.Loaded](t, b.asker, patience)
	if c := m.State.Checkpoint; c.Index != 1 || c.Term != 1 || string(c.Machine) != "machine" ||
		string(c.ConfState) != "conf" {
		t.Errorf("the log has checkpoint %+v", c)
	}
}

func TestSmallLogIsLeftAlone(t *testing.T) {
	b := newBench(t, 1, nil)
	g := b.group(1)
	b.register(g, "g")
	b.write(g, 50)
	if g.asked != 0 {
		t.Errorf("the group was asked %d times, want that 50 KB bother nobody", g.asked)
	}
}

func TestCheckpointNowTakesAllGroupsInAnyOrder(t *testing.T) {
	for seed := range uint64(50) {
		b := newBench(t, seed, nil)
		for id := wal.GroupID(1); id <= 20; id++ {
			g := b.group(id)
			b.register(g, "g-"+string(rune('a'+id)))
			b.write(g, 1+int(id)%3)
		}
		if m := b.checkpointNow(); m.Made != 20 || m.Missed != 0 {
			t.Fatalf("seed %d: got %+v, want 20 checkpoints", seed, m)
		}
		for id, g := range b.groups {
			if g.checkpointed != g.last {
				t.Fatalf("seed %d: group %d has checkpoint %d, want %d", seed, id, g.checkpointed, g.last)
			}
		}
		if s := b.stats(); s.Oldest != nil {
			t.Fatalf("seed %d: groups %v still have entries in the log", seed, s.Oldest)
		}
		if m := b.checkpointNow(); m.Made != 0 || m.Missed != 0 {
			t.Fatalf("seed %d: second time: got %+v, want nothing to do", seed, m)
		}
	}
}

func TestSilentAndFailingGroupsAreMissedAndTheRestGoesOn(t *testing.T) {
	b := newBench(t, 1, nil)
	for id := wal.GroupID(1); id <= 8; id++ {
		g := b.group(id)
		if id != 8 { // one does not run
			b.register(g, "g-"+string(rune('a'+id)))
		}
		b.write(g, 1)
	}
	b.groups[1].silent = true
	b.groups[2].silent = true
	b.groups[3].fails = errors.New("disk is on fire")
	b.janitor.Tell(janitor.CheckpointNow{ReplyTo: b.asker.Address})
	b.janitor.Tell(janitor.CheckpointNow{ReplyTo: b.asker.Address, Token: 2})
	b.Advance(9 * time.Second)
	b.asker.ExpectNone(t)
	b.Advance(2 * time.Second)
	m := kittest.Expect[janitor.CheckpointsMade](t, b.asker, patience)
	if m.Made != 4 || m.Missed != 4 {
		t.Errorf("got %+v, want 4 made and 4 missed", m)
	}
	b.groups[1].silent, b.groups[2].silent = false, false
	b.Advance(11 * time.Second)
	m = kittest.Expect[janitor.CheckpointsMade](t, b.asker, patience)
	if m.Token != 2 || m.Made > 2 {
		t.Errorf("the second asker got %+v, want a round of its own", m)
	}
}

func TestGroupThatWasRebuiltIsAskedAgain(t *testing.T) {
	b := newBench(t, 1, nil)
	g := b.group(1)
	g.silent = true
	first := b.register(g, "first")
	b.write(g, 1)
	b.janitor.Tell(janitor.CheckpointNow{ReplyTo: b.asker.Address})
	b.Run()
	if g.asked != 1 {
		t.Fatalf("the group was asked %d times, want once", g.asked)
	}
	if err := b.System.StopAndWait(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	g.silent = false
	b.register(g, "second")
	for {
		if m, ok := b.asker.Next(t, patience).(janitor.CheckpointsMade); ok {
			if m.Made != 1 || m.Missed != 0 {
				t.Errorf("got %+v, want the checkpoint of the rebuilt group", m)
			}
			return
		}
	}
}

func TestGroupThatWasDownWhenAskedIsAskedWhenItIsBack(t *testing.T) {
	b := newBench(t, 1, nil)
	g := b.group(1)
	first := b.register(g, "first")
	b.write(g, 1)
	if err := b.System.StopAndWait(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	b.asker.All()
	b.janitor.Tell(janitor.CheckpointNow{ReplyTo: b.asker.Address})
	b.register(g, "second")
	if m := kittest.Expect[janitor.CheckpointsMade](t, b.asker, patience); m.Made != 1 {
		t.Errorf("got %+v, want 1 checkpoint", m)
	}
}

func TestUnregisteredGroupIsNotWaitedFor(t *testing.T) {
	b := newBench(t, 1, nil)
	g := b.group(1)
	g.silent = true
	b.register(g, "g")
	b.write(g, 1)
	b.janitor.Tell(janitor.CheckpointNow{ReplyTo: b.asker.Address})
	b.Run()
	b.janitor.Tell(janitor.Unregister{Group: 1})
	if m := kittest.Expect[janitor.CheckpointsMade](t, b.asker, patience); m.Made != 0 || m.Missed != 1 {
		t.Errorf("got %+v, want 1 missed", m)
	}
}

// TestOtherMessagesGetTheirTurnBetweenFlushes removes a group while the flush of another one runs: it must
// not be flushed any more.
func TestOtherMessagesGetTheirTurnBetweenFlushes(t *testing.T) {
	b := newBench(t, 1, nil)
	for id := wal.GroupID(1); id <= 3; id++ {
		g := b.group(id)
		b.register(g, "g-"+string(rune('a'+id)))
		b.write(g, 1)
	}
	b.onFlush = func(flushed wal.GroupID) {
		for id := range b.groups {
			if id != flushed {
				b.janitor.Tell(janitor.Unregister{Group: id})
			}
		}
	}
	if m := b.checkpointNow(); m.Made != 1 || m.Missed != 2 || len(b.order) != 1 {
		t.Errorf("got %+v after flushes of %v, want that only the first ran", m, b.order)
	}
}

// TestCheckpointOfARemovedGroupDoesNotBringItBack removes a group from the log behind the janitor's back.
func TestCheckpointOfARemovedGroupDoesNotBringItBack(t *testing.T) {
	b := newBench(t, 1, nil)
	g := b.group(1)
	b.register(g, "g")
	b.write(g, 3)
	b.onFlush = func(wal.GroupID) {
		b.log.Tell(walactor.Append{Update: wal.Update{Group: 1, Remove: true}})
	}
	if m := b.checkpointNow(); m.Made != 0 || m.Missed != 1 || g.checkpointed != 0 {
		t.Errorf("got %+v, want a missed checkpoint", m)
	}
	b.log.Tell(walactor.Load{Group: 1, ReplyTo: b.asker.Address})
	if m := kittest.Expect[walactor.Loaded](t, b.asker, patience); m.Found {
		t.Errorf("the group is back: %+v", m.State)
	}
}

func TestPanicInAFlushIsAMissedCheckpoint(t *testing.T) {
	b := newBench(t, 1, nil)
	who := b.asker.Spawn(t, "bad", kit.Spec{New: func() kit.Actor { return panicking{} }})
	b.janitor.Tell(janitor.Register{Group: 1, Who: who})
	g := b.group(2)
	b.register(g, "good")
	b.write(g, 1)
	b.write(b.group(1), 1)
	if m := b.checkpointNow(); m.Made != 1 || m.Missed != 1 {
		t.Errorf("got %+v, want one of each", m)
	}
}

type panicking struct{}

// Receive implements kit.Actor.
func (panicking) Receive(c *kit.Context) {
	if m, ok := c.Message().(janitor.Capture); ok {
		m.ReplyTo.Tell(janitor.Captured{Group: 1, Index: 1, Term: 1,
			Flush: func() ([]byte, error) { panic("BUG") }})
	}
}

func TestStopRefusesThoseWhoWait(t *testing.T) {
	b := newBench(t, 1, nil)
	g := b.group(1)
	g.silent = true
	b.register(g, "g")
	b.write(g, 1)
	for token := range uint64(3) {
		b.janitor.Tell(janitor.CheckpointNow{ReplyTo: b.asker.Address, Token: token})
	}
	b.Run()
	if err := b.System.StopAndWait(t.Context(), b.janitor); err != nil {
		t.Fatal(err)
	}
	answers := map[uint64]int{}
	for _, m := range b.asker.All() {
		if m, ok := m.(janitor.CheckpointsMade); ok {
			answers[m.Token]++
			if !errors.Is(m.Err, kit.ErrStopped) {
				t.Errorf("got %+v, want ErrStopped", m)
			}
		}
	}
	if len(answers) != 3 {
		t.Errorf("got answers %v, want one for each", answers)
	}
}

func TestSpaceHasHysteresis(t *testing.T) {
	b := newBench(t, 1, func(c *janitor.Config) { c.Limits = janitor.LimitsFor(1 << 20) })
	filler, err := b.disk.Create("/data/filler")
	if err != nil {
		t.Fatal(err)
	}
	free := func(bytes int64) bool {
		t.Helper()
		b.disk.SetCapacity(0)
		if err := filler.Truncate(0); err != nil {
			t.Fatal(err)
		}
		b.disk.SetCapacity(100 << 20)
		room, err := b.disk.Free("/")
		if err != nil {
			t.Fatal(err)
		}
		if err := filler.Truncate(room.Free - bytes); err != nil {
			t.Fatal(err)
		}
		b.Advance(3 * time.Second)
		return b.space.Low()
	}
	steps := []struct {
		free int64
		low  bool
	}{{10 << 20, false}, {1<<20 + 1, false}, {1<<20 - 1, true}, {1<<20 + 100, true},
		{1<<20 + 1<<18 - 1, true},
		{1<<20 + 1<<18, false}, {1<<20 + 1, false}, {0, true}, {50 << 20, false}}
	for i, s := range steps {
		if low := free(s.free); low != s.low {
			t.Errorf("step %d: low is %v with %d bytes free, want %v", i, low, s.free, s.low)
		}
	}
	if path, room, err := b.space.Describe(); path != "/data" || room.Total != 100<<20 || err != nil {
		t.Errorf("got %s, %+v, %v", path, room, err)
	}
}

// TestGrowingLogLooksAtTheSpaceAtOnce: fast producers would fill the disk between two ticks.
func TestGrowingLogLooksAtTheSpaceAtOnce(t *testing.T) {
	b := newBench(t, 1, func(c *janitor.Config) {
		c.Limits, c.Look = janitor.LimitsFor(1<<20), time.Hour
	})
	b.disk.SetCapacity(1 << 20)
	g := b.group(1)
	b.register(g, "group")
	b.write(g, 40) // more than one file of the log
	b.Run()
	if !b.space.Low() {
		t.Error("the log went on to another file and nobody looked at the room that is left")
	}
}

// TestAFullDiskMakesGroupsWriteCheckpoints: what was deleted leaves the disk only with a checkpoint, and while
// new data is refused the log does not grow into one.
func TestAFullDiskMakesGroupsWriteCheckpoints(t *testing.T) {
	b := newBench(t, 1, func(c *janitor.Config) { c.Limits = janitor.LimitsFor(1 << 20) })
	g := b.group(1)
	b.register(g, "group")
	b.write(g, 3)
	b.disk.SetCapacity(1 << 20)
	b.Advance(3 * time.Second)
	if !b.space.Low() || g.checkpointed != g.last {
		t.Errorf("low is %v and the group has checkpoint %d, want %d", b.space.Low(), g.checkpointed, g.last)
	}
	asked := g.asked
	b.Advance(10 * time.Second)
	if g.asked != asked {
		t.Errorf("a group without anything new was asked %d times more", g.asked-asked)
	}
}
