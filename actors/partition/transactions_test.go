package partition

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// transactional returns a batch of one record.
func transactional(id int64, epoch int16, sequence int32) batch.Batch {
	return batch.Build(batch.Options{
		Transactional: true, Producer: &batch.Producer{ID: id, Epoch: epoch, Sequence: sequence},
	}, batch.Record{Value: []byte("value")})
}

// ending returns the request for a marker.
func ending(id int64, epoch int16, coordinator int32, version int8, commit bool) EndTransaction {
	return EndTransaction{
		TransactionMarker: partitionlog.TransactionMarker{
			ProducerID: id, ProducerEpoch: epoch, CoordinatorEpoch: coordinator, Version: version,
		},
		Commit: commit, Time: 1000,
	}
}

// verified has the replica note a verification, as before the coordinator is asked.
func (b *bench) verified(id int64, epoch int16, sequence int32) *Verification {
	b.t.Helper()
	v, err := b.replica.Verify(id, epoch, sequence, false, 0)
	if err != nil || v == nil {
		b.t.Fatalf("got %v, %v, want a verification", v, err)
	}
	v.Confirm(epoch)
	return v
}

// commit proposes what must be taken and applies it.
func (b *bench) commit(request any) any {
	b.t.Helper()
	prepared := b.propose(request)
	if prepared.Err != nil || prepared.Data == nil {
		b.t.Fatalf("got %+v, want a proposal", prepared)
	}
	return b.apply(prepared.Data)
}

