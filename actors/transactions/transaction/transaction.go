package transaction

import (
	"fmt"
	"time"

	"github.com/chronik-go/chronik/protocol"
)

// Step is what follows from a request: an answer, or a record that has to be written before the answer holds.
type Step struct {
	Code     protocol.Code
	Producer Producer // of the answer, NoProducer if there is none
	Write    bool     // Pending is to be written; the rest holds once it is committed
	NeedsID  bool     // nothing has happened: the request has to come again with a fresh producer id
}

func refuse(code protocol.Code) Step { return Step{Code: code, Producer: NoProducer} }

// Transaction is one transactional id.
//
// Invariants: at most one record is being written. The partitions of a prepared record that are still to be
// told are those of unmarked; of any other record there are none.
type Transaction struct {
	record   Record
	pending  *Record
	removing bool // the id is being removed: a tombstone is being written
	recorded bool // the log knows the id
	unmarked map[Place]struct{}
}

// New returns an id that the log does not know.
func New() *Transaction { return &Transaction{record: none} }

// Restore returns an id as the log knows it.
func Restore(r Record) *Transaction {
	t := &Transaction{record: r, recorded: true}
	t.settle()
	return t
}

// Record returns what is committed.
func (t *Transaction) Record() *Record { return &t.record }

// Recorded tells whether the log knows the id.
func (t *Transaction) Recorded() bool { return t.recorded }

// Pending returns the record that is being written: nil with a true second value is a tombstone, and nil with
// false says that nothing is.
func (t *Transaction) Pending() (record *Record, writing bool) {
	return t.pending, t.pending != nil || t.removing
}

// busy tells whether the id is on the way from one state to the next, so that requests have to wait.
func (t *Transaction) busy() bool { return t.pending != nil || t.removing || t.record.State.Prepared() }

// Ending tells whether the end of a transaction is being written or carried out, after which the id is free.
func (t *Transaction) Ending() bool {
	if t.pending != nil {
		s := t.pending.State
		return s.Prepared() || s == CompleteCommit || s == CompleteAbort
	}
	return t.record.State.Prepared()
}

// write begins to write the next record. The answer holds when it is committed.
func (t *Transaction) write(next Record, code protocol.Code, producer Producer) Step {
	if t.pending != nil || t.removing {
		panic(fmt.Sprintf("BUG: got a record in state %v while another one is being written", next.State))
	}
	if next.Producer.ID < 0 || next.Producer.Epoch < 0 {
		panic(fmt.Sprintf("BUG: got a record of producer %+v, want one that exists", next.Producer))
	}
	next.Previous = t.record.Producer.ID
	t.pending = &next
	return Step{Code: code, Producer: producer, Write: true}
}

// Written takes over what was written, or forgets it if it was not. The id is gone if it is told so.
func (t *Transaction) Written(committed bool) (gone bool) {
	next, removing := t.pending, t.removing
	t.pending, t.removing = nil, false
	switch {
	case !committed:
		return !t.recorded
	case removing:
		return true
	}
	t.record, t.recorded = *next, true
	t.settle()
	return false
}

// settle notes which partitions are to be told of an end that was decided.
func (t *Transaction) settle() {
	t.unmarked = nil
	if !t.record.State.Prepared() {
		return
	}
	t.unmarked = make(map[Place]struct{}, len(t.record.Partitions))
	for _, place := range t.record.Partitions {
		t.unmarked[place] = struct{}{}
	}
}

// Unmarked returns the partitions that have not confirmed the end of the transaction, in order.
func (t *Transaction) Unmarked() []Place {
	left := make([]Place, 0, len(t.unmarked))
	for _, place := range t.record.Partitions {
		if _, open := t.unmarked[place]; open {
			left = append(left, place)
		}
	}
	return left
}

// Marked notes that a partition knows the end of the transaction, or is gone.
func (t *Transaction) Marked(place Place) { delete(t.unmarked, place) }

// Complete writes that nobody has to be told any more, once that is so. It declines while partitions are
// missing or the record is being written.
func (t *Transaction) Complete(now time.Time) Step {
	if !t.record.State.Prepared() || len(t.unmarked) > 0 || t.pending != nil {
		return Step{}
	}
	next := t.record
	next.State = CompleteAbort
	if t.record.State == PrepareCommit {
		next.State = CompleteCommit
	}
	next.Producer = t.record.after()
	next.Next, next.Partitions, next.Updated = NoProducerID, nil, now.UnixMilli()
	return t.write(next, protocol.None, NoProducer)
}

// after returns the producer when the end that was decided is carried out.
func (r *Record) after() Producer {
	if r.Next != NoProducerID {
		return Producer{r.Next, 0}
	}
	return r.Producer
}

// TimedOut tells whether the transaction has taken too long, and can be aborted now.
func (t *Transaction) TimedOut(now time.Time) bool { return !t.busy() && t.record.timedOut(now) }

// Expire begins to remove an id that nobody has used for so long.
func (t *Transaction) Expire(now time.Time, retention time.Duration) Step {
	if t.busy() || !t.recorded || !t.record.expired(now, retention) {
		return Step{}
	}
	t.removing = true
	return Step{Write: true}
}
