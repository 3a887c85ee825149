package controller_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/features"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
)

func requests() []any {
	id := image.TopicID{1, 2, 3}
	return []any{
		controller.CreateTopic{Name: "a", Partitions: 3, ReplicationFactor: -1, ValidateOnly: true,
			Assignments: []controller.Assignment{{Partition: 1, Brokers: []int32{1, 2}}},
			Configs:     map[string]*string{"x": text("1"), "y": nil, "z": text("")}},
		controller.DeleteTopic{ID: id},
		controller.CreatePartitions{Topic: "a", Count: 3, Assigned: true, Assignments: [][]int32{{1}, {2, 3}}},
		controller.AlterConfig{Topic: "a", Group: "g", Broker: 3, AllBrokers: true, Replace: true, ValidateOnly: true,
			Changes: []controller.Change{{Name: "x", Operation: controller.Subtract, Value: "v"}}},
		controller.RegisterBroker{ID: 3, Directory: [16]byte{9}, Rack: "r", Raft: "h:1", Empty: true,
			Features:  features.Ranges{"f": {Min: 1, Max: 2}},
			Endpoints: []image.Endpoint{{Listener: "L", Host: "h", Port: 1, SecurityProtocol: "PLAINTEXT"}}},
		controller.UnregisterBroker{ID: 3},
		controller.ExpectBroker{ID: 3, Raft: "h:1", Kafka: "h:2"},
		controller.AllocateProducerIDs{Broker: 3, Count: 1000},
		controller.ReassignPartition{Topic: "a", Partition: 2, Brokers: []int32{1}, AllowRFChange: true},
		controller.ReassignPartition{Topic: "a", Partition: 2},
		controller.ReassignPartition{Topic: "a", Partition: 2, Brokers: []int32{}},
		controller.ReassignPartitions{ID: id, Partitions: []controller.Assignment{{Partition: 1, Brokers: []int32{1}}}},
		controller.CompleteReassignment{ID: id, Partition: 3, Target: []image.ReplicaID{1 << 32, 2 << 32}},
		controller.Drain{Broker: 3, Force: true},
		controller.Rebalance{},
		controller.UpdateFeatures{ValidateOnly: true, Updates: []features.Update{
			{Name: "f", Level: 2, Upgrade: features.UpgradeOnly}, {Name: "g", Upgrade: features.SafeDowngrade}}},
	}
}

