package group

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/wal"
)

// prepared is a request that is about to enter the log, or that waits for what entered before it.
type prepared struct {
	data   []byte // nil: only a waiter; empty: an entry that says nothing, for those who want it confirmed
	sum    wal.Sum
	waiter applier.Waiter
}

// Propose takes requests in order. Each is answered exactly once: in the effects of this turn if it is
// refused, by the applier once it is applied, or in the effects of the turn in which leadership is lost.
//
// Nothing that was prepared may get lost here, since the Preparer counts on it: an offset that was given
// out would be missing from the log. Raft drops a proposal if
//   - the replica does not lead: preparer is set only while it does, and settle makes sure that raft has
//     not changed its mind since;
//   - a transfer of leadership is under way: then nothing is offered, see transfer;
//   - the replica has been removed from the group: raft then steps down (StepDownOnRemoval), see above;
//   - too much is uncommitted: raft's own limit is off, ours is checked before Prepare.
//
// So submit treats a drop as a bug.
func (c *Core) Propose(requests []Propose) {
	if c.transferring() || c.changing() || len(c.transfer.waiting) > 0 {
		c.wait(requests)
		return
	}
	c.offered = requests
	c.settle()
	for len(c.offered) > 0 {
		c.offer(&c.offered[0])
		c.offered = c.offered[1:] // from here on it is in prepared or in the answers
		if c.preparedBytes >= maxStepBytes {
			c.submit()
		}
	}
	c.offered = nil
	c.submit()
}

// wait keeps requests for the end of a transfer of the leadership.
func (c *Core) wait(requests []Propose) {
	c.transfer.waiting = append(c.transfer.waiting, requests...)
	for len(c.transfer.waiting) > maxPending {
		last := len(c.transfer.waiting) - 1
		c.answer(&c.transfer.waiting[last], nil, ErrBusy)
		c.transfer.waiting = c.transfer.waiting[:last]
	}
}

// offer prepares one request, or answers it.
func (c *Core) offer(p *Propose) {
	switch {
	case c.preparer == nil:
		c.answer(p, nil, ErrNotLeader{Leader: c.leader, Term: c.term})
		return
	case c.pending.bytes >= maxPendingBytes, c.pending.count >= maxPending, c.waiters.len() >= 2*maxPending:
		c.answer(p, nil, ErrBusy)
		return
	}
	r := c.prepare(p.Request)
	waiter := applier.Waiter{ReplyTo: p.ReplyTo, Token: p.Token}
	switch {
	case r.Confirm:
		waiter.Wait, waiter.Answer, waiter.Err = true, r.Answer, r.Err
		c.confirm(waiter)
	case r.Err != nil:
		c.answer(p, nil, r.Err)
	case len(r.Data) > 0:
		c.pending.count++
		c.pending.bytes += int64(len(r.Data))
		c.preparedBytes += int64(len(r.Data))
		c.push(prepared{r.Data, r.Sum, waiter})
	case r.Wait:
		waiter.Wait, waiter.Answer = true, r.Answer
		c.push(prepared{waiter: waiter})
	default:
		c.answer(p, r.Answer, nil)
	}
}

// prepare returns what becomes of a request.
func (c *Core) prepare(request any) applier.Prepared {
	if request == (Confirm{}) {
		return applier.Prepared{Confirm: true}
	}
	return c.preparer.Prepare(request)
}

// confirm has somebody wait until an entry is applied that enters the log now. One is enough for all of a
// turn: they came before any of it is in the log.
func (c *Core) confirm(w applier.Waiter) {
	p := prepared{waiter: w}
	if c.entriesPrepared == 0 {
		p.data = noBytes
	}
	c.push(p)
}

func (c *Core) push(p prepared) {
	if p.data != nil {
		c.entriesPrepared++
	}
	c.prepared.push(p)
}

// noBytes are the data of an entry that says nothing.
var noBytes = []byte{}

func (c *Core) answer(p *Propose, result any, err error) {
	c.tell(p.ReplyTo, Proposed{Token: p.Token, Result: result, Err: err})
}

// submit gives the prepared proposals to raft as one message and registers their waiters.
//
// Raft deep-copies the entries of a proposal. For record batches that would be a copy of everything that is
// ever produced, so it gets empty entries, and their data is put in right after: Ready returns the very
// entries that raft has appended to its log, and nobody else has seen them yet, neither the wal nor a peer
// nor a reader of the tail. The price is that raft counts them as empty for its limits on uncommitted data
// and on the size of a message to a peer; maxPendingBytes and maxStepBytes stand in for these.
func (c *Core) submit() {
	if c.prepared.len() == 0 {
		return
	}
	n := c.entriesPrepared
	if n > 0 {
		c.stepProposal(n)
	}
	c.registerWaiters(c.last - uint64(n))
	c.preparedBytes, c.entriesPrepared = 0, 0
	c.settle() // what this brought up may end the leadership, which the next Prepare must know
}

