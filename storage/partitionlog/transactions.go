package partitionlog

import (
	"slices"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// openTransaction is a transaction whose marker has not come: the first of its records in this log, and who
// writes it.
type openTransaction struct {
	first    protocol.Offset
	producer int64
}

// openTransactions are the open transactions of a log, ascending by first offset, one for each producer. The
// value is immutable; copies share its memory.
type openTransactions []openTransaction

// with returns the list with one transaction more.
func (o openTransactions) with(producer int64, first protocol.Offset) openTransactions {
	at := len(o)
	for at > 0 && o[at-1].first > first { // only out of a snapshot do they come in another order
		at--
	}
	more := make(openTransactions, 0, len(o)+1)
	more = append(append(more, o[:at]...), openTransaction{first, producer})
	return append(more, o[at:]...)
}

// without returns the list without the transaction of a producer, which begins at first if there is one.
func (o openTransactions) without(producer int64, first protocol.Offset) openTransactions {
	at, _ := slices.BinarySearchFunc(o, first, func(one openTransaction, first protocol.Offset) int {
		return int(max(-1, min(1, one.first-first)))
	})
	switch {
	case at >= len(o) || o[at] != openTransaction{first, producer}:
		return o
	case len(o) == 1:
		return nil
	case at == 0:
		return o[1:]
	}
	return slices.Concat(o[:at], o[at+1:])
}

// of returns the first offset of a producer's transaction.
func (o openTransactions) of(producer int64) (first protocol.Offset, open bool) {
	for i := range o {
		if o[i].producer == producer {
			return o[i].first, true
		}
	}
	return noOffset, false
}

// follow takes note of a transactional batch and returns the index entry of the transaction if the batch
// aborts one. What is left of a batch after compaction has taken its records begins nothing: that transaction
// was decided.
func (o *openTransactions) follow(h *batch.Header, kind int16) (e abortedEntry, aborted bool) {
	first, open := o.of(h.ProducerID)
	switch {
	case !h.IsControl() && !open && h.Count > 0:
		*o = o.with(h.ProducerID, h.BaseOffset)
	case h.IsControl() && open:
		*o = o.without(h.ProducerID, first)
		e = abortedEntry{h.ProducerID, first, h.LastOffset, o.stable(0, h.NextOffset())}
	}
	return e, h.IsControl() && open && kind == markerAbort
}

// stable returns the offset before which no transaction is open, in a log that goes from start to end.
func (o openTransactions) stable(start, end protocol.Offset) protocol.Offset {
	if len(o) == 0 {
		return end
	}
	return max(start, o[0].first)
}

// TransactionMarker is what a coordinator wants to append to a log that takes part in a transaction.
type TransactionMarker struct {
	ProducerID       int64
	ProducerEpoch    int16
	CoordinatorEpoch int32
	// Version is that of the transaction protocol (transaction.version). From 2 on the coordinator raises the
	// epoch of the producer before it writes markers.
	Version int8
}

// CheckMarker tells whether a marker may be appended, by the rules of Kafka's ProducerAppendInfo. A producer
// that is not known may be given one.
//
//	its epoch is below the one we know                          INVALID_PRODUCER_EPOCH
//	version 2, and its epoch is that of the open transaction    INVALID_PRODUCER_EPOCH (KIP-890)
//	its coordinator is older than the last one                  TRANSACTION_COORDINATOR_FENCED
//
// With version 2 a marker with the epoch that we know is the same marker again if no transaction is open: the
// coordinator has not heard that it was written. Later, when the producer has gone on with that epoch, it
// would end the wrong transaction.
func (t *Producers) CheckMarker(m TransactionMarker) error {
	if err := t.checkEpoch(m.ProducerID, m.ProducerEpoch); err != nil {
		return err
	}
	p := t.find(m.ProducerID)
	if p == nil {
		return nil
	}
	if m.Version >= 2 && m.ProducerEpoch == p.epoch && p.txnFirstOffset != noOffset {
		return protocol.Errorf(protocol.InvalidProducerEpoch,
			"epoch of producer %d is %d, with which it writes the open transaction; its marker has a later one",
			m.ProducerID, m.ProducerEpoch)
	}
	if m.CoordinatorEpoch < p.coordinatorEpoch {
		return protocol.Errorf(protocol.TransactionCoordinatorFenced,
			"epoch of the coordinator of producer %d is %d, which is below the last seen epoch %d",
			m.ProducerID, m.CoordinatorEpoch, p.coordinatorEpoch)
	}
	return nil
}

// InTransaction tells whether a producer has an open transaction of this epoch.
func (t *Producers) InTransaction(id int64, epoch int16) bool {
	p := t.find(id)
	return p != nil && p.txnFirstOffset != noOffset && p.epoch == epoch
}

// Full tells whether so many transactions are open that no other one may begin: what is open is never
// forgotten, and would take the table beyond its bound.
func (t *Producers) Full() bool { return len(t.open) >= t.limit }

// Wrote tells whether batches of a producer's present epoch are remembered.
func (t *Producers) Wrote(id int64) bool {
	p := t.find(id)
	return p != nil && p.count > 0
}

// EachOpen visits the producers that have an open transaction, with their epochs.
func (t *Producers) EachOpen(visit func(id int64, epoch int16)) {
	for _, one := range t.open {
		visit(one.producer, t.find(one.producer).epoch)
	}
}
