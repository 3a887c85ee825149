package group

import (
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/wal"
)

// Effects lets raft finish what the calls since the last Effects have started, and returns what is to be
// done, or nil if there is nothing. The result is valid until Done; what is in it may be handed on. Calls of
// the core in between are for the next Effects, so whoever carries effects out asks until there are none.
func (c *Core) Effects() *Effects {
	if c.given != nil {
		panic("BUG: got a call for effects, want those given out to be done before")
	}
	c.settle()
	c.releaseWaiting()
	c.maybeCampaign()
	c.announce()
	c.announceMembers()
	c.announceCaughtUp()
	c.wake()
	c.given, c.out = c.out, nil
	return c.given
}

// Done says that the effects have been carried out, and takes them back.
func (c *Core) Done() {
	c.given.reset()
	lent.Put(c.given)
	c.given = nil
}

// settle runs raft until it has nothing to say. Afterwards leader, term and leading are raft's own.
func (c *Core) settle() {
	if !c.dirty {
		return
	}
	for c.node.HasReady() {
		c.handleReady(c.node.Ready())
	}
	c.dirty = false
}

// handleReady turns one Ready into effects. Entries are handed over before the waiters of a lost leadership
// are answered, so a proposal that is known to be committed gets its result.
func (c *Core) handleReady(rd raft.Ready) {
	lost := c.noteRole(rd)
	for _, m := range rd.Messages {
		switch m.GetTo() {
		case raft.LocalAppendThread:
			c.storageAppend(m)
		case raft.LocalApplyThread:
			c.storageApply(m)
		default:
			c.effects().Send = append(c.effects().Send, m)
		}
	}
	if lost {
		c.loseWaiters(ErrLostLeadership)
	}
}

// storageAppend turns MsgStorageAppend into an update of the wal. If nothing in it must survive, which is
// so for an advance of the commit index alone (Raft paper, figure 2: commitIndex is volatile), there is no
// update: the commit index goes along with the next one that is written anyway. Otherwise each commit
// would cost a second fsync. Recovery finds the commit index again from the checkpoint and the leader.
//
// What may not be given up is that a commit index becomes durable together with the entries it came with:
// a leader proposes a change of the membership only when the one before is committed, and its message
// says so, hence whoever has the second change in its log knows after any restart that the first applies.
func (c *Core) storageAppend(m *raftpb.Message) {
	if m.Term != nil {
		c.hard = wal.HardState{Term: m.GetTerm(), Vote: m.GetVote(), Commit: m.GetCommit()}
	}
	entries, snapshot := m.GetEntries(), !raft.IsEmptySnap(m.GetSnapshot())
	if len(entries) == 0 && !snapshot && c.hard.Term == c.written.Term && c.hard.Vote == c.written.Vote {
		c.afterAppends(m.GetResponses())
		return
	}
	u := wal.Update{Group: c.group}
	if c.hard != c.written {
		hard := c.hard
		u.Hard, c.written = &hard, hard
	}
	var state *Installed
	if snapshot {
		state = c.appendInstalled(&u, m.GetSnapshot())
	}
	if len(entries) > 0 {
		u.Entries = walEntries(entries, c.sums)
		last := entries[len(entries)-1]
		c.last, c.election.lastTerm = last.GetIndex(), last.GetTerm()
	}
	if c.election.lastTerm > c.hard.Term {
		panic(fmt.Sprintf("BUG: got a log that ends at %d of term %d to write at term %d, want no term to come",
			c.last, c.election.lastTerm, c.hard.Term))
	}
	c.sequence++
	token := token(c.incarnation, c.sequence)
	c.appends.push(flight{token, entries, state, m.GetResponses()})
	c.effects().Appends = append(c.effects().Appends, Append{u, token})
}

// afterAppends delivers responses that wait for all appends so far.
func (c *Core) afterAppends(responses []*raftpb.Message) {
	if c.appends.len() == 0 {
		c.deliver(responses)
		return
	}
	last := c.appends.last()
	last.responses = append(last.responses, responses...)
}

// deliver gives responses of storage to whom they are for, in order.
func (c *Core) deliver(responses []*raftpb.Message) {
	for _, r := range responses {
		if r.GetTo() != c.replica {
			c.effects().Send = append(c.effects().Send, r)
			continue
		}
		c.give(r)
	}
}

// walEntries converts entries; their data is shared. The sums are those of the last ones.
func walEntries(entries []*raftpb.Entry, sums []wal.Sum) []wal.Entry {
	converted := make([]wal.Entry, len(entries))
	for i, e := range entries {
		converted[i] = wal.Entry{
			Term: e.GetTerm(), Index: e.GetIndex(), Type: uint8(e.GetType()), Data: e.GetData(),
		}
	}
	fresh := converted[len(converted)-len(sums):]
	for i := range fresh {
		fresh[i].Sum = sums[i]
	}
	return converted
}

