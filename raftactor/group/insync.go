package group

import (
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// insync is which members the leader knows to have everything, itself included. It is empty on others.
//
//	member        becomes                 when
//	behind        in sync                 it has acknowledged what is committed now, and is reachable
//	in sync       behind, at once         its node cannot be reached
//	in sync       behind                  it misses what was committed markTicks ago
//
// What is not known counts as behind. Time is that of the ticks: in a group that sleeps everybody who can be
// reached has everything.
type insync struct {
	ids      []uint64 // sorted; replaced, never changed
	recent   uint64   // commit index at the last mark
	old      uint64   // and at the one before
	ticks    int
	told     bool // with changing
	changing bool
	since    map[uint64]int // ticks that a member has been behind; nil while all are in sync
}

// markTicks is the time between two marks: who is in sync is at most two of them behind.
const markTicks = 10

func (s *insync) has(replica uint64) bool { return slices.Contains(s.ids, replica) }

// measure works out who is in sync.
func (c *Core) measure() {
	s := &c.insync
	if !c.leading {
		return
	}
	ids := make([]uint64, 0, 3)
	ids = append(ids, c.replica)
	c.node.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		if id == c.replica || !c.reachable(id) {
			return
		}
		need := c.hard.Commit
		if s.has(id) {
			need = s.old
		}
		if pr.Match >= need && pr.Match > 0 && pr.State != tracker.StateSnapshot {
			ids = append(ids, id)
		}
	})
	slices.Sort(ids)
	if !slices.Equal(ids, s.ids) {
		s.ids, s.told = ids, false
	}
	s.noteBehind(&c.members)
}

// noteBehind counts since when members have been behind.
func (s *insync) noteBehind(m *members) {
	all := m.all()
	if len(s.ids) >= len(all) {
		s.since = nil
		return
	}
	if s.since == nil {
		s.since = make(map[uint64]int)
	}
	for _, id := range all {
		if _, known := s.since[id]; s.has(id) {
			delete(s.since, id)
		} else if !known {
			s.since[id] = s.ticks
		}
	}
}

// tick moves the marks.
func (s *insync) tick(commit uint64) {
	s.ticks++
	if s.ticks%markTicks == 0 {
		s.old, s.recent = s.recent, commit
	}
}

// noteAcknowledgement looks again when somebody who is behind, or learns, has answered. A learner that has
// caught up is made a voter at once.
func (c *Core) noteAcknowledgement(m *raftpb.Message) {
	if !c.leading || m.GetType() != raftpb.MsgAppResp || c.insync.has(m.GetFrom()) {
		return
	}
	c.measure()
	if c.insync.has(m.GetFrom()) {
		c.maybeChangeMembers()
	}
}

// lead begins to measure, and follow ends it.
func (s *insync) lead(self uint64) { *s = insync{ids: []uint64{self}} }

func (s *insync) follow() { *s = insync{} }

// TellMembers has the next effects report the members, news or not.
func (c *Core) TellMembers() { c.insync.told = false }

// announceMembers reports who is a member and who is in sync, if there is news.
func (c *Core) announceMembers() {
	if !c.leading || c.preparer == nil {
		return
	}
	changing := c.members.joint() || !c.sealed()
	if c.insync.told && c.insync.changing == changing {
		return
	}
	c.insync.told, c.insync.changing = true, changing
	c.effects().Members = append(c.effects().Members, MembersChanged{
		Group: c.group, Term: c.term, Voters: c.members.voters, Learners: c.members.learners,
		InSync: c.insync.ids, Changing: changing,
	})
}

// Describe returns what this replica knows of the members. The times of contact are left to the caller, who
// has a clock.
func (c *Core) Describe() (described MembersDescribed, behind map[uint64]int) {
	described = MembersDescribed{
		Group: c.group, Leader: c.leader, Term: c.term, Leads: c.leading, Commit: c.hard.Commit, Last: c.last,
	}
	match := map[uint64]uint64{c.replica: c.last}
	if c.leading {
		c.node.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
			if id != c.replica {
				match[id] = pr.Match
			}
		})
	}
	behind = make(map[uint64]int)
	for _, id := range c.members.all() {
		described.Members = append(described.Members, Member{
			Replica: id, Match: match[id], Learner: !c.members.votes(id), InSync: c.insync.has(id),
		})
		if since, is := c.insync.since[id]; is {
			behind[id] = c.insync.ticks - since
		}
	}
	return described, behind
}
