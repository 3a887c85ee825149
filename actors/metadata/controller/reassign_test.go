package controller_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
)

func reassign(topic string, partition int32, brokers ...int32) controller.ReassignPartition {
	return controller.ReassignPartition{Topic: topic, Partition: partition, Brokers: brokers}
}

// partition returns how a partition stands: replicas, those that come and those that leave.
func (w *world) partition(topic string, index int32) string {
	p := w.tail.Topic(topic).Partitions[index]
	return fmt.Sprint(p.Brokers(), image.BrokersOf(p.Adding), image.BrokersOf(p.Removing))
}

func (w *world) expect(topic string, index int32, want string) {
	w.t.Helper()
	if got := w.partition(topic, index); got != want {
		w.t.Errorf("%s-%d: got %s, want %s", topic, index, got, want)
	}
}

// complete says that the group has done what the image asks for.
func (w *world) complete(topic string, index int32) image.Event {
	w.t.Helper()
	at := w.tail.Topic(topic)
	return w.do(controller.CompleteReassignment{ID: at.ID, Partition: index, Target: at.Partitions[index].Target()})
}

func onBrokers(name string, brokers ...int32) controller.CreateTopic {
	return assigned(name, controller.Assignment{Brokers: brokers})
}

func TestReassignmentHasTwoSteps(t *testing.T) {
	w := newWorld(t, 4, nil)
	w.do(onBrokers("a", 1, 2, 3))
	event := w.do(reassign("a", 0, 4, 2, 3)).(image.PartitionsReassigned)
	if event.Topic != w.tail.Topic("a") || !slices.Equal(event.Partitions, []int32{0}) {
		t.Errorf("got %+v", event)
	}
	w.expect("a", 0, "[4 2 3 1] [4] [1]")
	p := w.tail.Topic("a").Partitions[0]
	if p.Adding[0] != image.NewReplicaID(4, 1).WithAddition(1) || p.Preferred() != p.Adding[0] {
		t.Errorf("adding %x", p.Adding)
	}
	w.complete("a", 0)
	w.expect("a", 0, "[4 2 3] [] []")
	w.complete("a", 0) // said again: nothing changes
	w.do(reassign("a", 0, 1, 2, 3))
	p = w.tail.Topic("a").Partitions[0]
	if p.Adding[0] != image.NewReplicaID(1, 1).WithAddition(2) {
		t.Errorf("broker 1 comes back as %x, which was there before", p.Adding)
	}
	if !slices.Equal(image.BrokersOf(p.Founders), []int32{1, 2, 3}) || !p.Founders[0].Founder() {
		t.Errorf("founders %x", p.Founders)
	}
}

func TestReorderingIsDoneAtOnce(t *testing.T) {
	w := newWorld(t, 3, nil)
	w.do(onBrokers("a", 1, 2, 3))
	w.do(reassign("a", 0, 2, 3, 1))
	w.expect("a", 0, "[2 3 1] [] []")
}

func TestReassignmentIsCalledOff(t *testing.T) {
	w := newWorld(t, 4, nil)
	w.do(onBrokers("a", 1, 2))
	none := "No partition reassignment is in progress."
	w.refuses(reassign("a", 0), protocol.NoReassignmentInProgress, none)
	w.do(reassign("a", 0, 3, 4))
	w.do(reassign("a", 0))
	w.expect("a", 0, "[1 2 3 4] [] [3 4]") // the group may count on them already
	w.refuses(reassign("a", 0), protocol.NoReassignmentInProgress, none)
	w.complete("a", 0)
	w.expect("a", 0, "[1 2] [] []")
}

func TestReassignmentIsChangedUnderWay(t *testing.T) {
	w := newWorld(t, 5, nil)
	w.do(onBrokers("a", 1, 2))
	w.do(reassign("a", 0, 1, 3))
	old := w.tail.Topic("a").Partitions[0].Target()
	w.do(reassign("a", 0, 1, 4))
	w.expect("a", 0, "[1 4 3 2] [4] [3 2]")
	w.refuses(controller.CompleteReassignment{ID: w.tail.Topic("a").ID, Target: old},
		protocol.NoReassignmentInProgress, "Partition a:0 is to have other replicas meanwhile.")
	before := w.tail.Topic("a").Partitions[0]
	w.do(reassign("a", 0, 1, 3)) // broker 3 is still there
	if after := w.tail.Topic("a").Partitions[0]; !slices.Contains(before.Replicas, after.Adding[0]) {
		t.Errorf("broker 3 was %x and comes as %x", before.Replicas, after.Adding)
	}
	w.do(reassign("a", 0))
	w.expect("a", 0, "[1 2 3 4] [] [3 4]")
}

