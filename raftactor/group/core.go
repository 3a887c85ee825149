package group

import (
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/wal"
)

// CoreConfig is what a core needs to know of its surroundings.
type CoreConfig struct {
	Group   wal.GroupID
	Replica uint64
	// Incarnation tells the answers to this core from those to its predecessors; see token.
	Incarnation uint32
	Log         raft.Logger
	// NodeOf tells which node holds a replica, and Alive whether that node can be reached from here. Nil stands
	// for a node for each replica, all of them reachable.
	NodeOf func(replica uint64) int32
	Alive  func(node int32) bool
	// Want is the membership that should be, as far as it is known at the start.
	Want *Want
	// Tails bounds what all groups of the node keep for peers that lag; nil bounds each group by itself.
	Tails *TailBudget
}

// Core is one replica of a Raft group as a step machine: calls go in, Effects come out. It does no input
// or output, has no clock, starts nothing, and belongs to one caller.
//
//	in                        out
//	Campaign                  votes to the wal, requests for votes to peers
//	Propose                   appends to the wal and to peers, refusals
//	Step (from a peer)        appends, messages to peers, the wish to be brought up to date
//	NodeChanged (by links)    requests for votes, leaders forgotten
//	Want                      changes of the membership
//	Installed (by catchup)    the state of another replica in place of entries
//	Appended (from the wal)   what was waiting for durability: votes, acknowledgements, entries to apply
//	Applied (by the applier)  room for more, readiness of a new leader
//	Tick                      heartbeats, elections
//
// After any number of calls, Effects runs raft until it has nothing more to say and returns what is to be
// done. Raft speaks to storage by messages (raft.Config.AsyncStorageWrites), so several appends and applies
// may be under way.
//
// Role, as far as proposals are concerned:
//
//	state      leading  preparer  proposals      left when
//	follower   no       nil       ErrNotLeader   raft becomes leader → elected
//	elected    yes      nil       ErrNotLeader   first entry of the term is applied → ready; or role lost
//	ready      yes      set       prepared       role or term lost → follower
type Core struct {
	group       wal.GroupID
	replica     uint64
	incarnation uint32

	node *raft.RawNode
	tail tail

	// What is to be done, both lent while there is something; see effects. Calls add to out only: what they
	// add while given is being carried out is for the next time.
	out, given *Effects

	// What raft said last. dirty: raft has been given something since Effects.
	leader  uint64
	term    uint64
	leading bool
	dirty   bool

	// The members of the group, and the nodes that hold them.
	members  members
	nodeOf   func(replica uint64) int32
	alive    func(node int32) bool
	election election
	want     wanted
	insync   insync
	transfer transfer
	install  install
	caughtUp caughtUp

	// The log. applied <= handed <= last. Entries up to handed have been given to the applier.
	last, handed, applied uint64
	hard, written         wal.HardState // as raft has it, and as the wal has been told
	sequence              uint64        // of the newest append
	appends               queue[flight]
	applies               queue[handover]

	// Proposals. waiters are those not handed over, ordered by index; all belong to the present term.
	preparer        applier.Preparer
	leadSent        uint64    // the term that the machine has been asked to lead
	offered         []Propose // not looked at yet
	prepared        queue[prepared]
	preparedBytes   int64
	entriesPrepared int       // of prepared, those that become entries
	sums            []wal.Sum // of what is being proposed, see stepProposal
	waiters         queue[applier.Waiter]
	pending         load

	announced LeaderChanged
	awake     bool
	idleTicks int
}

// flight is an append on its way to the disk. Responses are what raft wants to hear or say once it, and
// everything before it, is durable.
type flight struct {
	token     uint64
	entries   []*raftpb.Entry
	installed *Installed // a state in place of all entries before
	responses []*raftpb.Message
}

// handover is a run of entries on its way through the applier.
type handover struct {
	index    uint64
	last     uint64 // term of the last entry
	response *raftpb.Message
	term     uint64 // of this replica at the time
	own      load   // proposals of that term among the entries
}

// load is a number of proposals and their bytes.
type load struct {
	count int
	bytes int64
}

