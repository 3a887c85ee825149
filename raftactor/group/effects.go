package group

import (
	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/applier"
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

// reset empties the effects and keeps what is not handed to anybody.
func (e *Effects) reset() {
	clear(e.Appends)
	clear(e.Applies)
	clear(e.Send)
	clear(e.Answers)
	e.Appends, e.Applies, e.Send, e.Answers = e.Appends[:0], e.Applies[:0], e.Send[:0], e.Answers[:0]
	e.Changes, e.Wake = e.Changes[:0], WakeSame
}