func TestReassignmentsAreRefusedInKafkasWords(t *testing.T) {
	w := newWorld(t, 3, nil)
	w.do(onBrokers("a", 1, 2))
	w.refuses(reassign("b", 0, 1), protocol.UnknownTopicOrPartition, "Unable to find a topic named b.")
	w.refuses(reassign("a", 1, 1), protocol.UnknownTopicOrPartition, "Unable to find partition a:1.")
	w.refuses(reassign("a", 0, 1, 9), protocol.InvalidReplicaAssignment,
		"The manual partition assignment includes broker 9, but no such broker is registered.")
	w.refuses(reassign("a", 0, 1, 1), protocol.InvalidReplicaAssignment,
		"The manual partition assignment includes the broker 1 more than once.")
	w.refuses(reassign("a", 0, 1, 2, 3), protocol.InvalidReplicationFactor,
		"The replication factor is changed from 2 to 3")
	empty := reassign("a", 0)
	empty.Brokers = []int32{}
	w.refuses(empty, protocol.InvalidReplicaAssignment,
		"The manual partition assignment includes an empty replica list.")
	more := reassign("a", 0, 1, 2, 3)
	more.AllowRFChange = true
	w.do(more)
	w.expect("a", 0, "[1 2 3] [3] []")
	w.refuses(controller.ReassignPartitions{}, protocol.UnknownTopicID,
		"This server does not host this topic ID.")
	w.refuses(controller.CompleteReassignment{}, protocol.UnknownTopicOrPartition,
		"Unable to find partition AAAAAAAAAAAAAAAAAAAAAA:0.")
	w.refuses(controller.ReassignPartitions{ID: w.tail.Topic("a").ID}, protocol.InvalidRequest,
		"No partitions were given.")
	w.refuses(controller.ReassignPartitions{ID: w.tail.Topic("a").ID,
		Partitions: []controller.Assignment{{Partition: 7, Brokers: []int32{1}}}},
		protocol.UnknownTopicOrPartition, "Unable to find partition a:7, or it was given twice.")
}

func TestWipedBrokerTakesNewPlacesInAReassignment(t *testing.T) {
	w := newWorld(t, 3, nil)
	w.do(onBrokers("a", 1, 2))
	w.do(reassign("a", 0, 1, 3))
	before := w.tail.Topic("a").Partitions[0]
	event := w.do(controller.RegisterBroker{ID: 3, Directory: [16]byte{33}}).(image.BrokerRegistered)
	after := w.tail.Topic("a").Partitions[0]
	want := image.NewReplicaID(3, 2).WithAddition(2)
	if len(event.Topics) != 1 || after.Adding[0] != want || after.Replicas[1] != want || before.Adding[0] == want {
		t.Errorf("got %x, adding %x, topics %v", after.Replicas, after.Adding, event.Topics)
	}
	w.complete("a", 0)
	w.expect("a", 0, "[1 3] [] []")
}

func TestRunningBrokerKeepsItsID(t *testing.T) {
	w := newWorld(t, 1, nil)
	directories := map[int32]string{}
	w.planner = w.planner.In(controller.Cluster{Directory: func(id int32) (string, bool) {
		directory, up := directories[id]
		return directory, up
	}})
	other := controller.RegisterBroker{ID: 1, Directory: [16]byte{99}}
	directories[1] = image.TopicID{1}.String()
	w.refuses(other, protocol.DuplicateBrokerRegistration, "Another broker is registered with that broker id.")
	w.do(controller.RegisterBroker{ID: 1, Directory: [16]byte{1}})
	delete(directories, 1)
	w.do(other)
}

func TestBrokersThatDoNotRunAreTakenLast(t *testing.T) {
	w := newWorld(t, 4, nil)
	down := map[int32]bool{2: true}
	w.planner = w.planner.In(controller.Cluster{Alive: func(id int32) bool { return !down[id] }})
	for n := range 12 {
		for _, p := range w.do(sized(fmt.Sprint("t", n), 3, 3)).(image.TopicCreated).Topic.Partitions {
			if slices.Contains(p.Brokers(), 2) {
				t.Errorf("%d brokers run, and a partition is on %v", 3, p.Brokers())
			}
		}
	}
	for _, p := range w.do(sized("all", 8, 4)).(image.TopicCreated).Topic.Partitions {
		if p.Brokers()[3] != 2 {
			t.Errorf("broker 2 does not run and is not the last of %v", p.Brokers())
		}
	}
	for id := range int32(4) {
		down[id+1] = true
	}
	w.refuses(sized("none", 1, 1), protocol.InvalidReplicationFactor,
		"Unable to replicate the partition 1 time(s): All brokers are currently fenced.")
}

