package transaction

import (
	"time"

	"github.com/chronik-go/chronik/protocol"
)

// Init is what InitProducerId asks for.
type Init struct {
	TimeoutMillis int32
	Expected      *Producer // that the client has and wants to go on with (KIP-360); nil: none
}

// Init gives a producer an id and an epoch that nobody else has, which fences those before it. A
// transaction that is ongoing is aborted first, and the client asks again: the epoch that does so is given
// to nobody, since the abort may still be on its way when the client begins anew.
//
// fresh is a producer id that nobody has, NoProducerID if there is none yet. generation is what the cluster
// works with, which decides how an ongoing transaction is aborted.
func (t *Transaction) Init(now time.Time, r Init, generation int16, fresh int64) Step {
	switch {
	case t.busy():
		return refuse(protocol.ConcurrentTransactions)
	case t.record.Producer.ID == NoProducerID:
		if fresh == NoProducerID {
			return Step{NeedsID: true}
		}
		t.record.Producer.ID = fresh
	case r.Expected != nil && !t.mayGoOn(*r.Expected):
		return refuse(protocol.ProducerFenced)
	}
	if t.record.State == Ongoing {
		step := t.fence(now, r.Expected == nil, generation, fresh)
		step.Code = protocol.ConcurrentTransactions
		return step
	}
	producer, last, code := t.initialized(r.Expected, fresh)
	switch {
	case code != protocol.None:
		return refuse(code)
	case producer == NoProducer:
		return Step{NeedsID: true}
	}
	next := t.record
	next.State, next.Producer, next.LastEpoch = Empty, producer, last
	next.Next, next.Partitions, next.Started = NoProducerID, nil, NoTime
	next.TimeoutMillis, next.Updated = r.TimeoutMillis, now.UnixMilli()
	return t.write(next, protocol.None, producer)
}

// mayGoOn tells whether a client may go on with the id that it has: it is the present one, or the one before
// whose epochs were used up, in which case the client may have missed the answer with the new one. An id that
// was only made for this request is right for everybody.
func (t *Transaction) mayGoOn(expected Producer) bool {
	present := t.record.Producer
	return present.Epoch == NoEpoch || expected.ID == present.ID ||
		expected.ID == t.record.Previous && expected.exhausted()
}

// initialized returns the id and epoch that the producer gets and the epoch it had, NoProducer if that
// takes a fresh id.
//
//	epoch that the client has      epoch it gets      last epoch
//	none                           the next           none
//	the present one                the next           the present one
//	the last one                   the present one    stays: the answer to the same request got lost
//	any other                      PRODUCER_FENCED
func (t *Transaction) initialized(expected *Producer, fresh int64) (Producer, int16, protocol.Code) {
	present := t.record.Producer
	if present.exhausted() && (expected == nil || expected.Epoch == present.Epoch) {
		last := NoEpoch
		if expected != nil {
			last = present.Epoch
		}
		if fresh == NoProducerID {
			return NoProducer, last, protocol.None
		}
		return Producer{fresh, 0}, last, protocol.None
	}
	bumped := Producer{present.ID, present.Epoch + 1}
	switch {
	case expected == nil:
		return bumped, NoEpoch, protocol.None
	case present.Epoch == NoEpoch || expected.Epoch == present.Epoch:
		return bumped, present.Epoch, protocol.None
	case expected.Epoch == t.record.LastEpoch:
		return present, t.record.LastEpoch, protocol.None
	}
	return NoProducer, NoEpoch, protocol.ProducerFenced
}
