package applier

import (
	"github.com/chronik-go/chronik/actors/kit"
)

// Proposed answers a proposal. Result is what Machine.Apply or Preparer.Prepare returned.
type Proposed struct {
	Token  uint64
	Result any
	Err    error
}

// IsReply implements kit.Reply: an asker may have given up.
func (Proposed) IsReply() {}

// Waiter is somebody who waits for an index to be applied.
type Waiter struct {
	Index   uint64
	ReplyTo kit.Address
	Token   uint64
	Wait    bool // gets Answer and Err, not the result of the entry at Index
	Answer  any
	Err     error
}

// Apply hands over committed entries, in log order, with those who wait for them. Waiters are ordered by
// index, and none is beyond Index. Without entries of the log Index is 0, and the waiters wait for what was
// handed over before. The slices belong to the applier from then on.
type Apply struct {
	Entries     []Entry
	Waiters     []Waiter
	Index, Term uint64 // of the last entry of the log that is covered, which may be one of Raft's own
	ConfState   []byte // the membership as of Index, if it changed
	Lead        uint64 // this replica leads this term, and Index is the term's first entry; 0 otherwise
}

// Refuse answers the waiters of an Apply that will not be handled.
func (m Apply) Refuse(err error) {
	for _, w := range m.Waiters {
		w.refuse(err)
	}
}

// Applied tells the core that everything up to Index is in the machine.
type Applied struct {
	Incarnation uint32
	Index       uint64
	Lead        uint64 // the term that Preparer is for; 0 if there is none
	Preparer    Preparer
}

func (w Waiter) refuse(err error) { w.ReplyTo.Tell(Proposed{Token: w.Token, Err: unknownOutcome(err)}) }