func TestExpectedBrokers(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.do(controller.ExpectBroker{ID: 2, Raft: "h:1", Kafka: "h:2"})
	if got := w.tail.Expected(); len(got) != 1 || got[0].Kafka != "h:2" || !w.tail.Known(2) || w.tail.Known(3) {
		t.Errorf("got %+v", got)
	}
	w.do(controller.RegisterBroker{ID: 2, Directory: [16]byte{2}, Raft: "h:1", Empty: true})
	if got := w.tail.Broker(2); len(w.tail.Expected()) != 0 || got.Incarnation != 1 || got.Raft != "h:1" {
		t.Errorf("got %+v", got)
	}
	w.refuses(controller.ExpectBroker{ID: 2, Raft: "h:1"}, protocol.InvalidRequest,
		"Broker ID 2 is registered already.")
	w.refuses(controller.ExpectBroker{ID: 3}, protocol.InvalidRequest,
		`Broker ID 3 at "" cannot be expected: it takes an id and an address.`)
	w.do(controller.ExpectBroker{ID: 3, Raft: "h:1"})
	w.do(controller.UnregisterBroker{ID: 3})
	if w.tail.Known(3) {
		t.Error("broker 3 is still expected")
	}
}

func TestBrokerIsUnregisteredWhenItHoldsNothing(t *testing.T) {
	w := newWorld(t, 3, nil)
	w.do(onBrokers("a", 1, 2))
	w.refuses(controller.UnregisterBroker{ID: 2}, protocol.InvalidRequest,
		"Broker ID 2 holds a replica of a-0: move its partitions to other brokers first.")
	w.carryOut(controller.Drain{Broker: 2})
	w.do(controller.UnregisterBroker{ID: 2})
	w.refuses(controller.RegisterBroker{ID: 2, Directory: [16]byte{2}}, protocol.InvalidRegistration,
		"Broker 2 was removed from the cluster: empty its data directory to let it join again.")
	back := w.do(controller.RegisterBroker{ID: 2, Directory: [16]byte{9}, Empty: true}).(image.BrokerRegistered)
	if back.Broker.Incarnation != 2 {
		t.Errorf("broker 2 comes back as incarnation %d", back.Broker.Incarnation)
	}
}

// TestFounderThatComesWithNothingIsNotTheFirst is a founder that lost its disk before it ever registered.
func TestFounderThatComesWithNothingIsNotTheFirst(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.tail = image.New()
	w.do(controller.FormCluster{ClusterID: "c", Founders: []int32{3, 1, 2}})
	for id, want := range map[int32]uint32{1: 1, 2: 2, 4: 1} {
		r := controller.RegisterBroker{ID: id, Directory: [16]byte{byte(id)}, Empty: id != 1}
		for range 2 {
			if got := w.do(r).(image.BrokerRegistered).Broker.Incarnation; got != want {
				t.Errorf("broker %d: incarnation %d, want %d", id, got, want)
			}
			r.Empty = false
		}
	}
	w.do(controller.UnregisterBroker{ID: 3})
	if slices.Contains(w.tail.Founders(), 3) || w.tail.Known(3) {
		t.Errorf("founders %v", w.tail.Founders())
	}
	if got := w.do(controller.RegisterBroker{ID: 3, Empty: true}).(image.BrokerRegistered).Broker.Incarnation; got != 2 {
		t.Errorf("broker 3: incarnation %d, want 2: it may have voted", got)
	}
}

// carryOut makes all moves of a plan and completes them.
func (w *world) carryOut(request any) (moved int) {
	w.t.Helper()
	moves, err := w.planner.Moves(w.tail, request)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, move := range moves {
		topic := w.do(move).(image.PartitionsReassigned).Topic
		for _, one := range move.Partitions {
			if topic.Partitions[one.Partition].Reassigning() {
				w.complete(topic.Name, one.Partition)
			}
			moved++
		}
	}
	return moved
}

