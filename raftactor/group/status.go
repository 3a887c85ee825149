package group

import "sync/atomic"

// Status is what a core publishes of itself, for whoever wants to look without asking 10,000 actors. The
// core writes, at the end of its turns; anybody reads. The fields are not of one moment.
type Status struct {
	leader, term, commit, applied, last, checkpoint atomic.Uint64

	tailBytes atomic.Int64
	ready     atomic.Bool
}

// StatusView is a reading of a Status.
type StatusView struct {
	Leader, Term          uint64 // Leader is a replica id, 0 if none is known
	Ready                 bool   // this replica leads and accepts proposals
	Commit, Applied, Last uint64 // indexes of the log
	Checkpoint            uint64 // a restart begins after this index
	TailBytes             int64  // of entries kept in memory
}

// View reads a status.
func (s *Status) View() StatusView {
	return StatusView{
		Leader: s.leader.Load(), Term: s.term.Load(), Ready: s.ready.Load(),
		Commit: s.commit.Load(), Applied: s.applied.Load(), Last: s.last.Load(),
		Checkpoint: s.checkpoint.Load(), TailBytes: s.tailBytes.Load(),
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
}

// stopped says that nobody keeps the status up to date any more.
func (s *Status) stopped() {
	s.leader.Store(0)
	s.ready.Store(false)
	s.tailBytes.Store(0)
}
