package coordinator

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/groups/offsets"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/request/requesttest"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/vfs"
)

// stage is a coordinator over a real log, with a core that commits when it is told to.
type stage struct {
	t      *testing.T
	broker *requesttest.Broker
	core   *requesttest.Core
	number int
}

func newStage(t *testing.T) *stage {
	b := requesttest.New(t, vfs.NewMem())
	b.CreateTopic(image.OffsetsTopic, 1, nil)
	return &stage{t: t, broker: b, core: b.Cores[image.OffsetsTopic+"-0"]}
}

func (s *stage) coordinator() kit.Address { return s.coordinatorIn(s.broker.System) }

func (s *stage) coordinatorIn(system *kit.System) kit.Address {
	s.number++
	return system.Spawn("coordinator-0."+string(rune('a'+s.number)), Spec(Options{
		Replica: s.broker.Replica(image.OffsetsTopic, 0),
		Settings: &consumers.Settings{
			Classic:   classic.Settings{MinSession: time.Second, MaxSession: time.Hour, MaxSize: 10},
			Retention: time.Hour, MaxMetadataBytes: 10,
		},
		CleanupInterval: time.Hour, Low: s.broker.DiskLow.Load,
	}))
}

var place = offsets.Place{Topic: "orders", Partition: 1}

func (s *stage) ask(to kit.Address, body any) coordinators.Answered {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	answered, err := kit.Ask[coordinators.Answered](ctx, s.broker.System, to, func(replyTo kit.Address) any {
		return consumers.Ask{Group: "g", Body: body, ReplyTo: replyTo}
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return answered
}

// commit returns the outcome of a commit once the log has been read.
func (s *stage) commit(to kit.Address, offset int64) (code protocol.Code) {
	s.t.Helper()
	item := consumers.CommitItem{Place: place, Offset: records.Offset{Offset: offset, LeaderEpoch: -1}, Retention: -1}
	requesttest.Eventually(s.t, func() bool {
		answered := s.ask(to, consumers.Commit{Generation: -1, Items: []consumers.CommitItem{item}})
		if code = answered.Code; code == protocol.None {
			code = answered.Result.([]protocol.Code)[0]
		}
		return code != protocol.CoordinatorLoadInProgress
	})
	return code
}

func (s *stage) committed(to kit.Address) (offset int64) {
	s.t.Helper()
	fetch := consumers.Fetch{Places: []offsets.Place{place}}
	requesttest.Eventually(s.t, func() bool {
		answered := s.ask(to, fetch)
		if answered.Code != protocol.None {
			return false
		}
		found, is := answered.Result.([]consumers.Fetched)
		if !is {
			found = consumers.Absent(fetch)
		}
		offset = found[0].Offset.Offset
		return true
	})
	return offset
}

func TestNextCoordinatorReadsWhatWasCommitted(t *testing.T) {
	s := newStage(t)
	first := s.coordinator()
	for offset := range int64(3) {
		if code := s.commit(first, offset); code != protocol.None {
			t.Fatalf("got %s, want the offset committed", code)
		}
	}
	if got := s.committed(s.coordinator()); got != 2 {
		t.Errorf("got offset %d, want the last one, 2", got)
	}
}

// A commit whose outcome is not known is refused, and so is everything after it by the same coordinator: what it
// has in memory may not be what the log will say.
func TestCoordinatorStopsWhenAnOutcomeIsNotKnown(t *testing.T) {
	s := newStage(t)
	first := s.coordinator()
	if code := s.commit(first, 1); code != protocol.None {
		t.Fatalf("got %s, want the offset committed", code)
	}
	lost := group.ErrLostLeadership
	s.core.Refuse.Store(&lost)
	if code := s.commit(first, 2); code != protocol.NotCoordinator {
		t.Errorf("got %s for a commit that was lost, want NOT_COORDINATOR", code)
	}
	s.core.Refuse.Store(nil)
	select {
	case <-first.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the coordinator goes on, want it stopped")
	}
	if got := s.committed(s.coordinator()); got != 1 {
		t.Errorf("got offset %d, want what was committed, 1", got)
	}
}

func TestNothingIsWrittenWithoutRoomOnTheDisk(t *testing.T) {
	s := newStage(t)
	first := s.coordinator()
	s.broker.DiskLow.Store(true)
	if code := s.commit(first, 1); code != protocol.CoordinatorNotAvailable {
		t.Errorf("got %s, want COORDINATOR_NOT_AVAILABLE", code)
	}
	s.broker.DiskLow.Store(false)
	if code := s.commit(first, 1); code != protocol.None {
		t.Errorf("got %s with room again, want the offset committed", code)
	}
}

// A busy log refuses writes for the moment; the coordinator goes on.
func TestCoordinatorGoesOnWhenTheLogIsBusy(t *testing.T) {
	s := newStage(t)
	first := s.coordinator()
	busy := group.ErrBusy
	s.core.Refuse.Store(&busy)
	if code := s.commit(first, 1); code != protocol.CoordinatorNotAvailable {
		t.Errorf("got %s, want COORDINATOR_NOT_AVAILABLE", code)
	}
	s.core.Refuse.Store(nil)
	if code := s.commit(first, 2); code != protocol.None || s.committed(first) != 2 {
		t.Errorf("got %s, offset %d, want 2 committed", code, s.committed(first))
	}
}

// TestOffsetsWaitForTheConfirmation: a coordinator that was frozen may not know that there is another one. What
// it has in memory is told when its partition's group has confirmed that it leads, and what came meanwhile
// shares the next question. That the group is not known is no exception.
func TestOffsetsWaitForTheConfirmation(t *testing.T) {
	s := newStage(t)
	first := s.coordinator()
	if code := s.commit(first, 1); code != protocol.None {
		t.Fatalf("got %s, want the offset committed", code)
	}
	before := s.core.Proposals.Load()
	s.core.Hold.Store(true)
	const askers = 10
	answers := make(chan coordinators.Answered, askers)
	for i := range askers {
		asker := s.broker.System.Spawn(fmt.Sprintf("asker-%d", i), kit.Spec{
			New: func() kit.Actor { return collector(answers) },
		})
		name := "g"
		if i%2 == 1 {
			name = "nobody knows it"
		}
		fetch := consumers.Fetch{Places: []offsets.Place{place}}
		first.Tell(consumers.Ask{Group: name, Body: fetch, ReplyTo: asker})
	}
	requesttest.Eventually(t, func() bool { return s.core.Proposals.Load() > before })
	if len(answers) > 0 {
		t.Fatalf("got %d answers before the confirmation, want none", len(answers))
	}
	s.broker.Replica(image.OffsetsTopic, 0).Core.Tell(requesttest.Resume{})
	for range askers {
		if answered := <-answers; answered.Code != protocol.None {
			t.Errorf("got %s, want the offsets", answered.Code)
		}
	}
	if asked := s.core.Proposals.Load() - before; asked > 2 {
		t.Errorf("got %d questions for %d requests, want 2: one alone, one shared", asked, askers)
	}
	s.core.Refuse.Store(new(error(group.ErrNotLeader{Leader: 2, Term: 9})))
	if answered := s.ask(first, consumers.Fetch{Places: []offsets.Place{place}}); answered.Code != protocol.NotCoordinator {
		t.Errorf("got %s of a coordinator that leads no more, want NOT_COORDINATOR", answered.Code)
	}
	s.core.Refuse.Store(new(group.ErrLostLeadership))
	if answered := s.ask(first, consumers.Fetch{Places: []offsets.Place{place}}); answered.Code != protocol.NotCoordinator {
		t.Errorf("got %s of a coordinator that lost its leadership, want NOT_COORDINATOR", answered.Code)
	}
}

// collector hands on what it is answered.
type collector chan coordinators.Answered

func (c collector) Receive(context *kit.Context) {
	if answered, is := context.Message().(coordinators.Answered); is {
		c <- answered
	}
}

// TestLostConfirmationHoldsUpNobodyForLong: whoever waits for an answer that does not come is told to try again, and
// who comes later gets a question of his own.
func TestLostConfirmationHoldsUpNobodyForLong(t *testing.T) {
	s := newStage(t)
	clock := kittest.NewClock()
	system := kit.NewSystem(kit.SystemConfig{Name: "beside", Clock: clock})
	t.Cleanup(system.Shutdown)
	first := s.coordinatorIn(system)
	if code := s.commit(first, 1); code != protocol.None {
		t.Fatalf("got %s, want the offset committed", code)
	}
	answers := make(chan coordinators.Answered, 1)
	asker := s.broker.System.Spawn("asker", kit.Spec{New: func() kit.Actor { return collector(answers) }})
	before := s.core.Proposals.Load()
	s.core.Hold.Store(true) // and never told to go on: the answer is lost
	first.Tell(consumers.Ask{Group: "g", Body: consumers.Fetch{Places: []offsets.Place{place}}, ReplyTo: asker})
	requesttest.Eventually(t, func() bool { return s.core.Proposals.Load() > before })
	s.core.Hold.Store(false)
	clock.Advance(confirmWithin)
	if got := s.committed(first); got != 1 {
		t.Errorf("got offset %d, want 1", got)
	}
	if answered := <-answers; answered.Code != protocol.CoordinatorNotAvailable {
		t.Errorf("got %s for the one who waited, want COORDINATOR_NOT_AVAILABLE", answered.Code)
	}
}