func TestRequestsTravel(t *testing.T) {
	kinds := map[string]bool{}
	for _, request := range requests() {
		question, can := controller.EncodeRequest(request)
		if !can {
			t.Fatalf("%T does not travel", request)
		}
		data, err := metadatapb.EncodePeer(question)
		if err != nil {
			t.Fatal(err)
		}
		arrived := &metadatapb.Question{}
		if err := metadatapb.DecodePeer(data, arrived); err != nil {
			t.Fatal(err)
		}
		decoded, err := controller.DecodeRequest(arrived)
		if err != nil || !reflect.DeepEqual(decoded, request) {
			t.Errorf("%+v became %+v, %v", request, decoded, err)
		}
		kinds[string(question.ProtoReflect().WhichOneof(
			question.ProtoReflect().Descriptor().Oneofs().ByName("kind")).Name())] = true
	}
	fields := (&metadatapb.Question{}).ProtoReflect().Descriptor().Oneofs().ByName("kind").Fields()
	for n := range fields.Len() {
		if name := string(fields.Get(n).Name()); !kinds[name] && name != "describe_quorum" {
			t.Errorf("no example of %s", name)
		}
	}
	if _, can := controller.EncodeRequest(controller.FormCluster{}); can {
		t.Error("another broker may form the cluster")
	}
	if _, err := controller.DecodeRequest(&metadatapb.Question{}); !errors.Is(err, metadatapb.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

// TestTextThatIsNoneIsAnError is a name that a client sends: it must not end an actor.
func TestTextThatIsNoneIsAnError(t *testing.T) {
	question, _ := controller.EncodeRequest(controller.CreateTopic{Name: "\xff"})
	if _, err := metadatapb.EncodePeer(question); err == nil {
		t.Error("the name \\xff was encoded")
	}
}

// TestEventsTravel makes a change of every kind and sends what it came to.
func TestEventsTravel(t *testing.T) {
	w := newWorld(t, 4, nil)
	var events []image.Event
	for _, request := range []any{
		sized("a", 2, 2), controller.CreatePartitions{Topic: "a", Count: 3},
		controller.AlterConfig{Topic: "a", Changes: []controller.Change{{Name: "retention.ms", Value: "1"}}},
		controller.AlterConfig{Broker: 2, Changes: []controller.Change{{Name: "num.partitions", Value: "2"}}},
		controller.AlterConfig{AllBrokers: true, Changes: []controller.Change{{Name: "num.partitions", Value: "2"}}},
		controller.AlterConfig{Group: "g", Changes: []controller.Change{{Name: "consumer.session.timeout.ms", Value: "50000"}}},
		controller.AllocateProducerIDs{Broker: 1, Count: 5}, onBrokers("b", 1, 2), reassign("b", 0, 3, 4),
		controller.RegisterBroker{ID: 3, Directory: [16]byte{44}, Raft: "x:1"}, // with topics
		controller.ExpectBroker{ID: 9, Raft: "h:1"}, controller.UnregisterBroker{ID: 9},
	} {
		events = append(events, w.do(request))
	}
	events = append(events, w.complete("b", 0), w.do(controller.DeleteTopic{ID: w.tail.Topic("a").ID}),
		image.ReassignmentsPlanned{Partitions: 4}, image.FeaturesUpdated{Levels: map[string]int32{"f": 2, "g": 0}},
		image.ClusterFormed{ClusterID: "c"}, nil)
	seen := map[reflect.Type]bool{}
	for _, event := range events {
		data, err := metadatapb.EncodePeer(&metadatapb.Outcome{Event: image.EncodeEvent(event)})
		if err != nil {
			t.Fatal(err)
		}
		arrived := &metadatapb.Outcome{}
		if err := metadatapb.DecodePeer(data, arrived); err != nil {
			t.Fatal(err)
		}
		decoded, err := image.DecodeEvent(arrived.GetEvent())
		if err != nil || !reflect.DeepEqual(decoded, event) {
			t.Errorf("%T %+v\nbecame %+v, %v", event, event, decoded, err)
		}
		seen[reflect.TypeOf(event)] = true
	}
	fields := (&metadatapb.Event{}).ProtoReflect().Descriptor().Oneofs().ByName("kind").Fields()
	if len(seen)-1 != fields.Len() {
		t.Errorf("%d kinds of events, examples of %d", fields.Len(), len(seen)-1)
	}
}

// FuzzQuestion feeds bytes to what reads questions of other brokers and carries them out.
func FuzzQuestion(f *testing.F) {
	for _, request := range requests() {
		question, _ := controller.EncodeRequest(request)
		data, err := metadatapb.EncodePeer(question)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	w := newWorld(f, 3, nil)
	w.do(sized("a", 2, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		question := &metadatapb.Question{}
		if metadatapb.DecodePeer(data, question) != nil {
			return
		}
		request, err := controller.DecodeRequest(question)
		if err != nil {
			return
		}
		if controller.IsPlan(request) {
			_, _ = w.planner.Moves(w.tail, request) // a refusal is fine
			return
		}
		if _, again := controller.EncodeRequest(request); !again {
			t.Fatalf("%+v came and cannot be passed on", request)
		}
		_, _ = w.planner.Plan(w.tail, request) // so is this
	})
}

// FuzzOutcome feeds bytes to what reads the answers of other brokers.
func FuzzOutcome(f *testing.F) {
	w := newWorld(f, 2, nil)
	data, err := metadatapb.EncodePeer(&metadatapb.Outcome{Version: 3, Event: image.EncodeEvent(w.do(sized("a", 1, 1)))})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		outcome := &metadatapb.Outcome{}
		if metadatapb.DecodePeer(data, outcome) != nil {
			return
		}
		if event, err := image.DecodeEvent(outcome.GetEvent()); err == nil && event != nil {
			if _, err := image.DecodeEvent(image.EncodeEvent(event)); err != nil {
				t.Fatalf("%+v came and cannot be passed on: %v", event, err)
			}
		}
	})
}
