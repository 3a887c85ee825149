package group

import (
	"time"

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

// Confirm is a Request that is answered, with nothing, when a majority has followed this leader up to now and
// all that was committed before is applied: then nobody else has led since, and taken what this node does not
// know. Whoever answers from memory in the name of the leader asks this first.
type Confirm struct{}

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
	From     kit.Address // gets Unreachable for those that are lost on this node already
}

// MembersChanged tells Spec.Events what the leader knows about the replicas of its group; it comes whenever
// that changes, and only from a replica that leads. All lists are sorted by replica id.
type MembersChanged struct {
	Group            wal.GroupID
	Term             uint64
	Voters, Learners []uint64
	// InSync are the members that are reachable and have acknowledged what was committed a second ago; the
	// leader is among them.
	InSync []uint64
	// Changing says that a change of the members is under way, or that it could still be forgotten when nodes
	// lose power: whoever it puts out has to be kept.
	Changing bool
}

// TellMembers has a leader send MembersChanged once more, for somebody who may have missed the last one:
// nothing need change for long.
type TellMembers struct{}

// CaughtUp tells Spec.Events, once for each start, that this replica has applied everything that was
// committed when it first heard of a leader.
type CaughtUp struct {
	Group wal.GroupID
	Term  uint64
}

// Want says which replicas should be members of the group, and which of them stands for election first. All
// replicas are told whenever that changes; the one that leads takes the steps: who is new joins as a learner
// and votes when it has caught up, who is not wanted leaves, and a leader that is not wanted hands its
// leadership over before. A replica that is new takes the place of another one on its node at once, since
// that one has lost what it knew.
type Want struct {
	Voters, Learners []uint64
	Preferred        uint64 // 0: nobody in particular
}

// Transfer asks the leader to hand its leadership to a voter that is in sync; to the best one if To is 0.
// Answered with Transferred.
type Transfer struct {
	To      uint64
	ReplyTo kit.Address
	Token   uint64
}

// Transferred answers Transfer: the leadership has moved if Err is nil. Err is ErrNotLeader, ErrNoTransfer,
// or kit.ErrStopped.
type Transferred struct {
	Group wal.GroupID
	Token uint64
	Err   error
}

// IsReply implements kit.Reply.
func (Transferred) IsReply() {}

// Refuse implements kit.Refusable.
func (m Transfer) Refuse(err error) { m.ReplyTo.Tell(Transferred{Token: m.Token, Err: err}) }

// DescribeMembers asks what this replica knows about the members. Answered with MembersDescribed.
type DescribeMembers struct {
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m DescribeMembers) Refuse(err error) {
	m.ReplyTo.Tell(MembersDescribed{Token: m.Token, Err: err})
}

// MembersDescribed answers DescribeMembers. Only a leader knows more of the members than their ids.
type MembersDescribed struct {
	Token        uint64
	Group        wal.GroupID
	Leader, Term uint64
	Leads        bool   // this replica is the leader
	Commit, Last uint64 // indexes
	Members      []Member
	Err          error
}

// IsReply implements kit.Reply.
func (MembersDescribed) IsReply() {}

// Member is what the leader knows of a replica.
type Member struct {
	Replica, Match uint64 // Match is the last index that it is known to have
	Learner        bool
	InSync         bool
	LastContact    time.Time // it was known to be reachable; zero if it never was
	CaughtUp       time.Time // it was known to have everything; zero if it never was
}

// Unreachable says that a message to a replica was lost.
type Unreachable struct {
	Replica uint64
}

// NodeChanged says that a node can be reached now, or cannot any more. If it held the leader, the group looks
// for another one.
type NodeChanged struct {
	Node int32
}

// ReplicaLost says that a replica has been given up by its node, which can be reached as before. If it was
// the leader, the group looks for another one.
type ReplicaLost struct {
	Replica uint64
}

// Resign makes the replica hand its leadership over, if it has one and there is somebody to take it, and
// stand for no election any more.
type Resign struct{}

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
