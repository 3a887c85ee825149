package transaction

import (
	"time"

	"github.com/chronik-go/chronik/protocol"
)

// Add makes partitions part of the transaction, and begins one if there is none. Whether the id is busy comes
// first: a producer whose epochs were used up may come with the id that it gets when the end is carried out.
func (t *Transaction) Add(now time.Time, p Producer, places []Place, generation int16) Step {
	switch {
	case t.busy():
		return refuse(protocol.ConcurrentTransactions)
	case p.ID != t.record.Producer.ID:
		return refuse(protocol.InvalidProducerIDMapping)
	case p.Epoch != t.record.Producer.Epoch:
		return refuse(protocol.ProducerFenced)
	}
	all, more := t.record.with(places)
	if t.record.State == Ongoing && !more {
		return refuse(protocol.None)
	}
	next := t.record
	if t.record.State != Ongoing {
		next.Started = now.UnixMilli()
	}
	next.State, next.Partitions, next.ClientVersion, next.Updated = Ongoing, all, generation, now.UnixMilli()
	return t.write(next, protocol.None, NoProducer)
}

// Verify tells of each partition whether it is part of the transaction of this producer: None, or
// TRANSACTION_ABORTABLE. The code refuses all. What is being written is not looked at, since the partition
// checks once more when it appends.
func (t *Transaction) Verify(p Producer, places []Place) ([]protocol.Code, protocol.Code) {
	switch {
	case t.record.State.Prepared() && p == t.record.after():
		return nil, protocol.ConcurrentTransactions
	case p.ID != t.record.Producer.ID:
		return nil, protocol.InvalidProducerIDMapping
	case p.Epoch != t.record.Producer.Epoch:
		return nil, protocol.ProducerFenced
	case t.record.State.Prepared():
		return nil, protocol.ConcurrentTransactions
	}
	codes := make([]protocol.Code, len(places))
	for i, place := range places {
		if !t.record.Has(place) {
			codes[i] = protocol.TransactionAbortable
		}
	}
	return codes, protocol.None
}