// noData is what raft copies instead of the data.
var noData = new(raftpb.Entry)

// stepProposal appends n entries to raft's log and fills in their data. What is known of their sums goes past
// raft, which has no place for it.
func (c *Core) stepProposal(n int) {
	entries := make([]*raftpb.Entry, n)
	for i := range entries {
		entries[i] = noData
	}
	m := &raftpb.Message{Type: raftpb.MsgProp.Enum(), From: new(c.replica), Entries: entries}
	if err := c.node.Step(m); err != nil {
		panic(fmt.Sprintf("BUG: got %v, want raft to take %d proposals at term %d", err, n, c.term))
	}
	c.dirty = true
	rd := c.node.Ready()
	if len(rd.Entries) < n {
		panic(fmt.Sprintf("BUG: got %d entries to append, want the %d proposed", len(rd.Entries), n))
	}
	fresh := rd.Entries[len(rd.Entries)-n:]
	for i := range c.prepared.len() {
		p := c.prepared.at(i)
		if p.data == nil {
			continue
		}
		e := fresh[0]
		fresh = fresh[1:]
		if len(e.GetData()) != 0 || e.GetTerm() != c.term || e.GetType() != raftpb.EntryNormal {
			panic(fmt.Sprintf("BUG: got entry %d of term %d, want an empty one of term %d",
				e.GetIndex(), e.GetTerm(), c.term))
		}
		e.Data = p.data
		c.sums = append(c.sums, p.sum)
	}
	c.handleReady(rd)
	c.sums = emptied(c.sums)
}

// registerWaiters gives the waiters of prepared their indexes. before is the index of the last entry in
// the log before the first of them.
func (c *Core) registerWaiters(before uint64) {
	index := before
	for c.prepared.len() > 0 {
		p := c.prepared.pop()
		if p.data != nil {
			index++
		}
		w := p.waiter
		w.Index = index
		switch {
		case index > c.handed:
			c.waiters.push(w)
		case index > c.applied: // the applier has the entry; it takes the waiter next
			c.effects().Applies = append(c.effects().Applies, applier.Apply{Waiters: []applier.Waiter{w}})
		default:
			c.tell(w.ReplyTo, Proposed{Token: w.Token, Result: w.Answer, Err: w.Err})
		}
	}
}

// takeWaiters removes and returns the waiters up to an index.
func (c *Core) takeWaiters(index uint64) []applier.Waiter {
	n := 0
	for n < c.waiters.len() && c.waiters.at(n).Index <= index {
		n++
	}
	if n == 0 {
		return nil
	}
	taken := make([]applier.Waiter, n)
	for i := range taken {
		taken[i] = c.waiters.pop()
	}
	return taken
}

// loseWaiters answers those who wait for entries that have not been handed over.
func (c *Core) loseWaiters(err error) {
	for c.waiters.len() > 0 {
		w := c.waiters.pop()
		c.tell(w.ReplyTo, Proposed{Token: w.Token, Err: err})
	}
}

// Abandon returns the answers that are owed when the core is given up, possibly after a panic in the middle
// of a call or while its effects are carried out: what was decided but not told, err to requests that were
// not prepared, and ErrLostLeadership to those whose proposals may be in the log. The core must not be used
// afterwards. Those handed over are the applier's.
func (c *Core) Abandon(err error) ([]Answer, []TransferAnswer) {
	unknown := fmt.Errorf("%w: %w", ErrLostLeadership, err)
	for i := range c.offered {
		c.answer(&c.offered[i], nil, err)
	}
	for i := range c.transfer.waiting {
		c.answer(&c.transfer.waiting[i], nil, err)
	}
	for c.prepared.len() > 0 {
		w := c.prepared.pop().waiter
		c.tell(w.ReplyTo, Proposed{Token: w.Token, Err: unknown})
	}
	out := c.effects()
	if undone := c.given; undone != nil {
		out.Applies = append(out.Applies, undone.Applies...)
		out.Answers = append(out.Answers, undone.Answers...)
		out.Transferred = append(out.Transferred, undone.Transferred...)
	}
	for _, apply := range out.Applies {
		for _, w := range apply.Waiters {
			c.tell(w.ReplyTo, Proposed{Token: w.Token, Err: unknown})
		}
	}
	c.loseWaiters(unknown)
	c.endTransfer(err)
	c.tail.count(-c.tail.bytes) // the budget is for those who live
	c.offered, c.transfer.waiting, c.out, c.given = nil, nil, nil, nil
	return out.Answers, out.Transferred
}
