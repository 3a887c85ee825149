package group

import (
	"sync"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/wal"
)

// Effects is what a turn of the core wants done. The kinds may be done in any order, each of them in the
// order given here.
type Effects struct {
	Appends []Append          // make durable, then call Appended
	Applies []applier.Apply   // apply, then call Applied
	Send    []*raftpb.Message // to peers; may be lost
	Answers []Answer          // to proposers
	Changes []LeaderChanged   // news about the leadership
	Wake    Wake              // whether the group wants ticks

	Members     []MembersChanged       // news about the members
	Transferred []TransferAnswer       // to those who asked for a transfer
	CatchUps    []CatchUp              // fetch another replica's state, then call Installed or CatchUpFailed
	Positions   []Installed            // tell the applier that its machine stands for these indexes
	Installs    []janitor.Checkpointed // tell the applier that a restart begins with this state
	StopFetch   bool                   // a fetch under way is of no use any more
	CaughtUp    bool                   // everything that was committed before the start is applied
}

// TransferAnswer is the answer to somebody who asked for a transfer of the leadership.
type TransferAnswer struct {
	ReplyTo     kit.Address
	Transferred Transferred
}

// Append is an update for the write-ahead log.
type Append struct {
	Update wal.Update
	Token  uint64
}

// Answer is the answer to a proposal.
type Answer struct {
	ReplyTo  kit.Address
	Proposed Proposed
}

// Wake says whether the wish for ticks has changed.
type Wake uint8

// What a turn may want of the ticker.
const (
	WakeSame  Wake = iota
	WakeUp         // ticks, please
	WakeQuiet      // no more ticks
)

// lent is where cores have their effects from, and bring them back to: ten thousand idle groups keep none.
var lent = sync.Pool{New: func() any { return new(Effects) }}

// effects returns what to add to.
func (c *Core) effects() *Effects {
	if c.out == nil {
		c.out = lent.Get().(*Effects)
	}
	return c.out
}

// tell answers a proposer.
func (c *Core) tell(who kit.Address, answer Proposed) {
	out := c.effects()
	out.Answers = append(out.Answers, Answer{who, answer})
}

// reset empties the effects and keeps a little room.
func (e *Effects) reset() {
	e.Appends, e.Applies, e.Send = emptied(e.Appends), emptied(e.Applies), emptied(e.Send)
	e.Answers, e.Changes, e.Wake = emptied(e.Answers), emptied(e.Changes), WakeSame
	e.Members, e.Transferred, e.CatchUps = emptied(e.Members), emptied(e.Transferred), nil
	e.Positions, e.Installs, e.StopFetch, e.CaughtUp = nil, nil, false, false
}

// emptied returns a slice to fill again, without what it held.
func emptied[T any](items []T) []T {
	if cap(items) > smallQueue {
		return nil
	}
	clear(items)
	return items[:0]
}
