package coordinator

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/brokers"
	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request/requesttest"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/vfs"
)

// stage is a coordinator over a real log. The test plays the other brokers and the controller.
type stage struct {
	t      *testing.T
	broker *requesttest.Broker
	core   *requesttest.Core

	mu       sync.Mutex
	spawned  int
	ids      int64
	leaders  map[transaction.Place]int32   // NoLeader: the partition exists and nobody leads it
	codes    map[int32]protocol.Code       // what a broker answers, by node
	silent   map[int32]bool                // brokers that cannot be reached
	markers  map[int32][]transaction.Place // by the node that was sent them
	checks   int                           // questions to the controller
	missing  protocol.Code                 // what it answers
	lastSent *kmsg.WriteTxnMarkersRequest
}

func newStage(t *testing.T) *stage {
	b := requesttest.New(t, vfs.NewMem())
	b.CreateTopic(image.TransactionsTopic, 1, nil)
	return &stage{
		t: t, broker: b, core: b.Cores[image.TransactionsTopic+"-0"],
		leaders: map[transaction.Place]int32{orders: 1}, codes: map[int32]protocol.Code{},
		silent: map[int32]bool{}, markers: map[int32][]transaction.Place{},
	}
}

var orders = transaction.Place{Topic: "orders", Partition: 3}

func (s *stage) coordinator() kit.Address {
	s.spawned++
	return s.broker.System.Spawn("coordinator-0."+string(rune('a'+s.spawned)), Spec(Options{
		Replica: s.broker.Replica(image.TransactionsTopic, 0), Epoch: requesttest.Epoch,
		Settings: &Settings{
			MaxTimeout: time.Minute, Retention: time.Hour,
			Generation: func() int16 { return transaction.SecondGeneration },
		},
		AbortInterval: time.Hour, CleanupInterval: time.Hour,
		Metadata: kit.AddressFor("metadata", s.control), Brokers: kit.AddressFor("brokers", s.send),
		Leader: s.leader, Low: s.broker.DiskLow.Load,
	}))
}

func (s *stage) leader(topic string, index int32) (int32, bool, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	node, exists := s.leaders[transaction.Place{Topic: topic, Partition: index}]
	return node, exists, exists
}

// control is the actor "metadata".
func (s *stage) control(message any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m := message.(type) {
	case metadata.AllocateProducerID:
		s.ids++
		m.ReplyTo.Tell(metadata.ProducerIDAllocated{Token: m.Token, ID: s.ids})
	case metadata.Submit:
		s.checks++
		var err error
		if r := m.Request.(controller.CreatePartitions); !r.ValidateOnly {
			s.t.Errorf("got %+v, want a validation", r)
		}
		if s.missing != protocol.None {
			err = &protocol.Error{Code: s.missing}
		}
		m.ReplyTo.Tell(metadata.Submitted{Token: m.Token, Err: err})
	}
}

// send is the actor "brokers".
func (s *stage) send(message any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := message.(brokers.Ask)
	if s.silent[m.Node] {
		m.Refuse(kit.ErrStopped)
		return
	}
	r := m.Request.(*kmsg.WriteTxnMarkersRequest)
	s.lastSent = r
	response := kmsg.NewPtrWriteTxnMarkersResponse()
	for _, marker := range r.Markers {
		answer := kmsg.NewWriteTxnMarkersResponseMarker()
		answer.ProducerID = marker.ProducerID
		for _, topic := range marker.Topics {
			told := kmsg.NewWriteTxnMarkersResponseMarkerTopic()
			told.Topic = topic.Topic
			for _, index := range topic.Partitions {
				s.markers[m.Node] = append(s.markers[m.Node], transaction.Place{Topic: topic.Topic, Partition: index})
				p := kmsg.NewWriteTxnMarkersResponseMarkerTopicPartition()
				p.Partition, p.ErrorCode = index, int16(s.codes[m.Node])
				told.Partitions = append(told.Partitions, p)
			}
			answer.Topics = append(answer.Topics, told)
		}
		response.Markers = append(response.Markers, answer)
	}
	m.ReplyTo.Tell(brokers.Answered{Token: m.Token, Response: response})
}

// with changes what the others do.
func (s *stage) with(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *stage) ask(to kit.Address, body any) coordinators.Answered {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		answered, err := kit.Ask[coordinators.Answered](ctx, s.broker.System, to, func(replyTo kit.Address) any {
			return Ask{ID: "id", Body: body, ReplyTo: replyTo}
		})
		if err != nil {
			s.t.Fatal(err)
		}
		if answered.Code != protocol.CoordinatorLoadInProgress {
			return answered
		}
	}
}

