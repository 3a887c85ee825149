package group

import (
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// Who stands for election, and when, is decided here and not by raft's random timeouts, which would take a
// second or two. Raft decides who wins (PreVote, then votes), so nothing that follows can do harm.
//
// A replica stands when it knows no leader, has a vote, and can reach a majority. Those that can be reached
// stand one after the other, so that two do not split the votes: the preferred replica first, then the
// others by id, beginning at a place that depends on the group, so that the groups of a node that died
// spread over the ones that live.
//
//	what happens                          what follows
//	the leader's node goes down           it is forgotten; the first stands at once, the others later
//	the leader's replica is given up      it is forgotten too, though its node can be reached
//	the leader asks for votes             it is forgotten too: it has died, and was back before that was seen
//	a node comes up                       there may be a majority now
//	a request for votes of a replica      it is told who leads (a leader), or the request is kept, in case the
//	that knows no leader                  leader is lost in a moment (a follower), as one socket closes
//	                                      before the other
//	a request of somebody who knows less  whoever knows more stands in turn from now on, not at the end of his
//	                                      wait; but not while an election is under way, or a replica with
//	                                      an old log could keep the others from ever agreeing
//	votes are split                       a candidate that those who can be reached have refused stands again
//	                                      in its turn; raft would let it wait for one to two seconds
type election struct {
	stand    int             // ticks until this replica stands again; 0: at once
	standing bool            // stand has been set since there was a leader
	calm     int             // ticks for which nobody's request makes this replica stand sooner
	resigned bool            // this replica stands no more
	parked   *raftpb.Message // a request for votes that came while there was a leader
	parkedAt int             // ticks since
	lastTerm uint64          // term of the last entry of the log
	// Who will not vote for this replica in a term: it refused, or its node went down, and what it was asked
	// or had answered may be lost.
	without     []uint64
	withoutTerm uint64
}

const (
	// standTicks is between two attempts of the same replica, and between the first attempts of neighbours.
	standTicks = 2
	// parkTicks is how long a request for votes is kept: by how much two nodes may differ in when they find
	// that a third is silent. An older one is of a node that was frozen or cut off itself, and has found the
	// leader since.
	parkTicks = 3
)

// NodeChanged says that a node can be reached now, or cannot any more; alive tells which.
func (c *Core) NodeChanged(node int32) {
	c.dirty = true
	up := c.alive(node)
	for _, id := range c.members.all() {
		if id == c.replica || c.nodeOf(id) != node {
			continue
		}
		switch {
		case c.leading && up:
			c.reassure(id)
		case c.leading:
			c.node.ReportUnreachable(id)
			c.node.ReportSnapshot(id, raft.SnapshotFailure)
		case !up:
			c.doWithout(id, c.node.BasicStatus().GetTerm())
			if id == c.leader {
				c.forgetLeader()
			}
		}
	}
	if c.leading {
		c.measure()
	}
	c.election.stand = min(c.election.stand, c.turn()*standTicks)
}

// ReplicaLost says that a replica is gone though its node can be reached.
func (c *Core) ReplicaLost(replica uint64) {
	c.dirty = true
	if replica == c.leader && replica != c.replica {
		c.forgetLeader()
	}
}

// forgetLeader gives up a leader whose node is down, or that is gone, and looks at who wanted to follow it.
func (c *Core) forgetLeader() {
	c.ignore(c.node.ForgetLeader())
	c.settle()
	if m := c.election.parked; m != nil {
		c.election.parked = nil
		c.stepVote(m)
	}
}

// reassure tells a replica who leads. Raft itself has no way to ask for a heartbeat.
func (c *Core) reassure(replica uint64) {
	match := uint64(0)
	if p, found := c.node.Status().Progress[replica]; found {
		match = p.Match
	}
	c.effects().Send = append(c.effects().Send, &raftpb.Message{
		Type: raftpb.MsgHeartbeat.Enum(), From: new(c.replica), To: &replica, Term: new(c.term),
		Commit: new(min(match, c.hard.Commit)),
	})
}

// stepVote hands raft a request for votes, unless it knows better what to do with it.
func (c *Core) stepVote(m *raftpb.Message) {
	if c.leading && m.GetType() == raftpb.MsgPreVote && !isTransfer(m) && c.members.quorum(c.reachable) {
		c.reassure(m.GetFrom())
		return
	}
	if m.GetFrom() == c.leader {
		c.forgetReturned()
	}
	c.give(m)
	switch {
	case c.leader != raft.None && m.GetType() == raftpb.MsgPreVote:
		c.election.parked, c.election.parkedAt = m, 0
	case m.GetLogTerm() < c.election.lastTerm,
		m.GetLogTerm() == c.election.lastTerm && m.GetIndex() < c.last:
		if c.election.calm == 0 {
			c.election.stand = min(c.election.stand, c.turn()*standTicks)
		}
	default: // it may win
		c.election.stand, c.election.calm = max(c.election.stand, standTicks), standTicks
	}
}

// forgetReturned gives up a leader that asks for votes: it has died, and was back before anybody noticed.
// Raft would stay with it for the rest of its lease, which does not run out while the group sleeps.
func (c *Core) forgetReturned() {
	c.ignore(c.node.ForgetLeader())
	c.settle()
}

// tickElection counts down to the next attempt.
func (c *Core) tickElection() {
	e := &c.election
	if e.parked != nil {
		if e.parkedAt++; e.parkedAt > parkTicks {
			e.parked = nil
		}
	}
	if c.leader == raft.None && e.standing && e.stand > 0 {
		e.stand--
	}
	if e.calm > 0 {
		e.calm--
	}
}

// maybeCampaign makes the replica a candidate if it is its turn. It is called in every turn of the core,
// since raft may decline: while a committed change of the membership is not applied, for instance.
func (c *Core) maybeCampaign() {
	e := &c.election
	if c.leader != raft.None {
		e.standing = false
		return
	}
	if !c.members.votes(c.replica) {
		return
	}
	if c.members.alone() {
		if c.applied >= c.hard.Commit && c.node.BasicStatus().RaftState == raft.StateFollower {
			c.Campaign()
			c.settle()
		}
		return
	}
	if e.resigned || !c.members.quorum(c.reachable) {
		e.standing = false
		return
	}
	if !e.standing {
		e.standing, e.stand = true, c.turn()*standTicks
	}
	if e.stand > 0 || c.mayBeElected() {
		return
	}
	e.stand, e.calm = standTicks*(1+c.turn()), standTicks
	c.Campaign()
	c.settle()
}

// noteRefusal hears that somebody does not vote for this replica.
func (c *Core) noteRefusal(m *raftpb.Message) {
	if m.GetType() == raftpb.MsgVoteResp && m.GetReject() {
		c.doWithout(m.GetFrom(), m.GetTerm())
	}
}

// doWithout notes that a replica will not vote for this one in a term.
func (c *Core) doWithout(replica, term uint64) {
	e := &c.election
	if term < e.withoutTerm { // belated
		return
	}
	if term > e.withoutTerm {
		e.without, e.withoutTerm = e.without[:0], term
	}
	if !slices.Contains(e.without, replica) {
		e.without = append(e.without, replica)
	}
}

// mayBeElected tells whether an election is under way that this replica can still win.
func (c *Core) mayBeElected() bool {
	status := c.node.BasicStatus()
	return status.RaftState == raft.StateCandidate && c.members.quorum(func(id uint64) bool {
		lost := status.GetTerm() == c.election.withoutTerm && slices.Contains(c.election.without, id)
		return c.reachable(id) && !lost
	})
}

// turn returns how many of those that have a vote and can be reached stand before this one. No two of them
// have the same turn, or they would split the votes again and again.
func (c *Core) turn() int {
	voters := c.members.electors()
	first := int(uint64(c.group) % uint64(max(1, len(voters))))
	order := make([]uint64, 0, len(voters)+1)
	order = append(order, c.want.Preferred)
	order = append(append(order, voters[first:]...), voters[:first]...)
	turn := 0
	for i, id := range order {
		switch {
		case id == c.replica:
			return turn
		case i > 0 && id == c.want.Preferred: // has had its turn
		case slices.Contains(voters, id) && c.reachable(id):
			turn++
		}
	}
	return turn
}
