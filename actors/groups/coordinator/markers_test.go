package coordinator

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/groups/offsets"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request/requesttest"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

var producer = batch.Producer{ID: 7, Epoch: 1, Sequence: batch.NoSequence}

// commitIn commits an offset in a transaction that was verified.
func (s *stage) commitIn(to kit.Address, p batch.Producer, offset int64) (code protocol.Code) {
	s.t.Helper()
	verification, err := s.broker.Replica(image.OffsetsTopic, 0).Verify(p.ID, p.Epoch, batch.NoSequence, false, 0)
	if err != nil {
		return protocol.CodeOf(err)
	}
	if verification != nil {
		verification.Confirm(p.Epoch)
	}
	commit := consumers.Commit{
		Generation:  -1,
		Items:       []consumers.CommitItem{{Place: place, Offset: records.Offset{Offset: offset, LeaderEpoch: -1}, Retention: -1}},
		Transaction: &consumers.Transaction{ProducerID: p.ID, ProducerEpoch: p.Epoch, Verification: verification},
	}
	requesttest.Eventually(s.t, func() bool {
		answered := s.ask(to, commit)
		if code = answered.Code; code == protocol.None {
			code = answered.Result.([]protocol.Code)[0]
		}
		return code != protocol.CoordinatorLoadInProgress
	})
	return code
}

// end writes the marker of a transaction.
func (s *stage) end(p batch.Producer, commit bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	replica := s.broker.Replica(image.OffsetsTopic, 0)
	proposed, err := kit.Ask[group.Proposed](ctx, s.broker.System, replica.Core, func(replyTo kit.Address) any {
		return group.Propose{ReplyTo: replyTo, Request: partition.EndTransaction{
			TransactionMarker: partitionlog.TransactionMarker{ProducerID: p.ID, ProducerEpoch: p.Epoch}, Commit: commit,
		}}
	})
	if err != nil || proposed.Err != nil {
		s.t.Fatal(err, proposed.Err)
	}
}

// stable asks for an offset that no transaction is about to change.
func (s *stage) stable(to kit.Address) (offset int64, code protocol.Code) {
	s.t.Helper()
	fetch := consumers.Fetch{Stable: true, Places: []offsets.Place{place}}
	requesttest.Eventually(s.t, func() bool {
		answered := s.ask(to, fetch)
		found, is := answered.Result.([]consumers.Fetched)
		if !is {
			found = consumers.Absent(fetch)
		}
		offset, code = found[0].Offset.Offset, found[0].Code
		return answered.Code == protocol.None
	})
	return offset, code
}

// settles waits until a coordinator has a stable offset.
func (s *stage) settles(to kit.Address, want int64) {
	s.t.Helper()
	requesttest.Eventually(s.t, func() bool {
		offset, code := s.stable(to)
		return code == protocol.None && offset == want
	})
}

// At each step of a transaction the coordinator that saw it and one that reads the log say the same.
func TestOffsetsOfTransactionsSurviveANewCoordinator(t *testing.T) {
	for name, commit := range map[string]bool{"committed": true, "aborted": false} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			first := s.coordinator()
			if code := s.commit(first, 5); code != protocol.None {
				t.Fatal(code)
			}
			if code := s.commitIn(first, producer, 10); code != protocol.None {
				t.Fatal(code)
			}
			second := s.coordinator()
			for who, one := range map[string]kit.Address{"the same": first, "the next": second} {
				if _, code := s.stable(one); code != protocol.UnstableOffsetCommit {
					t.Errorf("%s coordinator: got %s before the marker, want UNSTABLE_OFFSET_COMMIT", who, code)
				}
				if got := s.committed(one); got != 5 {
					t.Errorf("%s coordinator: got offset %d before the marker, want 5", who, got)
				}
			}
			s.end(producer, commit)
			want := int64(5)
			if commit {
				want = 10
			}
			for _, one := range []kit.Address{first, second, s.coordinator()} {
				if offset, code := s.stable(one); code != protocol.None || offset != want {
					t.Errorf("got offset %d and %s after the marker, want %d at once", offset, code, want)
				}
			}
		})
	}
}

func TestATransactionThatIsNotVerifiedCommitsNoOffsets(t *testing.T) {
	s := newStage(t)
	first := s.coordinator()
	s.settles(first, -1)
	answered := s.ask(first, consumers.Commit{
		Generation:  -1,
		Items:       []consumers.CommitItem{{Place: place, Retention: -1}},
		Transaction: &consumers.Transaction{ProducerID: 7, ProducerEpoch: 1},
	})
	if codes, _ := answered.Result.([]protocol.Code); len(codes) != 1 || codes[0] != protocol.InvalidTxnState {
		t.Fatalf("got %+v, want INVALID_TXN_STATE", answered)
	}
	s.settles(first, -1)
}

func TestAZombieCommitsNoOffsets(t *testing.T) {
	s := newStage(t)
	first := s.coordinator()
	if code := s.commitIn(first, producer, 10); code != protocol.None {
		t.Fatal(code)
	}
	next := producer
	next.Epoch++
	s.end(next, false) // as a coordinator that fences does
	if code := s.commitIn(first, producer, 11); code != protocol.InvalidProducerEpoch {
		t.Errorf("got %s, want INVALID_PRODUCER_EPOCH", code)
	}
	s.settles(first, -1)
}

// The next transaction of a producer begins before the coordinator has heard of the end of the one before:
// its write is told after the marker that stands before it.
func TestTransactionsThatFollowEachOtherKeepTheirOrder(t *testing.T) {
	s := newStage(t)
	first := s.coordinator()
	for offset := range int64(50) {
		if code := s.commitIn(first, producer, offset); code != protocol.None {
			t.Fatal(code)
		}
		s.end(producer, offset%2 == 0)
		if offset%2 == 1 {
			continue
		}
		if code := s.commitIn(first, producer, 1000); code != protocol.None {
			t.Fatal(code)
		}
		if got := s.committed(first); got != offset {
			t.Fatalf("got offset %d under the next transaction, want %d", got, offset)
		}
		s.end(producer, false)
	}
	s.settles(first, 48)
	s.settles(s.coordinator(), 48)
}

func TestAGroupThatFailsIsReadWithItsTransactions(t *testing.T) {
	s := newStage(t)
	first := s.coordinator()
	if code := s.commitIn(first, producer, 10); code != protocol.None {
		t.Fatal(code)
	}
	if got := s.ask(first, (*kmsg.HeartbeatRequest)(nil)); got.Code != protocol.NotCoordinator {
		t.Fatalf("got %+v from a group that panics, want NOT_COORDINATOR", got)
	}
	requesttest.Eventually(t, func() bool {
		_, code := s.stable(first)
		return code == protocol.UnstableOffsetCommit
	})
	s.end(producer, true)
	s.settles(first, 10)
}