// counts returns how many replicas and preferred leaders each broker has.
func (w *world) counts() (replicas, firsts map[int32]int) {
	replicas, firsts = map[int32]int{}, map[int32]int{}
	for topic := range w.tail.Topics() {
		for _, p := range topic.Partitions {
			for _, broker := range p.Brokers() {
				replicas[broker]++
			}
			firsts[p.Brokers()[0]]++
		}
	}
	return replicas, firsts
}

func TestNewBrokerGetsItsShare(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	share(t, seed)
	for _, seed := range []uint64{15, 38, 237, 269} { // the new broker got partitions of one replica only
		share(t, seed)
	}
}

func share(t *testing.T, seed uint64) {
	t.Logf("SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 20 {
		n := int32(3 + rng.IntN(4))
		w := newWorld(t, n, nil)
		for k := range 1 + rng.IntN(20) {
			w.do(sized(fmt.Sprint("t", k), int32(1+rng.IntN(8)), int16(1+rng.IntN(3))))
		}
		w.do(controller.RegisterBroker{ID: n + 1, Directory: [16]byte{byte(n + 1)}, Rack: "rack-new"})
		w.carryOut(controller.Rebalance{})
		replicas, firsts := w.counts()
		for id := int32(1); id <= n+1; id++ {
			for other := int32(1); other <= n+1; other++ {
				if replicas[id]-replicas[other] > 2 || firsts[id]-firsts[other] > 2 {
					t.Fatalf("replicas %v, preferred leaders %v", replicas, firsts)
				}
			}
		}
		if again := w.carryOut(controller.Rebalance{}); again != 0 {
			t.Fatalf("%d partitions move again after all is even", again)
		}
		w.carryOut(controller.Drain{Broker: 1})
		replicas, _ = w.counts()
		if replicas[1] != 0 {
			t.Fatalf("broker 1 has %d replicas after it was drained", replicas[1])
		}
		w.do(controller.UnregisterBroker{ID: 1})
	}
}

func TestDrainKeepsRacksApart(t *testing.T) {
	w := newWorld(t, 4, nil) // 1 and 3 on one rack, 2 and 4 on the other
	for n := range 10 {
		w.do(onBrokers(fmt.Sprint("t", n), 1, 2))
	}
	w.carryOut(controller.Drain{Broker: 2})
	for topic := range w.tail.Topics() {
		if got := topic.Partitions[0].Brokers(); !slices.Equal(got, []int32{1, 4}) {
			t.Errorf("%s on %v, want 1 and 4: broker 3 is on the rack of 1", topic.Name, got)
		}
	}
}

func TestDrainSharesWhatTheBrokerLed(t *testing.T) {
	w := newWorld(t, 4, nil)
	for n := range int32(12) { // three brokers each, so that only one can take a replica of broker 4
		w.do(onBrokers(fmt.Sprint("t", n), n%4+1, (n+1)%4+1, (n+2)%4+1))
	}
	w.carryOut(controller.Drain{Broker: 4})
	if _, firsts := w.counts(); firsts[1] != 4 || firsts[2] != 4 || firsts[3] != 4 {
		t.Errorf("preferred leaders %v, want 4 for each that is left", firsts)
	}
}

func TestDrainWithoutATaker(t *testing.T) {
	w := newWorld(t, 2, nil)
	w.do(onBrokers("a", 1, 2))
	if _, err := w.planner.Moves(w.tail, controller.Drain{Broker: 2}); protocol.CodeOf(err) !=
		protocol.InvalidReplicationFactor {
		t.Errorf("got %v", err)
	}
	w.carryOut(controller.Drain{Broker: 2, Force: true})
	w.expect("a", 0, "[1] [] []")
	w.do(onBrokers("b", 2))
	w.planner = w.planner.In(controller.Cluster{Alive: func(id int32) bool { return id == 2 }})
	if _, err := w.planner.Moves(w.tail, controller.Drain{Broker: 2, Force: true}); err == nil {
		t.Error("the last replica is gone")
	}
	if _, err := w.planner.Moves(w.tail, controller.Drain{Broker: 7}); protocol.CodeOf(err) !=
		protocol.BrokerIDNotRegistered {
		t.Errorf("got %v", err)
	}
}

func BenchmarkRebalance(b *testing.B) {
	w := newWorld(b, 3, nil)
	for n := range 100 {
		w.do(sized(fmt.Sprint("t", n), 100, 3))
	}
	w.do(controller.RegisterBroker{ID: 4, Directory: [16]byte{4}})
	for b.Loop() {
		if _, err := w.planner.Moves(w.tail, controller.Rebalance{}); err != nil {
			b.Fatal(err)
		}
	}
}
