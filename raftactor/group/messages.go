package group

import (
	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/wal"
)

// Propose asks the leader to replicate Request, as its Preparer makes a proposal of it. Answered exactly
// once with Proposed.
type Propose struct {
	Request any
	ReplyTo kit.Address
	Token   uint64
}

// Proposed answers Propose. Result is what Machine.Apply returned for the proposal, or what the Preparer
// answered. Err is ErrNotLeader, ErrBusy, ErrLostLeadership, kit.ErrStopped, or what the Preparer refused
// the request with. Only ErrLostLeadership leaves the outcome open.
type Proposed = applier.Proposed

// Refuse answers a Propose that reached no group: nothing happened.
func (m Propose) Refuse(err error) { m.ReplyTo.Tell(Proposed{Token: m.Token, Err: err}) }

// LeaderChanged tells Spec.Events what this replica knows about the leadership of its group. Leader is a
// replica id, 0 if none is known. Ready: this replica leads and accepts proposals.
type LeaderChanged struct {
	Group        wal.GroupID
	Leader, Term uint64
	Ready        bool
}

// Step brings messages of raft from a peer's replica of the same group.
type Step struct {
	Messages []*raftpb.Message
}

// Send asks the links to deliver messages of raft to the replicas in their To fields. They may be lost, and
// must not be delivered out of order. Their entries are shared with the log: read only.
type Send struct {
	Group    wal.GroupID
	Messages []*raftpb.Message
}

// Unreachable says that a message to a replica was lost or that its node went down. If it led the group,
// the group looks for another leader.
type Unreachable struct {
	Replica uint64
}

// Tick is one tick of the host's clock. Only groups that are awake get ticks.
type Tick struct{}

// Campaign makes the replica stand for election now.
type Campaign struct{}

// Awake tells the host whether the group wants ticks.
type Awake struct {
	Group       wal.GroupID
	Incarnation uint32
	Awake       bool
}