// Appended says that an append, and all before it, is durable. Answers to other incarnations are ignored:
// what they appended has been loaded.
func (c *Core) Appended(token uint64) {
	if !ofIncarnation(token, c.incarnation) {
		return
	}
	if c.appends.len() == 0 || c.appends.first().token != token {
		panic(fmt.Sprintf("BUG: got the answer to append %d, want that of the oldest of %d",
			token, c.appends.len()))
	}
	f := c.appends.pop()
	if f.installed != nil {
		c.installed(f.installed)
	}
	c.tail.append(f.entries)
	c.deliver(f.responses)
}

// storageApply turns MsgStorageApply into an Apply, together with the waiters of its entries. Changes of
// the membership take effect here, in log order; they are committed, so it does not matter that the
// machine has yet to catch up.
func (c *Core) storageApply(m *raftpb.Message) {
	entries := m.GetEntries()
	last := entries[len(entries)-1]
	apply := applier.Apply{Index: last.GetIndex(), Term: last.GetTerm()}
	taken := handover{
		index: last.GetIndex(), last: last.GetTerm(), term: c.term,
		response: m.GetResponses()[0],
	}
	apply.Entries = make([]applier.Entry, 0, len(entries))
	for _, e := range entries {
		switch {
		case e.GetType() != raftpb.EntryNormal:
			apply.ConfState = c.changeMembers(e)
		case len(e.GetData()) > 0 && apply.Lead != 0:
			panic(fmt.Sprintf("BUG: got a proposal at %d, want none before term %d is ready", e.GetIndex(), c.term))
		case len(e.GetData()) > 0:
			one := applier.Entry{Term: e.GetTerm(), Index: e.GetIndex(), Data: e.GetData()}
			apply.Entries = append(apply.Entries, one)
			if e.GetTerm() == c.term {
				taken.own.count++
				taken.own.bytes += int64(len(e.GetData()))
			}
		case c.leading && e.GetTerm() == c.term && c.leadSent != c.term:
			apply.Lead, c.leadSent = c.term, c.term
		}
	}
	c.handed = last.GetIndex()
	c.applies.push(taken)
	apply.Waiters = c.takeWaiters(last.GetIndex())
	c.effects().Applies = append(c.effects().Applies, apply)
}

// changeMembers applies a change of the membership and returns the new one in its durable form.
func (c *Core) changeMembers(e *raftpb.Entry) []byte {
	var change raftpb.ConfChangeI
	var err error
	if e.GetType() == raftpb.EntryConfChange {
		v1 := new(raftpb.ConfChange)
		err, change = proto.Unmarshal(e.GetData(), v1), v1
	} else {
		v2 := new(raftpb.ConfChangeV2)
		err, change = proto.Unmarshal(e.GetData(), v2), v2
	}
	if err != nil {
		panic(fmt.Sprintf("BUG: got a change of the membership at %d that cannot be read: %v", e.GetIndex(), err))
	}
	conf := c.node.ApplyConfChange(change)
	c.changedMembers(conf)
	data, err := marshalConf(conf)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return data
}

// Applied says that everything up to an index is in the machine.
func (c *Core) Applied(a applier.Applied) {
	if a.Incarnation != c.incarnation {
		return
	}
	if a.Index > c.handed {
		panic(fmt.Sprintf("BUG: got applied %d, want at most %d", a.Index, c.handed))
	}
	c.caughtUp.opened = true
	for c.applies.len() > 0 && c.applies.first().index <= a.Index {
		taken := c.applies.pop()
		c.noteApplied(taken.index, taken.last)
		if c.leading && taken.term == c.term {
			c.pending.count -= taken.own.count
			c.pending.bytes -= taken.own.bytes
		}
		c.give(taken.response)
	}
	c.idleTicks = 0
	if a.Lead != 0 && a.Lead == c.term && c.leading {
		c.preparer = a.Preparer
		c.measure()
	}
	c.maybeChangeMembers()
	c.trim()
}

// noteApplied moves the applied index. A state that was installed may be ahead of what the applier was given
// before.
func (c *Core) noteApplied(index, term uint64) {
	if index > c.applied {
		c.applied, c.caughtUp.appliedTerm = index, term
	}
}

// Tokens name an append or a load: 24 bits of incarnation, 40 bits of sequence.
const sequenceBits = 40

func token(incarnation uint32, sequence uint64) uint64 {
	return uint64(incarnation)<<sequenceBits | sequence&(1<<sequenceBits-1)
}

// ofIncarnation reports whether a token was given out by an incarnation.
func ofIncarnation(token uint64, incarnation uint32) bool {
	return token>>sequenceBits == uint64(incarnation)&(1<<(64-sequenceBits)-1)
}
