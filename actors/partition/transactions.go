package partition

import (
	"sync"
	"sync/atomic"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// Verification is the permission to begin a transaction in a partition, once the coordinator has said that
// the partition is part of it (KIP-890). It is good until the transaction has begun here or a marker came.
type Verification struct {
	confirmed atomic.Int32 // epoch of the producer + 1; 0: not yet
}

// Confirm notes that the coordinator has said yes for an epoch of the producer. Any goroutine may call it.
func (v *Verification) Confirm(epoch int16) {
	for {
		known := v.confirmed.Load()
		if known > int32(epoch) || v.confirmed.CompareAndSwap(known, int32(epoch)+1) {
			return
		}
	}
}

// Confirmed tells whether the coordinator has said yes for this epoch of the producer.
func (v *Verification) Confirmed(epoch int16) bool { return v.confirmed.Load() == int32(epoch)+1 }

// transactions is what others than the group need to know of transactions at a leader: which are open as of
// the tail of its log, and which are being verified. The leader's Preparer keeps it; anybody reads it.
//
// Without verification a record that comes late, after its transaction was ended, would begin a transaction
// that the coordinator knows nothing of and that nobody would ever end. So before the first record of a
// transaction the coordinator is asked whether the partition belongs to it:
//
//  1. a Verification is noted here
//  2. the coordinator answers that the transaction is going on and that the partition belongs to it, which
//     confirms the Verification
//  3. the append comes with the Verification
//
// If a marker is written between 1 and 3 it takes the Verification away, and the append is refused. A marker
// that was written before 1 belongs to an earlier transaction, since the coordinator answered after it.
//
// In the second generation the marker of an earlier transaction may come between 1 and 2: the producer has
// its next epoch as soon as the end is decided, and the coordinator answers once the markers are written.
// Such a marker takes nothing away. It carries the epoch that the next transaction has, while the one that
// would end that transaction has a later epoch.
type transactions struct {
	open      sync.Map // producer id → epoch
	began     bool     // the map was used; for the leader's turns alone
	verifying sync.Map // producer id → *verifying
	count     atomic.Int64
}

// verifying is immutable: it is replaced by what the next batch makes of it.
type verifying struct {
	verification *Verification
	epoch        int16
	lowest       int32 // of the first sequence numbers of the batches with this epoch
	first        bool  // the first batch of an epoch must have sequence 0, see Verify
	since        int64 // milliseconds since the epoch
}

// The verifications of one replica are bounded: past the number, those that are older than any request can be
// are forgotten. A client that makes up producer ids finds that the partition takes no new transactions for
// that long, and everybody else who wants to begin one is asked to try again.
const (
	maxVerifications  = 10_000
	verificationAgeMs = 60_000
)

// Verify returns what an append needs that may be the first of its transaction, nil if the transaction has
// begun here. Unless it is confirmed already the caller asks the coordinator, and confirms it. first says
// that the protocol of the producer raises the epoch with every transaction, so that one that nobody knows
// begins with sequence 0. now is in milliseconds since the epoch.
func (r *Replica) Verify(producer int64, epoch int16, sequence int32, first bool, now int64,
) (*Verification, error) {
	t := &r.transactions
	if known, open := t.open.Load(producer); open {
		switch known := known.(int16); {
		case epoch == known:
			return nil, nil
		case epoch < known:
			return nil, protocol.Errorf(protocol.InvalidProducerEpoch,
				"epoch of producer %d is %d, which is below the last seen epoch %d", producer, epoch, known)
		}
	}
	for {
		before, known := t.verifying.Load(producer)
		if !known {
			if !t.room(now) {
				return nil, protocol.Errorf(protocol.NotEnoughReplicas, "too many transactions begin at once")
			}
			fresh := &verifying{&Verification{}, epoch, sequence, first, now}
			if _, raced := t.verifying.LoadOrStore(producer, fresh); !raced {
				t.count.Add(1)
				return fresh.verification, nil
			}
			continue
		}
		next := before.(*verifying).with(epoch, sequence, now)
		if t.verifying.CompareAndSwap(producer, before, next) {
			return next.verification, nil
		}
	}
}

// with returns what one batch more makes of it.
func (v *verifying) with(epoch int16, sequence int32, now int64) *verifying {
	next := *v
	next.since = now
	if epoch > v.epoch || epoch == v.epoch && sequence < v.lowest {
		next.epoch, next.lowest = epoch, sequence
	}
	return &next
}

// room tells whether one more verification may be noted, and makes room if that is possible.
func (t *transactions) room(now int64) bool {
	if t.count.Load() < maxVerifications {
		return true
	}
	t.verifying.Range(func(producer, one any) bool {
		if now-one.(*verifying).since > verificationAgeMs && t.verifying.CompareAndDelete(producer, one) {
			t.count.Add(-1)
		}
		return true
	})
	return t.count.Load() < maxVerifications
}

// reset begins anew with the open transactions of a new leader. Where there never was a transaction it leaves
// the maps alone: each would take memory with the first touch, and most partitions of most nodes have none.
func (t *transactions) reset(producers *partitionlog.Producers) {
	if t.began {
		t.open.Clear()
	}
	producers.EachOpen(t.noteOpen)
	if t.count.Load() == 0 {
		return
	}
	t.verifying.Range(func(producer, _ any) bool {
		t.forget(producer.(int64))
		return true
	})
}

// begun notes that a transactional batch was appended.
func (t *transactions) begun(id int64, epoch int16) {
	t.noteOpen(id, epoch)
	t.forget(id)
}

func (t *transactions) noteOpen(id int64, epoch int16) {
	t.began = true
	t.open.Store(id, epoch)
}

// ended notes that a marker was appended, which takes the verification away that was noted before it.
func (t *transactions) ended(m partitionlog.TransactionMarker) {
	t.open.Delete(m.ProducerID)
	for {
		noted, _ := t.verifying.Load(m.ProducerID)
		v, _ := noted.(*verifying)
		if v == nil || m.Version >= 2 && v.epoch >= m.ProducerEpoch {
			return // nothing, or of a transaction that comes after the one that the marker ends
		}
		if t.verifying.CompareAndDelete(m.ProducerID, v) { // not one that was noted meanwhile
			t.count.Add(-1)
			return
		}
	}
}

func (t *transactions) forget(id int64) {
	if _, known := t.verifying.LoadAndDelete(id); known {
		t.count.Add(-1)
	}
}

// admit tells whether a transactional batch may begin a transaction, by the rules of Kafka's UnifiedLog and
// ProducerAppendInfo. wrote says that the producer's earlier batches are known; Kafka looks at the sequences
// that were seen while verifying even then, and so refuses what follows a late repetition.
func (t *transactions) admit(b batch.Batch, with *Verification, wrote bool) error {
	known, _ := t.verifying.Load(b.ProducerID())
	v, _ := known.(*verifying)
	if v == nil || v.verification != with || !with.Confirmed(b.ProducerEpoch()) {
		return protocol.Errorf(protocol.InvalidTxnState, "the batch is not part of a transaction that is going on")
	}
	first := b.BaseSequence()
	switch {
	case first == batch.NoSequence, wrote: // what is known says which sequence comes next
		return nil
	case v.first && first != 0:
		return protocol.Errorf(protocol.OutOfOrderSequenceNumber,
			"first sequence of producer %d, which is not known here, is %d, not 0", b.ProducerID(), first)
	case first > v.lowest:
		return protocol.Errorf(protocol.OutOfOrderSequenceNumber,
			"sequence %d of producer %d comes before %d, which was seen earlier", first, b.ProducerID(), v.lowest)
	}
	return nil
}
