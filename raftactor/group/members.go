package group

import (
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// members is a membership: sorted replica ids. outgoing are the voters before, while a change of the voters
// is under way (joint consensus, Raft dissertation, section 4.3).
type members struct {
	voters, outgoing, learners []uint64
}

func membersOf(conf *raftpb.ConfState) members {
	sorted := func(ids ...[]uint64) []uint64 {
		all := slices.Concat(ids...)
		slices.Sort(all)
		return slices.Clip(slices.Compact(all))
	}
	return members{
		voters: sorted(conf.GetVoters()), outgoing: sorted(conf.GetVotersOutgoing()),
		learners: sorted(conf.GetLearners(), conf.GetLearnersNext()),
	}
}

// alone reports that nobody else has to be asked for anything: there is one replica, or none yet.
func (m *members) alone() bool { return len(m.voters)+len(m.learners) <= 1 && len(m.outgoing) == 0 }

// peers returns how many others there are; who is in both halves of a joint membership may count twice.
func (m *members) peers() int32 {
	return int32(max(0, len(m.voters)+len(m.outgoing)+len(m.learners)-1))
}

func (m *members) joint() bool { return len(m.outgoing) > 0 }

// votes reports whether a replica has a vote, in either half of a joint membership.
func (m *members) votes(replica uint64) bool {
	return slices.Contains(m.voters, replica) || slices.Contains(m.outgoing, replica)
}

// electors returns who has a vote, in either half of a joint membership, sorted.
func (m *members) electors() []uint64 {
	if !m.joint() {
		return m.voters
	}
	ids := slices.Concat(m.voters, m.outgoing)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// all returns everybody, sorted.
func (m *members) all() []uint64 {
	ids := slices.Concat(m.voters, m.outgoing, m.learners)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// quorum reports whether those for whom has is true are a majority of the voters, in both halves of a joint
// membership.
func (m *members) quorum(has func(replica uint64) bool) bool {
	majority := func(voters []uint64) bool {
		n := 0
		for _, id := range voters {
			if has(id) {
				n++
			}
		}
		return n > len(voters)/2
	}
	return majority(m.voters) && (!m.joint() || majority(m.outgoing))
}

// reachable reports whether messages to a replica have a chance to arrive.
func (c *Core) reachable(replica uint64) bool {
	return replica == c.replica || c.alive(c.nodeOf(replica))
}

// wanted is the membership that should be. open: the present one differs, or has not been compared yet.
type wanted struct {
	Want
	open     bool
	proposed uint64 // index of the last change that was proposed; the next one waits until it is applied
	// sealedBy is the end of the log when this leader applied a change: what is committed beyond it, seals that.
	// 0 if none was applied since it leads.
	sealedBy uint64
}

// Want says which membership should be. The leader works towards it.
func (c *Core) Want(w Want) {
	c.want.Want, c.want.open = w, true
	if c.leading {
		c.idleTicks = 0
	}
}

// tickMembers takes up a change that waits for a learner to catch up, or for its turn.
func (c *Core) tickMembers() {
	if c.leading {
		c.insync.tick(c.hard.Commit)
		c.measure()
		c.maybeChangeMembers()
	}
}

// maybeChangeMembers proposes the next step from the present membership to the one that is wanted. Raft takes
// one change at a time, and only once the one before is applied; until then there is nothing to do.
func (c *Core) maybeChangeMembers() {
	if !c.leading || c.preparer == nil || c.transferring() || c.applied < c.want.proposed {
		return
	}
	if c.members.joint() {
		c.leaveJoint()
		return
	}
	if !c.wants() {
		c.seal()
		return
	}
	changes, done := c.nextChanges()
	c.want.open = !done
	if len(changes) == 0 {
		c.seal()
		return
	}
	change := &raftpb.ConfChangeV2{Changes: changes}
	if len(changes) > 1 {
		change.Transition = raftpb.ConfChangeTransitionJointExplicit.Enum()
	}
	c.proposeChange(change)
}

// changing reports that a change of the membership that this leader has proposed is not committed. Proposals
// wait for that, or a group could lose its leader for good. A voter that the change puts out may learn that
// it is committed before those who stay do, and have entries that came after it:
//
//	1 (stays)                        2, 3 (are put out)
//	proposes the change, an entry ─► have both
//	                                 hear that the change is committed: have no vote, stand no more
//	loses power, and with it the entry
//	knows nothing of the commit: stands
//	  in the old membership        ─► refuse their votes to somebody who has less
//
// Whoever is put out has nothing after the change if nothing follows it: once it is applied, the leader sends
// no more there.
func (c *Core) changing() bool { return c.leading && c.handed < c.want.proposed }

// seal has an empty entry follow a change of the membership, unless something else does. Until that is
// committed, sealed says no, and whoever was put out must be kept. Commit indexes become durable only with
// the entries that come after them, see storageAppend, so a change is forgotten when all lose power in time:
//
//	1, 4 (stay)                                2, 3 (are put out)
//	end the change, know that it is committed  know it too, and are removed
//	lose power, and with it the commit index
//	stand in the old membership                are not there to vote, for good
//
// Who acknowledges an entry that was proposed after the change had been committed has stored that it was. A
// leader that had applied the change before it led says so with its first entry.
func (c *Core) seal() {
	if c.want.sealedBy == 0 || c.last > c.want.sealedBy {
		return
	}
	c.ignore(c.node.Propose(nil))
	c.dirty = true
	c.settle()
}

// sealed tells whether a majority of the present members knows them, whatever is lost.
func (c *Core) sealed() bool { return c.handed > c.want.sealedBy }

// wants tells whether the membership may have to be changed.
func (c *Core) wants() bool { return c.want.open && len(c.want.Voters) > 0 }

// leaveJoint ends a change of the voters. A leader that has no vote afterwards hands its leadership over
// first. Otherwise it would step down as soon as it knows of the end, while the others may not know yet, and
// need the vote of a replica that may hold more of the log than they do and cannot stand itself.
func (c *Core) leaveJoint() {
	if !slices.Contains(c.members.voters, c.replica) {
		c.beginTransfer(c.successor(c.members.voters), nil)
		return
	}
	c.proposeChange(&raftpb.ConfChangeV2{})
}

func (c *Core) proposeChange(change *raftpb.ConfChangeV2) {
	c.ignore(c.node.ProposeConfChange(change))
	c.dirty = true
	c.settle()
	c.want.proposed = c.last
}

// nextChanges works out one step. The order is: learners first, so that the quorum never rests on a replica
// that has nothing; then, when all that are to vote have caught up, everything else at once. done: the
// membership is as wanted.
//
// A replica that is new takes the place of another one on the same node in the first step already. The other
// one has lost its disk, or it would not have been replaced: it can do no more than make the quorum larger.
func (c *Core) nextChanges() (changes []*raftpb.ConfChangeSingle, done bool) {
	add := func(kind raftpb.ConfChangeType, replica uint64) {
		changes = append(changes, &raftpb.ConfChangeSingle{Type: kind.Enum(), NodeId: &replica})
	}
	present, want := c.members.all(), c.want
	wants := func(id uint64) bool {
		return slices.Contains(want.Voters, id) || slices.Contains(want.Learners, id)
	}
	var fresh []int32
	for _, id := range slices.Concat(want.Voters, want.Learners) {
		if !slices.Contains(present, id) {
			add(raftpb.ConfChangeAddLearnerNode, id)
			fresh = append(fresh, c.nodeOf(id))
		}
	}
	if len(fresh) > 0 {
		for _, id := range present {
			if !wants(id) && id != c.replica && slices.Contains(fresh, c.nodeOf(id)) {
				add(raftpb.ConfChangeRemoveNode, id)
			}
		}
		return changes, false
	}
	waits, leaves := false, false
	for _, id := range c.members.learners {
		if slices.Contains(want.Voters, id) {
			if !c.insync.has(id) {
				waits = true
				continue
			}
			add(raftpb.ConfChangeAddNode, id)
		}
	}
	for _, id := range present {
		if !wants(id) || slices.Contains(want.Learners, id) && c.members.votes(id) {
			leaves = true
		}
	}
	switch {
	case leaves && waits:
		return nil, false // who leaves stays until everybody has come
	case leaves && len(changes) > 0 && !slices.Contains(want.Voters, c.replica):
		return changes, false // somebody must have a vote to be the next leader
	case leaves && !slices.Contains(want.Voters, c.replica):
		c.beginTransfer(c.successor(want.Voters), nil)
		return nil, false // the next leader goes on
	case leaves:
		for _, id := range present {
			switch {
			case !wants(id):
				add(raftpb.ConfChangeRemoveNode, id)
			case slices.Contains(want.Learners, id) && c.members.votes(id):
				add(raftpb.ConfChangeAddLearnerNode, id)
			}
		}
	}
	return changes, len(changes) == 0 && !waits
}

// changedMembers takes over a membership that raft has switched to.
func (c *Core) changedMembers(conf *raftpb.ConfState) {
	c.members = membersOf(conf)
	if c.leading {
		c.want.sealedBy = c.last
	}
	c.insync.told = false
	c.want.open = len(c.want.Voters) > 0
	c.idleTicks = 0
	c.measure()
}

// peersMatch returns the index up to which all other members that can be reached are known to have the log.
// Only for a leader.
func (c *Core) peersMatch(everybody bool) uint64 {
	match := c.last
	c.node.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		if id != c.replica && (everybody || c.reachable(id)) {
			match = min(match, pr.Match)
		}
	})
	return match
}
