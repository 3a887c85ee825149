package group

import (
	"go.etcd.io/raft/v3"

	"github.com/chronik-go/chronik/actors/kit/planted"
	"github.com/chronik-go/chronik/raftactor/applier"
)

// noteRole takes over what a Ready says about role and term, and reports whether a leadership ended. The
// Preparer ends with it: what it prepared may never commit, so its idea of the tail is void.
func (c *Core) noteRole(rd raft.Ready) (lost bool) {
	led, term := c.leading, c.term
	if rd.HardState != nil {
		c.term = rd.GetTerm()
	}
	if rd.SoftState != nil {
		c.leader = rd.Lead
		c.leading = rd.RaftState == raft.StateLeader
	}
	if led == c.leading && (!led || c.term == term) {
		return false
	}
	if c.leading {
		c.effects().StopFetch, c.install.running = c.install.running, false // a leader has everything
		c.insync.lead(c.replica)
		c.want.open, c.want.proposed, c.want.sealedBy = len(c.want.Voters) > 0, 0, 0
		if planted.StampEarly && c.handed > 0 && c.handed == c.applied {
			c.leadSent = c.term
			early := applier.Apply{Index: c.applied, Term: c.caughtUp.appliedTerm, Lead: c.term}
			c.effects().Applies = append(c.effects().Applies, early)
		}
	} else {
		c.insync.follow()
	}
	if !led {
		return false
	}
	c.preparer = nil
	c.pending = load{}
	c.endTransfer(nil)
	return true
}

// announce reports the leadership if there is news.
func (c *Core) announce() {
	now := LeaderChanged{Group: c.group, Leader: c.leader, Term: c.term, Ready: c.preparer != nil}
	if now.Leader == 0 && c.announced == (LeaderChanged{}) || now == c.announced {
		return // a replica that has not heard of a leader yet has no news
	}
	c.announced = now
	c.effects().Changes = append(c.effects().Changes, now)
}

// wake works out whether the group wants ticks.
func (c *Core) wake() {
	want := !c.quiet()
	if want == c.awake {
		return
	}
	c.awake = want
	if want {
		c.effects().Wake = WakeUp
	} else {
		c.effects().Wake = WakeQuiet
	}
}

// quiet reports that no time needs to pass for this group: it is its own only member, or it knows its
// leader, has had nothing to do for a while and, if it leads, knows everybody who can be reached to have
// everything. A quiet follower cannot notice that its leader is gone; it is told when a node goes down
// (NodeChanged), and when a node gives a replica up (ReplicaLost).
func (c *Core) quiet() bool {
	switch {
	case c.members.alone():
		return !c.leading || !c.want.open // others are about to come
	case c.leader == raft.None, c.idleTicks < quietTicks, c.appends.len() > 0, c.applied != c.last:
		return false
	case !c.leading:
		return !c.install.running
	}
	settled := !c.transferring() && !c.members.joint() && c.members.quorum(c.reachable)
	return settled && c.peersMatch(false) == c.last
}

// trim drops entries from memory that are applied and needed by no peer. A leader keeps what the slowest
// peer misses, within the bounds of tail.most; a follower may become leader and keeps a little for that case.
func (c *Core) trim() {
	durable := min(c.applied, c.tail.last())
	if c.members.alone() {
		c.tail.trim(durable)
		return
	}
	needed := durable
	if c.leading {
		needed = min(needed, c.peersMatch(true))
	}
	c.tail.trim(max(c.tail.excess(keepTailBytes, needed), c.tail.excess(c.tail.most(), durable)))
}
