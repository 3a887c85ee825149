package group

import (
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"
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
	if !led || c.leading && c.term == term {
		return false
	}
	c.preparer = nil
	c.pending = load{}
	return true
}

// announce reports the leadership if there is news.
func (c *Core) announce() {
	now := LeaderChanged{Group: c.group, Leader: c.leader, Term: c.term, Ready: c.preparer != nil}
	if now.Leader == 0 && c.announced == (LeaderChanged{}) || now == c.announced {
		return // a replica that has not heard of a leader yet has no news
	}
	c.announced = now
	c.out.Changes = append(c.out.Changes, now)
}

// wake works out whether the group wants ticks.
func (c *Core) wake() {
	want := !c.quiet()
	if want == c.awake {
		return
	}
	c.awake = want
	if want {
		c.out.Wake = WakeUp
	} else {
		c.out.Wake = WakeQuiet
	}
}

// quiet reports that no time needs to pass for this group: it is its own only member, or it knows its
// leader, has had nothing to do for a while and, if it leads, knows everybody to have everything. A quiet
// follower cannot notice that its leader is gone; the host tells it when a node goes down (Unreachable).
func (c *Core) quiet() bool {
	if c.members <= 1 {
		return true
	}
	return c.leader != raft.None && c.idleTicks >= quietTicks && c.appends.len() == 0 &&
		c.applied == c.last && (!c.leading || c.peersMatch() == c.last)
}

// peersMatch returns the index up to which all other members are known to have the log. Only for a leader.
func (c *Core) peersMatch() uint64 {
	match := c.last
	c.node.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		if id != c.replica {
			match = min(match, pr.Match)
		}
	})
	return match
}

// maybeCampaign starts the election of a replica that needs nobody's vote but its own. Raft declines while
// a committed change of the membership is not applied, and there are no ticks that would try again, so this
// is called in every turn.
func (c *Core) maybeCampaign() {
	if c.members != 1 || c.leader != raft.None || c.applied < c.hard.Commit {
		return
	}
	if c.node.BasicStatus().RaftState == raft.StateFollower {
		c.Campaign()
		c.settle()
	}
}

// trim drops entries from memory that are applied and needed by no peer. A leader keeps what the slowest
// peer misses, up to maxTailBytes; a follower may become leader and keeps a little for that case.
func (c *Core) trim() {
	if c.members <= 1 {
		c.tail.trim(min(c.applied, c.tail.last()))
		return
	}
	needed := c.applied
	if c.leading {
		needed = min(needed, c.peersMatch())
	}
	c.tail.trim(max(c.tail.excess(keepTailBytes, needed), c.tail.excess(maxTailBytes, c.applied)))
}