func (s *stage) must(to kit.Address, body any) coordinators.Answered {
	s.t.Helper()
	answered := s.ask(to, body)
	if answered.Code != protocol.None {
		s.t.Fatalf("%T: got %v", body, answered.Code)
	}
	return answered
}

// begin begins a transaction with a partition.
func (s *stage) begin(to kit.Address) transaction.Producer {
	s.t.Helper()
	p := s.must(to, transaction.Init{TimeoutMillis: 1000}).Result.(transaction.Producer)
	s.must(to, Add{Producer: p, Places: []transaction.Place{orders}, Generation: transaction.SecondGeneration})
	return p
}

func (s *stage) commit(to kit.Address, p transaction.Producer) {
	s.t.Helper()
	s.must(to, transaction.End{Producer: p, Commit: true, Generation: transaction.SecondGeneration})
}

func (s *stage) state(to kit.Address) transaction.State {
	s.t.Helper()
	return s.must(to, Describe{}).Result.(Description).Record.State
}

func (s *stage) completes(to kit.Address) {
	s.t.Helper()
	requesttest.Eventually(s.t, func() bool { return s.state(to) == transaction.CompleteCommit })
}

func TestMarkersGoToTheLeader(t *testing.T) {
	s := newStage(t)
	c := s.coordinator()
	p := s.begin(c)
	s.commit(c, p)
	s.completes(c)
	s.with(func() {
		marker := s.lastSent.Markers[0]
		if marker.ProducerID != p.ID || marker.ProducerEpoch != p.Epoch+1 || !marker.Committed ||
			marker.CoordinatorEpoch != requesttest.Epoch || marker.TransactionVersion != 2 {
			t.Errorf("got marker %+v", marker)
		}
	})
}

// TestMarkersFollowTheLeader has the first leader refuse them, be out of reach, and be nobody, before another
// one takes them.
func TestMarkersFollowTheLeader(t *testing.T) {
	s := newStage(t)
	c := s.coordinator()
	p := s.begin(c)
	s.with(func() { s.codes[1] = protocol.NotLeaderOrFollower })
	s.commit(c, p)
	tried := func(times int) func() bool {
		return func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.markers[1]) >= times
		}
	}
	requesttest.Eventually(t, tried(2))
	s.with(func() { s.leaders[orders] = partition.NoLeader })
	s.with(func() { s.silent[2], s.leaders[orders] = true, 2 })
	if got := s.state(c); got != transaction.PrepareCommit {
		t.Errorf("got state %v before the partition knows", got)
	}
	s.with(func() { s.silent[2] = false })
	s.completes(c)
	s.with(func() {
		if len(s.markers[2]) != 1 {
			t.Errorf("the new leader was told %d times, want once", len(s.markers[2]))
		}
	})
}

// A partition that knows a later epoch of the producer cannot be told, and need not be.
func TestPartitionThatKnowsBetterIsNotToldForEver(t *testing.T) {
	s := newStage(t)
	c := s.coordinator()
	p := s.begin(c)
	s.with(func() { s.codes[1] = protocol.InvalidProducerEpoch })
	s.commit(c, p)
	s.completes(c)
}

// A partition that this node does not know may be one that it has not heard of yet. Only the controller
// knows.
func TestOnlyTheControllerSaysThatAPartitionIsGone(t *testing.T) {
	for _, code := range []protocol.Code{protocol.UnknownTopicOrPartition, protocol.None} {
		s := newStage(t)
		c := s.coordinator()
		p := s.begin(c)
		s.with(func() {
			delete(s.leaders, orders)
			s.missing = protocol.InvalidPartitions // there are that many
		})
		s.commit(c, p)
		requesttest.Eventually(t, func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.checks >= 2
		})
		if got := s.state(c); got != transaction.PrepareCommit {
			t.Errorf("got state %v while the partition exists", got)
		}
		s.with(func() { s.missing = code })
		s.completes(c)
		s.with(func() {
			if len(s.markers) > 0 {
				t.Errorf("got markers %v for a partition that is gone", s.markers)
			}
		})
	}
}

