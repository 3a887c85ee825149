package partitionlog

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// BatchMeta is what is remembered of one of a producer's last batches, to recognize it when it comes again.
type BatchMeta struct {
	BaseOffset, LastOffset protocol.Offset
	LastSequence           int32
	Timestamp              int64 // MaxTimestamp of the batch
}

// firstSequence returns the sequence number of the batch's first record.
func (m *BatchMeta) firstSequence() int32 {
	return int32((int64(m.LastSequence) - int64(m.LastOffset-m.BaseOffset)) & math.MaxInt32)
}

// batchesPerProducer is how many batches a client may have in flight (max.in.flight.requests.per.connection)
// and still be answered a duplicate with its original offset: Kafka's number.
const batchesPerProducer = 5

// noOffset is the offset of a transaction that is not open.
const noOffset = protocol.NoOffset

// producer is the state of one producer id (KIP-98).
type producer struct {
	id               int64
	epoch            int16
	count            int8 // of batches
	coordinatorEpoch int32
	lastTimestamp    int64
	txnFirstOffset   protocol.Offset // of the open transaction, noOffset if there is none
	updated          protocol.Offset // last offset of the producer's last batch or marker
	batches          [batchesPerProducer]BatchMeta
}

// lastSequence returns the sequence number of the last record, NoSequence if no batch of this epoch is
// remembered.
func (p *producer) lastSequence() int32 {
	if p.count == 0 {
		return batch.NoSequence
	}
	return p.batches[p.count-1].LastSequence
}

// become fences older epochs: the batches of another epoch no longer count.
func (p *producer) become(epoch int16) {
	if p.epoch != epoch {
		p.epoch, p.count = epoch, 0
	}
}

// remember adds a batch and forgets the oldest beyond the fifth.
func (p *producer) remember(m BatchMeta) {
	if p.count == batchesPerProducer {
		copy(p.batches[:], p.batches[1:])
		p.count--
	}
	p.batches[p.count] = m
	p.count++
}

// Producers is the table of the producer ids that wrote to a partition. It has one owner; Clone gives
// somebody else his own, at the cost of a few bytes for each 16 producers. The table depends only on the
// batches and expirations applied to it, so all replicas have the same.
//
// It is a hash table of small buckets that clones share until one of them changes a bucket.
type Producers struct {
	buckets []*bucket // a power of two
	count   int
	limit   int
	open    openTransactions
	owner   *ownership // marks the buckets that only this table uses
	version uint64     // counts changes
}

// bucket holds producers in no order. One whose owner differs from the table's is shared and not changed.
type bucket struct {
	owner     *ownership
	producers []producer
}

// ownership is an identity; it must not be empty, or different ones could have one address.
type ownership struct{ _ byte }

// producersPerBucket is how full buckets get on average before the table grows.
const producersPerBucket = 16

// NewProducers returns an empty table that holds at most limit producers.
func NewProducers(limit int) *Producers {
	return &Producers{limit: limit, owner: &ownership{}}
}

// Clone returns a table that goes its own way from here on.
func (t *Producers) Clone() *Producers {
	clone := *t
	clone.buckets = slices.Clone(t.buckets)
	clone.owner, t.owner = &ownership{}, &ownership{}
	return &clone
}

// Len returns the number of producers.
func (t *Producers) Len() int { return t.count }

func (t *Producers) hash(id int64) int {
	return int(uint64(id) * 0x9e3779b97f4a7c15 >> 32 & uint64(len(t.buckets)-1))
}

// find returns the state of a producer for reading, nil if it is not known.
func (t *Producers) find(id int64) *producer {
	if t.count == 0 {
		return nil
	}
	b := t.buckets[t.hash(id)]
	for i := range b.producers {
		if b.producers[i].id == id {
			return &b.producers[i]
		}
	}
	return nil
}

