package group

import (
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
	"google.golang.org/protobuf/proto"

	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/wal"
)

// A replica that misses entries which the leader has dropped gets a state in their place. Raft's snapshot is
// only the trigger for that: it names an index and carries no data. The replica fetches what it misses from
// the leader's machine on a way of its own (package catchup), which may end at a later index, and then gives
// raft a snapshot of exactly that index.
//
//	leader                        follower's core        catchup                      applier
//	MsgSnap(index) ──────────────► CatchUp ─────────────► fetches from the leader ───► Restore, Restore, ...
//	                                                      the end: index, members ───► Restored: durable
//	                               Installed ◄───────────────────────────────────────── machine
//	                               raft: restore; wal: checkpoint, old entries gone
//	◄───────────── MsgAppResp(index)  durable
//
// Until the checkpoint is in the write-ahead log, a restart finds the old state, and the fetch begins where
// that ends. The leader asks again every few seconds; a follower that is at it ignores that.
type install struct {
	running bool // catchup is at it
	ready   *Installed
	ticks   int // on a leader: since a member has been waiting for a state
}

// Installed says that the machine has been brought to a state that is durable in its files.
type Installed struct {
	Index, Term uint64
	ConfState   []byte // the membership as of Index, as the leader's applier has it
	Machine     []byte // what the machine is opened with after a restart
}

// CatchUp is the wish to be brought up to date by a replica.
type CatchUp struct{ From uint64 }

// askAgainTicks is how often a leader offers a state again. It cannot know whether the member is at it.
const askAgainTicks = 30

// snapshot names the state that this replica can offer: that of everything applied.
func (c *Core) snapshot() *raftpb.Snapshot {
	term, err := c.tail.Term(c.applied)
	if err != nil || c.applied == 0 {
		return nil // not durable here yet
	}
	return &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
		Index: new(c.applied), Term: &term, ConfState: raftpb.EnsureConfState(&raftpb.ConfState{
			Voters: c.members.voters, VotersOutgoing: c.members.outgoing, Learners: c.members.learners,
		}),
	}}
}

// stepSnapshot takes a leader's offer of a state.
func (c *Core) stepSnapshot(m *raftpb.Message) {
	if m.GetTerm() < c.term || raft.IsEmptySnap(m.GetSnapshot()) {
		return
	}
	// The leader is alive, whatever comes of its offer.
	c.give(&raftpb.Message{
		Type: raftpb.MsgHeartbeat.Enum(), From: m.From, To: m.To, Term: m.Term, Commit: new(uint64(0)),
	})
	c.settle()
	meta := m.GetSnapshot().GetMetadata()
	known, err := c.tail.Term(meta.GetIndex())
	switch {
	case meta.GetIndex() <= c.hard.Commit, err == nil && known == meta.GetTerm():
		m.Snapshot.Metadata.ConfState = raftpb.EnsureConfState(meta.GetConfState())
		c.give(m) // raft answers, and has no need of data
	case c.install.running || c.install.ready != nil:
	default:
		c.install.running = true
		c.effects().CatchUps = append(c.effects().CatchUps, CatchUp{From: m.GetFrom()})
	}
	c.awaitCommit(m.GetTerm(), meta.GetIndex())
}

// CatchUpFailed says that the leader's state could not be had. It will be offered again.
func (c *Core) CatchUpFailed() {
	c.install.running = false
	c.idleTicks = 0
	if c.leader != raft.None && !c.leading {
		c.effects().Send = append(c.effects().Send, &raftpb.Message{
			Type: raftpb.MsgSnapStatus.Enum(), From: new(c.replica), To: new(c.leader), Term: new(c.term),
			Reject: new(true),
		})
	}
}