func TestNextCoordinatorGoesOnWithWhatWasDecided(t *testing.T) {
	s := newStage(t)
	first := s.coordinator()
	p := s.begin(first)
	s.with(func() { s.silent[1] = true })
	s.commit(first, p)
	if err := s.broker.System.StopAndWait(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	s.with(func() { s.silent[1] = false })
	second := s.coordinator()
	s.completes(second)
	next := transaction.Producer{ID: p.ID, Epoch: p.Epoch + 1}
	s.must(second, Add{Producer: next, Places: []transaction.Place{orders}, Generation: transaction.SecondGeneration})
}

// A record whose outcome is not known is refused, and so is everything after it by the same coordinator:
// what it has in memory may not be what the log will say.
func TestCoordinatorStopsWhenAnOutcomeIsNotKnown(t *testing.T) {
	for _, lost := range []error{group.ErrLostLeadership, group.ErrNotLeader{}} {
		s := newStage(t)
		first := s.coordinator()
		p := s.begin(first)
		s.core.Refuse.Store(&lost)
		end := transaction.End{Producer: p, Commit: true, Generation: transaction.SecondGeneration}
		if got := s.ask(first, end); got.Code != protocol.NotCoordinator {
			t.Errorf("got %v, want NOT_COORDINATOR", got.Code)
		}
		s.core.Refuse.Store(nil)
		select {
		case <-first.Done():
		case <-time.After(20 * time.Second):
			t.Fatal("the coordinator goes on, want it stopped")
		}
		if got := s.state(s.coordinator()); got != transaction.Ongoing {
			t.Errorf("got state %v, want what was committed", got)
		}
	}
}

// A coordinator of an earlier term writes nothing, though this node leads again.
func TestCoordinatorOfAnEarlierTermWritesNothing(t *testing.T) {
	s := newStage(t)
	options := Options{
		Replica: s.broker.Replica(image.TransactionsTopic, 0), Epoch: requesttest.Epoch - 1,
		Settings: &Settings{
			MaxTimeout: time.Minute, Generation: func() int16 { return transaction.SecondGeneration },
		},
		AbortInterval: time.Hour, CleanupInterval: time.Hour, Low: s.broker.DiskLow.Load,
		Metadata: kit.AddressFor("metadata", s.control), Brokers: kit.AddressFor("brokers", s.send), Leader: s.leader,
	}
	old := s.broker.System.Spawn("coordinator-0.old", Spec(options))
	if got := s.ask(old, transaction.Init{TimeoutMillis: 1000}); got.Code != protocol.NotCoordinator {
		t.Errorf("got %v, want NOT_COORDINATOR", got.Code)
	}
}

// A full disk refuses what is new and lets transactions end.
func TestTransactionsEndWithoutRoomOnTheDisk(t *testing.T) {
	s := newStage(t)
	c := s.coordinator()
	p := s.begin(c)
	s.broker.DiskLow.Store(true)
	more := Add{Producer: p, Places: []transaction.Place{{Topic: "more"}}, Generation: transaction.SecondGeneration}
	if got := s.ask(c, more); got.Code != protocol.CoordinatorNotAvailable {
		t.Errorf("got %v for a partition, want COORDINATOR_NOT_AVAILABLE", got.Code)
	}
	s.commit(c, p)
	s.completes(c)
}

// A busy log refuses records for the moment. The last one of a transaction is tried again.
func TestRecordsAreTriedAgainWhenTheLogIsBusy(t *testing.T) {
	s := newStage(t)
	c := s.coordinator()
	p := s.begin(c)
	s.with(func() { s.silent[1] = true })
	s.commit(c, p)
	busy := group.ErrBusy
	s.core.Refuse.Store(&busy)
	s.with(func() { s.silent[1] = false })
	requesttest.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.markers[1]) > 0
	})
	if got := s.state(c); got != transaction.PrepareCommit {
		t.Errorf("got state %v while the log is busy", got)
	}
	s.core.Refuse.Store(nil)
	s.completes(c)
}

func TestTransactionsAreAsLargeAsARecordMayBe(t *testing.T) {
	s := newStage(t)
	c := s.coordinator()
	p := s.begin(c)
	places := make([]transaction.Place, 300_000)
	for i := range places {
		places[i] = transaction.Place{Topic: "large", Partition: int32(i)}
	}
	large := Add{Producer: p, Places: places, Generation: transaction.SecondGeneration}
	if got := s.ask(c, large); got.Code != protocol.UnknownServerError {
		t.Errorf("got %v for too many partitions, want UNKNOWN_SERVER_ERROR", got.Code)
	}
	s.commit(c, p)
	s.completes(c)
}