// Check tells what to do with a batch that a client sent, by Kafka's rules: a *BatchMeta if it is one of the
// producer's last five batches again, which is answered with the original offset; nil if it may be appended.
// Batches without a producer always may. Errors are for the client:
//
//	its epoch is below the one we know                     INVALID_PRODUCER_EPOCH
//	a new epoch does not begin with sequence 0             OUT_OF_ORDER_SEQUENCE_NUMBER
//	its sequence does not follow the last one              OUT_OF_ORDER_SEQUENCE_NUMBER
//	it is not part of the producer's open transaction      INVALID_TXN_STATE
//
// A producer that is not known may begin with any sequence: its records may have been deleted, or its state
// expired (KIP-360). A batch without a sequence, as coordinators write them, is judged by its epoch alone and
// is never a duplicate.
func (t *Producers) Check(b batch.Batch) (duplicateOf *BatchMeta, err error) {
	if !b.HasProducer() {
		return nil, nil
	}
	id, epoch := b.ProducerID(), b.ProducerEpoch()
	if b.BaseSequence() == batch.NoSequence {
		err = t.checkEpoch(id, epoch)
	} else {
		duplicateOf, err = t.CheckSequence(id, epoch, b.BaseSequence(), b.LastSequence())
	}
	if duplicateOf != nil || err != nil {
		return duplicateOf, err
	}
	if p := t.find(id); p != nil && p.txnFirstOffset != noOffset && !b.IsTransactional() {
		return nil, protocol.Errorf(protocol.InvalidTxnState,
			"producer %d has an open transaction, which the batch is not part of", id)
	}
	return nil, nil
}

// checkEpoch fences older epochs of a producer.
func (t *Producers) checkEpoch(id int64, epoch int16) error {
	if p := t.find(id); p != nil && epoch < p.epoch {
		return protocol.Errorf(protocol.InvalidProducerEpoch,
			"epoch of producer %d is %d, which is below the last seen epoch %d", id, epoch, p.epoch)
	}
	return nil
}

// CheckSequence is Check for a batch of which the parts are given.
func (t *Producers) CheckSequence(
	id int64, epoch int16, first, last int32,
) (duplicateOf *BatchMeta, err error) {
	p := t.find(id)
	if p == nil {
		return nil, nil
	}
	if err := t.checkEpoch(id, epoch); err != nil {
		return nil, err
	}
	if epoch > p.epoch {
		if first != 0 {
			return nil, protocol.Errorf(protocol.OutOfOrderSequenceNumber,
				"first sequence of producer %d in the new epoch %d is %d, not 0", id, epoch, first)
		}
		return nil, nil
	}
	for i := range p.batches[:p.count] {
		if m := &p.batches[i]; m.firstSequence() == first && m.LastSequence == last {
			original := *m
			return &original, nil
		}
	}
	if known := p.lastSequence(); !follows(known, first) {
		return nil, protocol.Errorf(protocol.OutOfOrderSequenceNumber,
			"sequence %d of producer %d does not follow %d", first, id, known)
	}
	return nil, nil
}

// follows tells whether next is the sequence number after last; they wrap at the largest int32.
func follows(last, next int32) bool {
	return int64(next) == int64(last)+1 || (last == math.MaxInt32 && next == 0)
}

// Update takes note of an appended batch. Batches without a producer change nothing.
func (t *Producers) Update(b batch.Batch) {
	if !b.HasProducer() {
		return
	}
	p := t.change(b.ProducerID())
	p.become(b.ProducerEpoch())
	p.updated = b.LastOffset()
	p.lastTimestamp = b.MaxTimestamp()
	if b.IsControl() {
		p.coordinatorEpoch = coordinatorEpoch(b)
		t.open = t.open.without(p.id, p.txnFirstOffset)
		p.txnFirstOffset = noOffset
	} else {
		p.remember(BatchMeta{b.BaseOffset(), b.LastOffset(), b.LastSequence(), b.MaxTimestamp()})
		if b.IsTransactional() && p.txnFirstOffset == noOffset {
			p.txnFirstOffset = b.BaseOffset()
			t.open = t.open.with(p.id, p.txnFirstOffset)
		}
	}
	t.version++
	if t.count > t.limit {
		t.evict()
	}
}

