package raftactor

import (
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

// Spec describes a replica of a Raft group on this node.
type Spec struct {
	Group   wal.GroupID
	Name    string // unique on this node; the actor is called group-<name>
	Replica uint64 // raft's id of this replica: not of the node, never used again after the replica is gone
	// Voters are the replicas that found the group; looked at only if the write-ahead log does not know it.
	// Without any the replica joins a group that exists: it waits for the leader to tell it everything.
	Voters []uint64
	// Preferred is the replica that stands for election first; 0 stands for nobody in particular.
	Preferred uint64
	// Open opens the machine. It runs in the applier's turn, and again whenever the unit is rebuilt.
	Open applier.Open
	// Place, if it is not nil, is group.Config.Place.
	Place func(loaded []wal.Entry) walactor.Placer
	// Events gets group.LeaderChanged and Offline.
	Events kit.Address
}

// Start asks for a replica to be run. Answered with Started as soon as the replica has an address; whether
// and when it leads, Events hears.
type Start struct {
	Spec
	ReplyTo kit.Address
	Token   uint64
}

// Started answers Start. Core takes group.Propose; it stays valid when the unit is rebuilt.
type Started struct {
	Group wal.GroupID
	Core  kit.Address
	Token uint64
	Err   error // ErrExists, or kit.ErrStopped
}

// Refuse implements kit.Refusable.
func (m Start) Refuse(err error) { m.ReplyTo.Tell(Started{Group: m.Group, Token: m.Token, Err: err}) }

// Stop asks for a replica to be stopped. With Remove the write-ahead log forgets it; a group that is not
// running can be removed too. Answered with Stopped when the machine is closed and, with Remove, the
// tombstone is durable.
type Stop struct {
	Group   wal.GroupID
	Remove  bool
	ReplyTo kit.Address
	Token   uint64
}

// Stopped answers Stop.
type Stopped struct {
	Group wal.GroupID
	Token uint64
	Err   error // the tombstone could not be written, or kit.ErrStopped
}

// Refuse implements kit.Refusable.
func (m Stop) Refuse(err error) { m.ReplyTo.Tell(Stopped{Group: m.Group, Token: m.Token, Err: err}) }

// Offline tells Spec.Events that a replica has failed for good: it is not rebuilt any more. The node works
// on without it until it is stopped and started again.
type Offline struct {
	Group wal.GroupID
	Err   error
}

// Deliver brings messages of raft from a peer. Those for groups that do not run here are dropped.
type Deliver struct {
	Group    wal.GroupID
	Messages []*raftpb.Message
}

// Describe asks for the state of all groups. Answered with Described.
type Describe struct {
	ReplyTo kit.Address
	Token   uint64
}

// Described answers Describe. Groups are sorted by id.
type Described struct {
	Token  uint64
	Groups []GroupStatus
	Err    error
}

// Refuse implements kit.Refusable.
func (m Describe) Refuse(err error) { m.ReplyTo.Tell(Described{Token: m.Token, Err: err}) }

// GroupStatus is the state of one group on this node.
type GroupStatus struct {
	Group       wal.GroupID
	Name        string
	Replica     uint64
	State       State
	Incarnation uint32 // of the unit; grows whenever it is rebuilt
	Awake       bool   // it gets ticks
	Err         error  // why it failed last
	group.StatusView
}

// rebuild says that the back-off of a failed unit is over.
type rebuild struct {
	group       wal.GroupID
	incarnation uint32
}

// mend says that the back-off of a link, or of the server, is over.
type mend struct{ name string }

// lookAgain is a look at which leaderships are left.
type lookAgain struct{}

// tick is one tick of the clock for all groups that are awake.
type tick struct{}

// Peer is another node that this one talks to.
type Peer struct {
	Node    int32
	Address string // where it takes the links of its peers
}

// SetPeers says which nodes there are besides those in the configuration. The next one replaces it.
type SetPeers struct {
	Peers []Peer
}

// Subscribe asks for the events of all links: link.Up, link.Down, link.Greeted, link.Refused. Links that are
// up are told at once. A subscriber that stops is forgotten.
type Subscribe struct {
	Who kit.Address
}

// Resign asks to hand over all leaderships of this node, and to stand for no election any more, because it
// is about to stop. Answered with Resigned when none is left or the time is up.
type Resign struct {
	Within  time.Duration
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m Resign) Refuse(err error) { m.ReplyTo.Tell(Resigned{Token: m.Token, Err: err}) }

// Resigned answers Resign. Left is how many groups are still led here and have other voters.
type Resigned struct {
	Token uint64
	Left  int
	Err   error
}

// IsReply implements kit.Reply.
func (Resigned) IsReply() {}
