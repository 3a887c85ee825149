package transaction

import (
	"math"
	"time"

	"github.com/chronik-go/chronik/protocol"
)

// End is what EndTxn asks for.
type End struct {
	Producer   Producer
	Commit     bool
	Generation int16 // of the client
}

// End decides the transaction. fresh is as in Init.
func (t *Transaction) End(now time.Time, r End, fresh int64) Step {
	if r.Generation < SecondGeneration {
		return t.endFirst(now, r)
	}
	return t.endSecond(now, r, fresh)
}

// endFirst ends a transaction of the first generation.
//
//	state             commit              abort
//	Empty             INVALID_TXN_STATE   INVALID_TXN_STATE
//	Ongoing           PrepareCommit       PrepareAbort
//	CompleteCommit    none, it is done    INVALID_TXN_STATE
//	CompleteAbort     INVALID_TXN_STATE   none, it is done
func (t *Transaction) endFirst(now time.Time, r End) Step {
	switch {
	case r.Producer.ID != t.record.Producer.ID:
		return refuse(protocol.InvalidProducerIDMapping)
	case r.Producer.Epoch != t.record.Producer.Epoch:
		return refuse(protocol.ProducerFenced)
	case t.busy():
		return refuse(protocol.ConcurrentTransactions)
	case t.record.State == Ongoing:
		next := t.prepared(now, r.Commit)
		next.ClientVersion = FirstGeneration
		return t.write(next, protocol.None, next.Producer)
	case t.record.State == CompleteCommit && r.Commit, t.record.State == CompleteAbort && !r.Commit:
		return Step{Producer: t.record.Producer}
	}
	return refuse(protocol.InvalidTxnState)
}

// endSecond ends a transaction of the second generation, which bumps the epoch. A request is the repetition
// of one that was answered if it has the epoch before the present one, or the last epoch of the id before.
//
//	state             commit                          abort
//	Empty             INVALID_TXN_STATE               PrepareAbort
//	Ongoing           PrepareCommit                   PrepareAbort
//	CompleteCommit    repeated: none, it is done      repeated: INVALID_TXN_STATE
//	                  else INVALID_TXN_STATE          else PrepareAbort
//	CompleteAbort     INVALID_TXN_STATE               repeated: none, it is done
//	                                                  else PrepareAbort
func (t *Transaction) endSecond(now time.Time, r End, fresh int64) Step {
	present := t.record.Producer
	renewed := r.Producer.ID == t.record.Previous && r.Producer.Epoch == lastEpoch && present.Epoch == 0
	repeated := renewed || int(r.Producer.Epoch)+1 == int(present.Epoch)
	switch {
	case r.Producer.ID != present.ID && !renewed:
		return refuse(protocol.InvalidProducerIDMapping)
	case !t.acceptsEpoch(r.Producer.Epoch, repeated):
		return refuse(protocol.ProducerFenced)
	case t.busy():
		return refuse(protocol.ConcurrentTransactions)
	case t.record.State == Ongoing:
		return t.bump(now, r.Commit, fresh)
	case repeated && r.Commit == (t.record.State == CompleteCommit):
		return Step{Producer: present}
	case repeated || r.Commit:
		return refuse(protocol.InvalidTxnState)
	}
	return t.bump(now, false, fresh)
}

// acceptsEpoch tells whether a producer of the second generation may end a transaction with an epoch. While
// the partitions are being told, Kafka fences the present epoch, which is that of the next transaction: a
// client that gives that one up at once, without a record, would lose its producer to its own haste. Here it
// is told to come again.
func (t *Transaction) acceptsEpoch(epoch int16, repeated bool) bool {
	same := epoch == t.record.Producer.Epoch
	switch t.record.State {
	case PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort:
		return repeated || same
	}
	return same
}

// fence aborts an ongoing transaction for a producer that begins. If that is another one, the epoch moves on
// by two: whoever has the epoch before the present one may be repeating the request that ended its
// transaction, and is told how that ended; a producer that others have ended hears that it is fenced.
func (t *Transaction) fence(now time.Time, other bool, generation int16, fresh int64) Step {
	step := t.Abort(now, generation, fresh)
	if next, pending := t.Pending(); other && pending && generation >= SecondGeneration {
		next.Producer.Epoch, next.LastEpoch = nextEpoch(next.Producer.Epoch), NoEpoch
	}
	return step
}

// Abort ends an ongoing transaction without its producer: it has taken too long, or another one begins. fresh
// is as in Init. It declines if there is nothing to abort.
func (t *Transaction) Abort(now time.Time, generation int16, fresh int64) Step {
	if t.busy() || t.record.State != Ongoing {
		return Step{}
	}
	if generation >= SecondGeneration {
		step := t.bump(now, false, fresh)
		step.Producer = NoProducer
		return step
	}
	next := t.prepared(now, false)
	next.Producer.Epoch, next.LastEpoch = nextEpoch(next.Producer.Epoch), NoEpoch
	next.ClientVersion = FirstGeneration
	return t.write(next, protocol.None, NoProducer)
}

// bump decides the end of a transaction, or of none, and gives the producer the next epoch.
func (t *Transaction) bump(now time.Time, commit bool, fresh int64) Step {
	present := t.record.Producer
	if present.exhausted() && fresh == NoProducerID {
		return Step{NeedsID: true}
	}
	next := t.prepared(now, commit)
	next.Producer.Epoch, next.LastEpoch = nextEpoch(present.Epoch), present.Epoch
	next.ClientVersion = SecondGeneration
	if present.exhausted() {
		next.Next = fresh
	}
	if t.record.State != Ongoing {
		next.Started = now.UnixMilli()
	}
	return t.write(next, protocol.None, next.after())
}

// nextEpoch stays at the highest number, which fences every producer.
func nextEpoch(epoch int16) int16 { return int16(min(int(epoch)+1, math.MaxInt16)) }

func (t *Transaction) prepared(now time.Time, commit bool) Record {
	next := t.record
	next.State, next.Updated = PrepareAbort, now.UnixMilli()
	if commit {
		next.State = PrepareCommit
	}
	return next
}
