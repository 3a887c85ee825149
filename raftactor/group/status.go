package group

import "sync/atomic"

// Status is what a core publishes of itself, for whoever wants to look without asking 10,000 actors. The
// core writes, at the end of its turns; anybody reads. The fields are not of one moment.
type Status struct {
	leader, term, commit, applied, last, checkpoint atomic.Uint64

	tailBytes atomic.Int64
	ready     atomic.Bool
	leads     atomic.Bool
	peers     atomic.Int32
	caughtUp  atomic.Bool
}

// StatusView is a reading of a Status.
type StatusView struct {
	Leader, Term          uint64 // Leader is a replica id, 0 if none is known
	Ready                 bool   // this replica leads and accepts proposals
	Commit, Applied, Last uint64 // indexes of the log
	Checkpoint            uint64 // a restart begins after this index
	TailBytes             int64  // of entries kept in memory
	Leads                 bool   // this replica leads, whether it accepts proposals yet or not
	Peers                 int    // other members
	CaughtUp              bool   // so it has told with CaughtUp
}

// View reads a status.
func (s *Status) View() StatusView {
	return StatusView{
		Leader: s.leader.Load(), Term: s.term.Load(), Ready: s.ready.Load(),
		Commit: s.commit.Load(), Applied: s.applied.Load(), Last: s.last.Load(),
		Checkpoint: s.checkpoint.Load(), TailBytes: s.tailBytes.Load(),
		Leads: s.leads.Load(), Peers: int(s.peers.Load()), CaughtUp: s.caughtUp.Load(),
	}
}

// publish writes the status of a core.
func (s *Status) publish(c *Core) {
	s.leader.Store(c.leader)
	s.term.Store(c.term)
	s.ready.Store(c.preparer != nil)
	s.commit.Store(c.hard.Commit)
	s.applied.Store(c.applied)
	s.last.Store(c.last)
	s.tailBytes.Store(c.tail.bytes)
	s.leads.Store(c.leading)
	s.peers.Store(c.members.peers())
}

// stopped says that nobody keeps the status up to date any more.
func (s *Status) stopped() {
	s.leader.Store(0)
	s.ready.Store(false)
	s.leads.Store(false)
	s.caughtUp.Store(false)
	s.tailBytes.Store(0)
}
