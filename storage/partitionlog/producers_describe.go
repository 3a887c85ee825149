package partitionlog

import "github.com/chronik-go/chronik/protocol"

// ProducerState is what an administrator is told about a producer (KIP-664).
type ProducerState struct {
	ID               int64
	Epoch            int16
	LastSequence     int32           // -1 if no batch of this epoch is remembered
	LastTimestamp    int64           // milliseconds since the epoch
	CoordinatorEpoch int32           // of the last transaction marker, -1 if there was none
	TransactionStart protocol.Offset // of the open transaction, NoOffset if there is none
}

// Each visits the producers in no order.
func (t *Producers) Each(visit func(ProducerState)) {
	t.each(func(p *producer) {
		visit(ProducerState{
			ID: p.id, Epoch: p.epoch, LastSequence: p.lastSequence(), LastTimestamp: p.lastTimestamp,
			CoordinatorEpoch: p.coordinatorEpoch, TransactionStart: p.txnFirstOffset,
		})
	})
}