func wantCode(t *testing.T, what string, err error, want protocol.Code) {
	t.Helper()
	if code(err) != want {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func TestTransactionBeginsWithAVerificationAndEndsWithAMarker(t *testing.T) {
	b := newBench(t)
	unverified := b.propose(Append{Batch: transactional(9, 1, 0), AppendTime: -1})
	wantCode(t, "unverified", unverified.Err, protocol.InvalidTxnState)

	early, err := b.replica.Verify(9, 1, 0, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	asked := b.propose(Append{Batch: transactional(9, 1, 0), AppendTime: -1, Verification: early})
	wantCode(t, "unconfirmed", asked.Err, protocol.InvalidTxnState)
	v := b.verified(9, 1, 0)
	if v != early || v.Confirmed(2) {
		t.Error("a verification is that of one producer, and confirmed for one epoch")
	}
	b.commit(Append{Batch: transactional(9, 1, 0), AppendTime: -1, Verification: v})
	if stable := b.replica.View().LastStable(); stable != 0 {
		t.Errorf("got last stable offset %d in a transaction, want its start", stable)
	}
	if again, err := b.replica.Verify(9, 1, 1, false, 0); again != nil || err != nil {
		t.Errorf("got %v, %v, want no verification in a transaction that has begun", again, err)
	}
	b.commit(Append{Batch: transactional(9, 1, 1), AppendTime: -1})
	plain := b.propose(Append{Batch: records(1, &batch.Producer{ID: 9, Epoch: 1, Sequence: 2}), AppendTime: -1})
	wantCode(t, "outside of the transaction", plain.Err, protocol.InvalidTxnState)

	if got := b.commit(ending(9, 1, 4, 0, true)); got != (EndedTransaction{Offset: 2}) {
		t.Errorf("got %+v, want the marker at 2", got)
	}
	if view := b.replica.View(); view.LastStable() != 3 || view.End() != 3 {
		t.Errorf("got last stable offset %d of %d, want the end", view.LastStable(), view.End())
	}
	late := b.propose(Append{Batch: transactional(9, 1, 2), AppendTime: -1})
	wantCode(t, "after the marker", late.Err, protocol.InvalidTxnState)
	next := b.verified(9, 1, 2)
	b.commit(Append{Batch: transactional(9, 1, 2), AppendTime: -1, Verification: next})
}

// A verified answer of the coordinator may arrive after the transaction was aborted; the record would begin a
// transaction that nobody ends.
func TestMarkerTakesTheVerificationAway(t *testing.T) {
	b := newBench(t)
	v := b.verified(9, 1, 0)
	b.commit(ending(9, 1, 4, 0, false))
	late := b.propose(Append{Batch: transactional(9, 1, 0), AppendTime: -1, Verification: v})
	wantCode(t, "late", late.Err, protocol.InvalidTxnState)
	b.verified(9, 1, 0)
	stale := b.propose(Append{Batch: transactional(9, 1, 0), AppendTime: -1, Verification: v})
	wantCode(t, "with the verification of another transaction", stale.Err, protocol.InvalidTxnState)
}

// If the first batch of a transaction could not be verified, the second one must not be taken for the first.
func TestSequencesThatWereSeenWhileVerifyingCount(t *testing.T) {
	b := newBench(t)
	b.verified(9, 1, 0)
	v := b.verified(9, 1, 5)
	gap := b.propose(Append{Batch: transactional(9, 1, 5), AppendTime: -1, Verification: v})
	wantCode(t, "before the first", gap.Err, protocol.OutOfOrderSequenceNumber)
	b.commit(Append{Batch: transactional(9, 1, 0), AppendTime: -1, Verification: v})

	// A batch of the transaction before that comes again does not count: it is answered as a duplicate.
	b.commit(ending(9, 1, 4, 0, true))
	late := b.propose(Append{Batch: transactional(9, 1, 0), AppendTime: -1, Verification: b.verified(9, 1, 0)})
	if answer, is := late.Answer.(Appended); !is || !answer.Duplicate {
		t.Errorf("got %+v, want a duplicate", late)
	}
	b.commit(Append{Batch: transactional(9, 1, 1), AppendTime: -1, Verification: b.verified(9, 1, 1)})

	fresh, err := b.replica.Verify(10, 1, 5, true, 0)
	if err != nil {
		t.Fatal(err)
	}
	fresh.Confirm(1)
	unknown := b.propose(Append{Batch: transactional(10, 1, 5), AppendTime: -1, Verification: fresh})
	wantCode(t, "a first batch of the second protocol", unknown.Err, protocol.OutOfOrderSequenceNumber)
}

// The rules are those of Kafka's ProducerAppendInfo (KIP-98, KIP-890).
func TestMarkersAreFenced(t *testing.T) {
	b := newBench(t)
	b.commit(ending(9, 3, 4, 0, true)) // of a producer that is not known
	wantCode(t, "older producer", b.propose(ending(9, 2, 4, 0, true)).Err, protocol.InvalidProducerEpoch)
	wantCode(t, "older coordinator", b.propose(ending(9, 3, 3, 0, true)).Err, protocol.TransactionCoordinatorFenced)
	b.commit(ending(9, 3, 4, 2, true)) // the same marker again
	b.commit(Append{Batch: transactional(9, 3, 0), AppendTime: -1, Verification: b.verified(9, 3, 0)})
	wantCode(t, "late marker", b.propose(ending(9, 3, 5, 2, true)).Err, protocol.InvalidProducerEpoch)
	b.commit(ending(9, 4, 5, 2, true))
	old := b.propose(Append{Batch: transactional(9, 3, 1), AppendTime: -1})
	wantCode(t, "data of the epoch before", old.Err, protocol.InvalidProducerEpoch)
}

// The coordinator of a group writes offsets without sequence numbers.
func TestBatchesWithoutSequencesAreNoDuplicates(t *testing.T) {
	b := newBench(t)
	v := b.verified(9, 1, batch.NoSequence)
	for range 2 {
		b.commit(Append{Batch: transactional(9, 1, batch.NoSequence), AppendTime: -1, Verification: v})
	}
	if end := b.replica.View().End(); end != 2 {
		t.Errorf("got end %d, want both", end)
	}
}

func TestNewLeaderKnowsTheOpenTransactions(t *testing.T) {
	b := newBench(t)
	b.commit(Append{Batch: transactional(9, 1, 0), AppendTime: -1, Verification: b.verified(9, 1, 0)})
	late := b.verified(10, 1, 0)
	b.preparer = b.machine.Lead(6)
	if v, err := b.replica.Verify(9, 1, 1, false, 0); v != nil || err != nil {
		t.Errorf("got %v, %v, want the transaction to be known", v, err)
	}
	_, err := b.replica.Verify(9, 0, 1, false, 0)
	wantCode(t, "older epoch", err, protocol.InvalidProducerEpoch)
	stale := b.propose(Append{Batch: transactional(10, 1, 0), AppendTime: -1, Verification: late})
	wantCode(t, "verified under the leader before", stale.Err, protocol.InvalidTxnState)
}

// The table never forgets an open transaction, so the bound on producers is one on transactions too.
func TestOpenTransactionsAreBounded(t *testing.T) {
	b := newBench(t)
	b.replica.Reconfigure(&Config{Log: partitionlog.Config{RetentionBytes: -1, RetentionMs: -1, MaxProducers: 2}})
	b.commit(Append{Batch: records(1, nil), AppendTime: -1})
	b.preparer = b.machine.Lead(5)
	for id := range int64(2) {
		b.commit(Append{Batch: transactional(id, 1, 0), AppendTime: -1, Verification: b.verified(id, 1, 0)})
	}
	third := Append{Batch: transactional(2, 1, 0), AppendTime: -1, Verification: b.verified(2, 1, 0)}
	wantCode(t, "one more", b.propose(third).Err, protocol.NotEnoughReplicas)
	b.commit(Append{Batch: transactional(1, 1, 1), AppendTime: -1})
	b.commit(ending(0, 1, 4, 0, true))
	b.commit(third)
}

// DeleteRecords may take the beginning of a transaction; what is left of it is still open, or aborted.
func TestDeletedRecordsOfATransaction(t *testing.T) {
	b := newBench(t)
	b.commit(Append{Batch: transactional(9, 1, 0), AppendTime: -1, Verification: b.verified(9, 1, 0)})
	b.commit(Append{Batch: transactional(9, 1, 1), AppendTime: -1})
	b.commit(Append{Batch: records(1, nil), AppendTime: -1})
	for _, start := range []protocol.Offset{1, 3} {
		b.commit(DeleteRecords{Offset: start})
		if stable := b.replica.View().LastStable(); stable != start {
			t.Errorf("got last stable offset %d, want the log start %d", stable, start)
		}
	}
	b.commit(Append{Batch: transactional(9, 1, 2), AppendTime: -1})
	b.commit(ending(9, 1, 4, 0, false))
	view := b.replica.View()
	region, err := view.ReadCommitted(3, 1000, true)
	if err != nil {
		t.Fatal(err)
	}
	defer region.Release()
	aborted, err := view.Aborted(3, region)
	if err != nil || len(aborted) != 1 || aborted[0].ProducerID != 9 || view.LastStable() != 5 {
		t.Errorf("got %v, %v up to %d, want what is left of the aborted transaction", aborted, err, view.LastStable())
	}
}

func TestVerificationsAreBounded(t *testing.T) {
	r := newBench(t).replica
	for id := range int64(maxVerifications) {
		if _, err := r.Verify(id, 0, 0, false, 1000); err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.Verify(1<<40, 0, 0, false, 1000+verificationAgeMs)
	wantCode(t, "one more", err, protocol.NotEnoughReplicas)
	if _, err := r.Verify(5, 0, 0, false, 1000+verificationAgeMs); err != nil {
		t.Errorf("got %v for a producer that is known", err)
	}
	if _, err := r.Verify(1<<40, 0, 0, false, 1001+verificationAgeMs); err != nil {
		t.Errorf("got %v, want old ones to make room", err)
	}
	if got := r.transactions.count.Load(); got != 2 {
		t.Errorf("got %d verifications, want those of the last two", got)
	}
}

// In the second generation a producer begins its next transaction with the epoch that the marker of the last one
// carries, perhaps before that marker is written.
func TestMarkerOfTheLastTransactionLeavesTheVerificationOfTheNext(t *testing.T) {
	b := newBench(t)
	b.commit(Append{Batch: transactional(9, 1, 0), AppendTime: -1, Verification: b.verified(9, 1, 0)})
	next, err := b.replica.Verify(9, 2, 0, true, 0)
	if err != nil {
		t.Fatal(err)
	}
	b.commit(ending(9, 2, 0, 2, true))
	next.Confirm(2)
	b.commit(Append{Batch: transactional(9, 2, 0), AppendTime: -1, Verification: next})
	b.commit(ending(9, 3, 0, 2, true))

	late := b.verified(9, 3, 0)
	b.commit(ending(9, 4, 0, 2, false)) // ends what the late batch belongs to
	refused := b.propose(Append{Batch: transactional(9, 3, 0), AppendTime: -1, Verification: late})
	if refused.Err == nil {
		t.Error("a batch began a transaction that was ended before")
	}
	first := b.verified(10, 3, 0)
	b.commit(ending(10, 3, 0, 1, false)) // in the first generation the epoch tells nothing
	old := b.propose(Append{Batch: transactional(10, 3, 0), AppendTime: -1, Verification: first})
	wantCode(t, "after a marker of the first generation", old.Err, protocol.InvalidTxnState)
}

// TestVerificationThatIsNotedBesideAMarkerStays has a producer whose next transaction comes in the moment in
// which the marker of the last one is written.
func TestVerificationThatIsNotedBesideAMarkerStays(t *testing.T) {
	b := newBench(t)
	known := &b.replica.transactions
	const rounds = 100_000
	var begun, done atomic.Int64 // rounds
	go func() {
		for i := range int64(rounds) {
			for begun.Load() <= i {
				runtime.Gosched()
			}
			known.ended(partitionlog.TransactionMarker{ProducerID: 7, ProducerEpoch: 1, Version: 2})
			done.Add(1)
		}
	}()
	for i := range rounds {
		begun.Add(1)
		for range i % 64 { // meets the marker at another place of its way each time
			begun.Load()
		}
		v, err := b.replica.Verify(7, 1, 0, true, 0)
		if err != nil {
			t.Fatal(err)
		}
		for done.Load() <= int64(i) {
			runtime.Gosched()
		}
		if noted, _ := known.verifying.Load(int64(7)); noted == nil || noted.(*verifying).verification != v {
			t.Fatalf("marker %d took the verification of the next transaction away", i)
		}
		known.forget(7)
	}
}
