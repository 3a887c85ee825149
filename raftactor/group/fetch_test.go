package group

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

const second = time.Second // how long probes wait at most

// idle is a machine and a placer that do nothing.
type idle struct{ applier.Machine }

func (idle) Apply(entries []applier.Entry) ([]any, error) { return make([]any, len(entries)), nil }
func (idle) Have() []byte                                 { return []byte("nothing") }
func (idle) Close()                                       {}

type idlePlacer struct{ loaded []wal.Entry }

func (*idlePlacer) Follow(*wal.Update, uint64, int) bool { return false }
func (*idlePlacer) Sync() error                          { return nil }
func (*idlePlacer) Forget()                              {}

// stream is another replica's state, which the test ends.
type stream struct{ ended func(error) }

func (stream) More()  {}
func (stream) Close() {}

// fetching is a follower whose leader, replica 1, has dropped what it misses.
type fetching struct {
	*kittest.Seeded
	t       *testing.T
	host    *kittest.Probe
	log     *kittest.Probe // the write-ahead log
	links   *kittest.Probe
	group   kit.Address
	placer  *idlePlacer
	streams []stream
}

func newFetching(t *testing.T, changes ...func(*Config)) *fetching {
	f := &fetching{Seeded: kittest.NewSeeded(t, 1), t: t}
	f.log, f.links = kittest.NewProbe(f.System, "wal"), kittest.NewProbe(f.System, "links")
	others := kittest.NewProbe(f.System, "others")
	f.host = kittest.NewProbe(f.System, "raft")
	config := Config{
		Group: 7, Name: "g", Replica: 2, Incarnation: 1, Events: others.Address, WAL: f.log.Address,
		Janitor: others.Address, Links: f.links.Address, Status: new(Status),
		Open:   func([]byte, bool) (applier.Machine, error) { return idle{}, nil },
		NodeOf: func(replica uint64) int32 { return int32(replica) }, Alive: func(int32) bool { return true },
		Slots: kit.NewBudget(1), Wanted: new(atomic.Pointer[Want]),
		Pull: func(_ int32, _ wal.GroupID, _ []byte, _ func([]byte), ended func(error)) applier.Stream {
			f.streams = append(f.streams, stream{ended})
			return f.streams[len(f.streams)-1]
		},
		Place: func(loaded []wal.Entry) walactor.Placer {
			f.placer = &idlePlacer{loaded}
			return f.placer
		},
	}
	for _, change := range changes {
		change(&config)
	}
	f.group = f.host.Spawn(t, "group-g", Spec(config))
	load := kittest.Expect[walactor.Load](t, f.log, second)
	conf, err := marshalConf(&raftpb.ConfState{Voters: []uint64{1, 2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	load.ReplyTo.Tell(walactor.Loaded{Group: 7, Token: load.Token, Found: true, State: wal.State{
		Group: 7, Hard: wal.HardState{Term: 1, Commit: 5}, ConfState: conf,
		Checkpoint: wal.Checkpoint{Index: 5, Term: 1, ConfState: conf},
		Entries:    []wal.Entry{{Term: 1, Index: 6, Data: []byte("not committed")}},
	}})
	f.Run()
	if len(f.placer.loaded) != 1 {
		t.Fatalf("got %d entries for the placer, want what was loaded", len(f.placer.loaded))
	}
	return f
}

// offer is the leader's offer of a state.
func (f *fetching) offer() {
	f.group.Tell(Step{Messages: []*raftpb.Message{{
		Type: raftpb.MsgSnap.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(1)),
		Snapshot: &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
			Index: new(uint64(50)), Term: new(uint64(1)),
			ConfState: raftpb.EnsureConfState(&raftpb.ConfState{Voters: []uint64{1, 2, 3}}),
		}},
	}}})
	f.Run()
}

