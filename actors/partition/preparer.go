package partition

import (
	"fmt"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/partitionlog"
	"github.com/chronik-go/chronik/storage/wal"
)

// Preparer checks and stamps what the leader is about to propose. It knows the tail of the log: what is
// applied plus what has been proposed since, in order. It belongs to the core's turn and lives for one
// term of leadership.
//
// Invariant: next is the offset that the following batch gets, provided that everything proposed before
// commits, and if something does not, this replica no longer leads and the Preparer is gone with it.
type Preparer struct {
	epoch     protocol.LeaderEpoch
	next      protocol.Offset
	start     protocol.Offset
	producers *partitionlog.Producers
	known     *transactions // what is shown of producers
	strangers strangers
}

var _ applier.Preparer = (*Preparer)(nil)

// Prepare implements applier.Preparer.
func (p *Preparer) Prepare(request any) applier.Prepared {
	switch r := request.(type) {
	case Append:
		return p.prepareAppend(r)
	case EndTransaction:
		return p.prepareEndTransaction(r)
	case DeleteRecords:
		return p.prepareDeleteRecords(r)
	case ExpireProducers:
		return p.prepareExpireProducers(r)
	case DescribeProducers:
		return applier.Prepared{Answer: DescribedProducers{Producers: p.producers.Clone()}}
	default:
		panic(fmt.Sprintf("BUG: got request %T, want one that package partition lists", request))
	}
}

// prepareAppend stamps a batch, or answers a duplicate with the offset of the original. The answer to a
// duplicate waits until the original is committed: it may still be on its way.
func (p *Preparer) prepareAppend(r Append) applier.Prepared {
	if r.Epoch != 0 && r.Epoch != p.epoch {
		return applier.Prepared{Err: group.ErrNotLeader{}}
	}
	b := r.Batch
	original, err := p.producers.Check(b)
	if original != nil {
		return applier.Prepared{Wait: true, Answer: Appended{
			BaseOffset: original.BaseOffset, AppendTime: r.AppendTime, LogStart: p.start, Duplicate: true,
		}}
	}
	if err == nil && b.IsTransactional() {
		err = p.admit(r)
	}
	if err != nil {
		return refuse(err)
	}
	if b.BaseSequence() > 0 && !p.producers.Wrote(b.ProducerID()) {
		if err := p.strangers.meet(b); err != nil {
			return applier.Prepared{Err: err}
		}
	}
	p.strangers.forget(b)
	if b.IsTransactional() {
		p.known.begun(b.ProducerID(), b.ProducerEpoch())
	}
	return p.stamp(b)
}

// refuse refuses what does not fit to what the leader knows. A leader that was cut off knows less than the
// next one: what a producer sends after its answers may look like a gap to it, and is none.
func refuse(err error) applier.Prepared { return applier.Prepared{Err: err, Confirm: true} }

// admit lets a transactional batch pass that is part of a transaction that has begun here, or that may begin
// one.
func (p *Preparer) admit(r Append) error {
	id, epoch := r.Batch.ProducerID(), r.Batch.ProducerEpoch()
	switch {
	case p.producers.InTransaction(id, epoch):
		return nil
	case p.producers.Full():
		return protocol.Errorf(protocol.NotEnoughReplicas, "too many transactions are open in the partition")
	}
	return p.known.admit(r.Batch, r.Verification, p.producers.Wrote(id))
}

// stamp gives a batch its place. What it writes lies before the bytes that the batch's own checksum is of.
// That one was checked, or computed, before the batch came here: the log need not sum these bytes again.
func (p *Preparer) stamp(b batch.Batch) applier.Prepared {
	b.Stamp(p.next, p.epoch)
	p.producers.Update(b)
	p.next = b.NextOffset()
	return applier.Prepared{Data: b, Sum: wal.Sum{Bytes: uint32(b.Summed()), CRC: b.CRC()}}
}

// prepareEndTransaction composes the marker. It is written whether a transaction is open here or not: that of
// a partition to which nothing was written ends too, and a marker may come twice.
func (p *Preparer) prepareEndTransaction(r EndTransaction) applier.Prepared {
	if err := p.producers.CheckMarker(r.TransactionMarker); err != nil {
		return refuse(err)
	}
	p.known.ended(r.TransactionMarker)
	return p.stamp(batch.Build(batch.Options{
		Producer:      &batch.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch, Sequence: batch.NoSequence},
		Transactional: true,
		Control:       true,
	}, batch.Marker(r.Commit, r.CoordinatorEpoch, r.Time)))
}

// prepareDeleteRecords checks the wanted log start against the tail. KIP-107 allows offsets up to the
// high watermark; what has been proposed before commits before, so the tail stands for it.
func (p *Preparer) prepareDeleteRecords(r DeleteRecords) applier.Prepared {
	wanted := r.Offset
	if wanted == -1 {
		wanted = p.next
	}
	if wanted < 0 || wanted > p.next {
		return refuse(protocol.Errorf(protocol.OffsetOutOfRange,
			"offset %d is not in the log, which ends at %d", r.Offset, p.next))
	}
	if wanted <= p.start {
		return applier.Prepared{Answer: DeletedRecords{LowWatermark: p.start}, Wait: true}
	}
	p.start = wanted
	return applier.Prepared{Data: encodeAdvanceStart(wanted)}
}

// prepareExpireProducers forgets the producers here too, which is what the batches that come are checked
// against.
func (p *Preparer) prepareExpireProducers(r ExpireProducers) applier.Prepared {
	if p.producers.Expire(r.Before) == 0 {
		return applier.Prepared{Answer: ExpiredProducers{}}
	}
	return applier.Prepared{Data: encodeExpireProducers(r.Before, p.next)}
}