// NewCore starts raft from the durable state of a group. It fails with a StateError if the state cannot be.
func NewCore(config CoreConfig, state wal.State) (*Core, error) {
	t, hard, err := recovered(state)
	if err != nil {
		return nil, err
	}
	c := &Core{
		group: config.Group, replica: config.Replica, incarnation: config.Incarnation, tail: t,
		term: hard.Term, members: membersOf(t.conf), last: t.last(), nodeOf: config.NodeOf, alive: config.Alive,
		handed: state.Checkpoint.Index, applied: state.Checkpoint.Index, hard: hard, written: state.Hard,
		dirty: true,
	}
	c.complete(config)
	c.node, err = raft.NewRawNode(&raft.Config{
		ID: config.Replica, Storage: &c.tail, Applied: c.applied, Logger: config.Log,
		ElectionTick: electionTicks, HeartbeatTick: heartbeatTicks, PreVote: true, CheckQuorum: true,
		AsyncStorageWrites: true, StepDownOnRemoval: true, DisableProposalForwarding: true,
		MaxSizePerMsg: maxMessageBytes, MaxCommittedSizePerReady: maxApplyingBytes, MaxInflightMsgs: maxInflight,
	})
	if err != nil {
		return nil, fmt.Errorf("start raft group %d: %w", config.Group, err)
	}
	c.tail.started()
	return c, nil
}

// complete fills in what the configuration leaves open.
func (c *Core) complete(config CoreConfig) {
	if c.nodeOf == nil {
		c.nodeOf = func(replica uint64) int32 { return int32(replica) }
	}
	if c.alive == nil {
		c.alive = func(int32) bool { return true }
	}
	if config.Want != nil {
		c.want.Want, c.want.open = *config.Want, true
	}
	if c.tail.shared = config.Tails; c.tail.shared != nil {
		c.tail.shared.used.Add(c.tail.bytes)
	}
	c.tail.applied = c.snapshot
	_, c.election.lastTerm = c.tail.end()
	c.caughtUp.appliedTerm = c.tail.prevTerm
}

// Campaign makes the replica a candidate now, without waiting for the election timeout.
func (c *Core) Campaign() {
	c.dirty = true
	c.ignore(c.node.Campaign())
}

// Tick advances raft's clock.
func (c *Core) Tick() {
	c.dirty = true
	c.idleTicks++
	c.node.Tick()
	c.tickElection()
	c.tickTransfer()
	c.tickMembers()
	c.tickInstall()
}

// Step takes a message of a peer. Messages that no healthy peer sends to this replica are dropped, as the
// network may drop any message.
func (c *Core) Step(m *raftpb.Message) {
	if m.GetTo() != c.replica || m.GetFrom() == c.replica || !fromPeer(m.GetType()) {
		return
	}
	if !isHeartbeat(m.GetType()) {
		c.idleTicks = 0
	}
	c.dirty = true
	switch m.GetType() {
	case raftpb.MsgSnap:
		c.stepSnapshot(m)
	case raftpb.MsgSnapStatus:
		c.node.ReportSnapshot(m.GetFrom(), raft.SnapshotFailure)
	case raftpb.MsgPreVote, raftpb.MsgVote:
		c.stepVote(m)
	default:
		c.give(m)
		c.noteRefusal(m)
		c.noteCommit(m)
		c.noteAcknowledgement(m)
	}
}

// Unreachable says that a replica did not get a message: if it is a follower, it may have a gap now.
func (c *Core) Unreachable(replica uint64) {
	c.dirty = true
	if c.leading && c.reachable(replica) {
		c.idleTicks = 0
	}
	c.node.ReportUnreachable(replica)
}

// give hands raft a message. What raft says to it is heard by the next settle.
func (c *Core) give(m *raftpb.Message) {
	c.dirty = true
	c.ignore(c.node.Step(m))
}

// ignore drops raft's answer to a message. Raft reports what it could not use (a vote when it is not
// promotable, a response of a replica that is no member any more), and to it these are messages lost.
func (c *Core) ignore(error) {}

// fromPeer lists what replicas say to each other. Proposals are missing, which only a leader's own node
// makes, and so is the request to transfer leadership, which comes as a call. MsgSnapStatus is local to raft
// elsewhere; here a replica tells its leader with it that it could not be brought up to date.
func fromPeer(t raftpb.MessageType) bool {
	switch t {
	case raftpb.MsgApp, raftpb.MsgAppResp, raftpb.MsgVote, raftpb.MsgVoteResp, raftpb.MsgPreVote,
		raftpb.MsgPreVoteResp, raftpb.MsgHeartbeat, raftpb.MsgHeartbeatResp, raftpb.MsgSnap,
		raftpb.MsgSnapStatus, raftpb.MsgTimeoutNow:
		return true
	}
	return false
}

// isHeartbeat reports whether a message is part of the routine that keeps nobody awake.
func isHeartbeat(t raftpb.MessageType) bool {
	return t == raftpb.MsgHeartbeat || t == raftpb.MsgHeartbeatResp
}