// coordinatorEpoch returns the coordinator epoch of a transaction marker: version int16, then the epoch.
func coordinatorEpoch(b batch.Batch) int32 {
	epoch := int32(-1)
	_ = b.Records(func(r batch.Record) bool { // a marker that cannot be read has no epoch
		if len(r.Value) >= 6 {
			epoch = int32(binary.BigEndian.Uint32(r.Value[2:]))
		}
		return false
	})
	return epoch
}

// change returns the state of a producer for writing and makes a new one if it is not known.
func (t *Producers) change(id int64) *producer {
	b := t.own(id)
	for i := range b.producers {
		if b.producers[i].id == id {
			return &b.producers[i]
		}
	}
	return t.insert(producer{
		id: id, epoch: batch.NoProducerEpoch, coordinatorEpoch: -1, lastTimestamp: -1, txnFirstOffset: noOffset,
	})
}

// insert adds a producer that is not in the table.
func (t *Producers) insert(p producer) *producer {
	if p.txnFirstOffset != noOffset {
		t.open = t.open.with(p.id, p.txnFirstOffset)
	}
	if t.count >= len(t.buckets)*producersPerBucket {
		t.grow()
	}
	b := t.own(p.id)
	b.producers = append(b.producers, p)
	t.count++
	return &b.producers[len(b.producers)-1]
}

// own returns the bucket of a producer after making sure that no clone shares it.
func (t *Producers) own(id int64) *bucket {
	if len(t.buckets) == 0 {
		t.buckets = []*bucket{{owner: t.owner}}
	}
	i := t.hash(id)
	if t.buckets[i].owner != t.owner {
		t.buckets[i] = &bucket{owner: t.owner, producers: slices.Clone(t.buckets[i].producers)}
	}
	return t.buckets[i]
}

// grow doubles the number of buckets.
func (t *Producers) grow() {
	old := t.buckets
	t.buckets = make([]*bucket, 2*len(old))
	for i := range t.buckets {
		t.buckets[i] = &bucket{owner: t.owner}
	}
	for _, b := range old {
		for i := range b.producers {
			into := t.buckets[t.hash(b.producers[i].id)]
			into.producers = append(into.producers, b.producers[i])
		}
	}
}

// Expire forgets the producers whose last record is from before a time (milliseconds since the epoch) and
// that have no open transaction, and returns how many. The caller decides on the time and sees to it that
// all replicas apply the same one at the same place in the log.
func (t *Producers) Expire(before int64) int {
	return t.removeIf(func(p *producer) bool { return p.txnFirstOffset == noOffset && p.lastTimestamp < before })
}

// evict makes room when the table is over its limit: of those without an open transaction, the sixteenth
// part that was silent longest goes, going by offsets, which all replicas agree on.
func (t *Producers) evict() {
	updated := make([]protocol.Offset, 0, t.count)
	t.each(func(p *producer) {
		if p.txnFirstOffset == noOffset {
			updated = append(updated, p.updated)
		}
	})
	if len(updated) == 0 {
		return
	}
	slices.Sort(updated)
	threshold := updated[max(1, len(updated)/16)-1]
	t.removeIf(func(p *producer) bool { return p.txnFirstOffset == noOffset && p.updated <= threshold })
}

func (t *Producers) each(visit func(p *producer)) {
	for _, b := range t.buckets {
		for i := range b.producers {
			visit(&b.producers[i])
		}
	}
}

// removeIf removes the producers that doomed names.
func (t *Producers) removeIf(doomed func(p *producer) bool) int {
	removed := 0
	for i, b := range t.buckets {
		var kept []producer
		for j := range b.producers {
			if !doomed(&b.producers[j]) {
				kept = append(kept, b.producers[j])
			}
		}
		if n := len(b.producers) - len(kept); n > 0 {
			removed += n
			t.buckets[i] = &bucket{owner: t.owner, producers: kept}
		}
	}
	t.count -= removed
	if removed > 0 {
		t.version++
	}
	return removed
}