// entry sends an entry after the last one, and returns what goes to the log.
func (f *fetching) entry(index uint64) walactor.Append {
	f.t.Helper()
	f.group.Tell(Step{Messages: []*raftpb.Message{{
		Type: raftpb.MsgApp.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(1)),
		Index: new(index - 1), LogTerm: new(uint64(1)), Commit: new(uint64(5)),
		Entries: []*raftpb.Entry{{Term: new(uint64(1)), Index: &index, Data: []byte("more")}},
	}}})
	m := kittest.Expect[walactor.Append](f.t, f.log, second)
	if m.Placer != f.placer {
		f.t.Fatal("got an append without the placer of the group")
	}
	m.ReplyTo.Tell(walactor.Appended{Group: 7, Token: m.Token})
	f.Run()
	return m
}

// TestAFetchBeginsWhenTheLogRefersToNothing: what is not applied is taken into the log first, and until the
// fetch is over all goes to the log.
func TestAFetchBeginsWhenTheLogRefersToNothing(t *testing.T) {
	f := newFetching(t)
	if f.entry(7).Inline {
		t.Error("got an append that may not be placed before there is a fetch")
	}
	f.offer()
	embed := kittest.Expect[walactor.Embed](t, f.log, second)
	if embed.From != 6 || embed.Group != 7 || embed.Placer != f.placer {
		t.Errorf("got %+v, want all after what is applied, which is 5", embed)
	}
	if !f.entry(8).Inline || len(f.streams) != 0 {
		t.Error("got an append that may be placed, or a fetch, while the log has not answered")
	}
	embed.ReplyTo.Tell(walactor.Embedded{Group: 7, Token: embed.Token})
	f.Run()
	if len(f.streams) != 1 {
		t.Fatalf("got %d fetches, want one", len(f.streams))
	}
	if !f.entry(9).Inline {
		t.Error("got an append that may be placed during the fetch")
	}
	f.streams[0].ended(errors.New("the leader is gone"))
	f.Run()
	if f.entry(10).Inline {
		t.Error("got an append that may not be placed after the fetch")
	}
}

// TestALeaderHearsThatAFetchCannotBegin: until then it takes it that the replica is at it, and sends nothing.
func TestALeaderHearsThatAFetchCannotBegin(t *testing.T) {
	f := newFetching(t, func(c *Config) { c.Pull = nil })
	f.offer()
	for _, m := range f.links.All() {
		for _, one := range m.(Send).Messages {
			if one.GetType() == raftpb.MsgSnapStatus && one.GetReject() && one.GetTo() == 1 {
				return
			}
		}
	}
	t.Fatal("the leader has not been told")
}

// TestAFetchThatCannotBeginIsTriedAgain: the leader offers its state again.
func TestAFetchThatCannotBeginIsTriedAgain(t *testing.T) {
	f := newFetching(t)
	f.offer()
	embed := kittest.Expect[walactor.Embed](t, f.log, second)
	embed.ReplyTo.Tell(walactor.Embedded{Group: 7, Token: embed.Token, Err: wal.ErrNoSpace})
	f.Run()
	if len(f.streams) != 0 || f.entry(7).Inline {
		t.Error("got a fetch, or an append that may not be placed, after the log could not take it in")
	}
	f.offer()
	kittest.Expect[walactor.Embed](t, f.log, second)
}

// TestDamageThatAFetchMeetsEndsTheGroup: what was durable and is not there any more does not heal.
func TestDamageThatAFetchMeetsEndsTheGroup(t *testing.T) {
	f := newFetching(t)
	f.offer()
	embed := kittest.Expect[walactor.Embed](t, f.log, second)
	embed.ReplyTo.Tell(walactor.Embedded{Group: 7, Token: embed.Token, Err: &wal.CorruptError{File: "it"}})
	f.Run()
	if !slices.ContainsFunc(f.host.All(), func(m any) bool { _, failed := m.(kit.ChildFailed); return failed }) {
		t.Error("the group goes on")
	}
}