// Installed gives raft the state that the machine has reached. Raft declines if it has come as far by itself.
// The state is what the majority has committed, so it does not matter who leads by now; but raft takes it
// only from a leader, so without one it waits for the next offer, which begins at this state.
//
// It waits as well if the state ends in a term that this replica has not heard of. Then the leader that it
// knows is one no more:
//
//	this replica                      the replica it fetches from
//	hears of the leader of term 5
//	fetches                           follows a new leader, applies entries of term 6
//	is cut off from the new leader    answers with a state that ends in term 6
//
// Given to raft as from the leader of term 5, the state would become durable beside a term that is older than
// its last entry, which no restart accepts, and raft would acknowledge to the leader of term 5 what that one
// has never sent.
func (c *Core) Installed(state Installed) {
	c.install.running = false
	c.idleTicks = 0
	c.settle()
	if c.leading || c.leader == raft.None || state.Term > c.term || state.Index <= c.hard.Commit {
		return
	}
	conf := new(raftpb.ConfState)
	if err := proto.Unmarshal(state.ConfState, conf); err != nil {
		panic(fmt.Sprintf("BUG: got a membership at %d that cannot be read: %v", state.Index, err))
	}
	c.install.ready = &state
	c.give(&raftpb.Message{
		Type: raftpb.MsgSnap.Enum(), From: new(c.leader), To: new(c.replica), Term: new(c.term),
		Snapshot: &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
			Index: &state.Index, Term: &state.Term, ConfState: raftpb.EnsureConfState(conf),
		}},
	})
	c.settle()
	c.install.ready = nil
}

// appendInstalled adds the state that raft has taken to an update of the wal.
func (c *Core) appendInstalled(u *wal.Update, snapshot *raftpb.Snapshot) *Installed {
	state, meta := c.install.ready, snapshot.GetMetadata()
	if state == nil || meta.GetIndex() != state.Index || meta.GetTerm() != state.Term {
		panic(fmt.Sprintf("BUG: got a snapshot at %d, want none but that of a state installed", meta.GetIndex()))
	}
	u.ConfState = state.ConfState
	u.Checkpoint = &wal.Checkpoint{
		Index: state.Index, Term: state.Term, ConfState: state.ConfState, Machine: state.Machine,
	}
	c.last, c.election.lastTerm = state.Index, state.Term
	return state
}

// installed follows when the checkpoint is durable: the log begins after it.
func (c *Core) installed(state *Installed) {
	conf := new(raftpb.ConfState)
	if err := proto.Unmarshal(state.ConfState, conf); err != nil {
		panic("BUG: " + err.Error())
	}
	c.tail.restart(state.Index, state.Term)
	c.handed = max(c.handed, state.Index)
	c.noteApplied(state.Index, state.Term)
	c.changedMembers(conf)
	c.effects().Installs = append(c.effects().Installs, janitor.Checkpointed{
		Group: c.group, Index: state.Index, Machine: state.Machine,
	})
	c.effects().Positions = append(c.effects().Positions, *state)
}

// tickInstall lets a leader offer its state again to those who wait for one.
func (c *Core) tickInstall() {
	if !c.leading {
		return
	}
	if c.install.ticks++; c.install.ticks%askAgainTicks != 0 {
		return
	}
	var waiting []uint64
	c.node.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		if pr.State == tracker.StateSnapshot {
			waiting = append(waiting, id)
		}
	})
	for _, id := range waiting {
		c.node.ReportSnapshot(id, raft.SnapshotFailure)
	}
}

// caughtUp is how a replica learns that nothing is missing that was committed before its start.
type caughtUp struct {
	told        bool
	opened      bool   // the machine is, so what applied says is there to see
	term, index uint64 // what was committed when this replica first heard of the leader of a term
	appliedTerm uint64 // term of the last entry applied
}

// noteCommit hears from a leader how much is committed.
func (c *Core) noteCommit(m *raftpb.Message) {
	if m.GetType() == raftpb.MsgApp {
		c.awaitCommit(m.GetTerm(), m.GetCommit())
	}
}

func (c *Core) awaitCommit(term, index uint64) {
	if up := &c.caughtUp; term > up.term {
		up.term, up.index = term, index
	}
}

// announceCaughtUp reports, once, that this replica has what was committed when it started. It takes two
// things to be sure. A leader that is new may not know yet what its predecessors have committed, but its own
// first entry follows all of that; and a leader that has been at it for long had committed this much when it
// was first heard of. And the machine must be open: what a checkpoint holds counts as applied from the start,
// but nobody sees it before the machine has read it.
func (c *Core) announceCaughtUp() {
	up := &c.caughtUp
	follows := up.term == c.term && up.appliedTerm == c.term && c.applied >= up.index
	if !up.told && up.opened && (c.preparer != nil || follows) {
		up.told, c.effects().CaughtUp = true, true
	}
}
