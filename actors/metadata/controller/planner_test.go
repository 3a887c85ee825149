package controller_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
)

// world is a planner with the image that its plans lead to.
type world struct {
	t       testing.TB
	planner *controller.Planner
	tail    *image.Image
}

// newWorld returns a cluster with brokers 1 to n.
func newWorld(t testing.TB, n int32, static map[string]string) *world {
	planner, err := controller.NewPlanner(1, static, rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, planner: planner, tail: image.New()}
	w.do(controller.FormCluster{ClusterID: "c"})
	for id := int32(1); id <= n; id++ {
		w.do(controller.RegisterBroker{ID: id, Directory: [16]byte{byte(id)}, Rack: fmt.Sprint("rack-", id%2)})
	}
	return w
}

// do makes a change that must be possible.
func (w *world) do(request any) image.Event {
	w.t.Helper()
	plan, err := w.planner.Plan(w.tail, request)
	if err != nil {
		w.t.Fatalf("%+v: %v", request, err)
	}
	if (plan.Command == nil) != (plan.Next == w.tail) {
		w.t.Fatalf("%+v: command %v, image changed %v", request, plan.Command, plan.Next != w.tail)
	}
	w.tail = plan.Next
	return plan.Event
}

// refuses checks the code and the sentence of a refusal.
func (w *world) refuses(request any, code protocol.Code, message string) {
	w.t.Helper()
	plan, err := w.planner.Plan(w.tail, request)
	if protocol.CodeOf(err) != code || protocol.MessageOf(err) == nil || *protocol.MessageOf(err) != message {
		w.t.Errorf("%+v:\n got %v\nwant %v: %s", request, err, code, message)
	}
	if plan.Command != nil {
		w.t.Errorf("%+v: refused with a command", request)
	}
}

func text(s string) *string { return &s }

func simple(name string) controller.CreateTopic {
	return controller.CreateTopic{
		Name:              name,
		Partitions:        controller.FromDefault,
		ReplicationFactor: controller.FromDefault,
	}
}

func sized(name string, partitions int32, replicas int16) controller.CreateTopic {
	return controller.CreateTopic{Name: name, Partitions: partitions, ReplicationFactor: replicas}
}

func assigned(name string, assignments ...controller.Assignment) controller.CreateTopic {
	r := simple(name)
	r.Assignments = assignments
	return r
}

func TestTopicGetsTheBrokersDefaults(t *testing.T) {
	w := newWorld(t, 3, map[string]string{"num.partitions": "4", "default.replication.factor": "2"})
	topic := w.do(simple("a")).(image.TopicCreated).Topic
	if len(topic.Partitions) != 4 || len(topic.Partitions[0].Replicas) != 2 {
		t.Errorf("got %+v", topic)
	}
	w.do(
		controller.AlterConfig{
			AllBrokers: true,
			Changes:    []controller.Change{{Name: "num.partitions", Value: "7"}},
		},
	)
	if topic = w.do(simple("b")).(image.TopicCreated).Topic; len(topic.Partitions) != 7 {
		t.Errorf("%d partitions after num.partitions was altered to 7", len(topic.Partitions))
	}
	w.do(controller.AlterConfig{Broker: 1, Changes: []controller.Change{{Name: "num.partitions", Value: "8"}}})
	if topic = w.do(simple("c")).(image.TopicCreated).Topic; len(topic.Partitions) != 8 {
		t.Errorf("%d partitions after num.partitions of this broker was altered to 8", len(topic.Partitions))
	}
}

// TestSecondOfTwoTopicsLosesBeforeAnythingIsApplied is why plans are made against the tail.
func TestSecondOfTwoTopicsLosesBeforeAnythingIsApplied(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.do(simple("a.b"))
	w.refuses(simple("a.b"), protocol.TopicAlreadyExists, "Topic 'a.b' already exists.")
	w.refuses(simple("a_b"), protocol.InvalidTopicException, "Topic 'a_b' collides with existing topic: a.b")
}

func TestTopicsAreRefusedInKafkasWords(t *testing.T) {
	w := newWorld(t, 2, nil)
	w.refuses(simple("__cluster_metadata"), protocol.InvalidRequest,
		"Creation of internal topic __cluster_metadata is prohibited.")
	w.refuses(
		simple("a b"),
		protocol.InvalidTopicException,
		"Topic name is invalid: 'a b' contains one or more "+
			"characters other than ASCII alphanumerics, '.', '_' and '-'",
	)
	w.refuses(
		sized("a", 0, 1),
		protocol.InvalidPartitions,
		"Number of partitions was set to an invalid non-positive value.",
	)
	w.refuses(
		sized("a", -2, 1),
		protocol.InvalidPartitions,
		"Number of partitions was set to an invalid non-positive value.",
	)
	w.refuses(sized("a", 1, 0), protocol.InvalidReplicationFactor,
		"Replication factor must be larger than 0, or -1 to use the default value.")
	w.refuses(sized("a", 1, -2), protocol.InvalidReplicationFactor,
		"Replication factor must be larger than 0, or -1 to use the default value.")
	w.refuses(
		sized("a", 1, 3),
		protocol.InvalidReplicationFactor,
		"Unable to replicate the partition 3 time(s): "+
			"The target replication factor of 3 cannot be reached because only 2 broker(s) are registered.",
	)
	w.refuses(sized("a", controller.MaxPartitions+1, 1), protocol.PolicyViolation,
		"Excessively large number of partitions per request.")
	configs := simple("a")
	configs.Configs = map[string]*string{"b": nil, "a": nil, "retention.ms": text("1")}
	w.refuses(configs, protocol.InvalidConfig, "Null value not supported for topic configs: a,b")
	configs.Configs = map[string]*string{"no.such": text("1")}
	w.refuses(configs, protocol.InvalidConfig, "Unknown topic config name: no.such")
}

func TestClusterWithoutBrokersMakesNoTopics(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.refuses(simple("a"), protocol.InvalidReplicationFactor,
		"Unable to replicate the partition 1 time(s): All brokers are currently fenced.")
}

func TestManualAssignments(t *testing.T) {
	w := newWorld(t, 3, nil)
	at := func(partition int32, brokers ...int32) controller.Assignment {
		return controller.Assignment{Partition: partition, Brokers: brokers}
	}
	topic := w.do(assigned("a", at(1, 2, 3), at(0, 3, 1))).(image.TopicCreated).Topic
	if got := fmt.Sprint(topic.Partitions[0].Brokers(), topic.Partitions[1].Brokers()); got != "[3 1] [2 3]" {
		t.Errorf("got %s", got)
	}
	r := assigned("b", at(0, 1))
	r.ReplicationFactor = 1
	w.refuses(r, protocol.InvalidRequest,
		"A manual partition assignment was specified, but replication factor was not set to -1.")
	r = assigned("b", at(0, 1))
	r.Partitions = 1
	w.refuses(
		r,
		protocol.InvalidRequest,
		"A manual partition assignment was specified, but numPartitions was not set to -1.",
	)
	w.refuses(assigned("b", at(0, 1), at(0, 2)), protocol.InvalidReplicaAssignment,
		"Found multiple manual partition assignments for partition 0")
	w.refuses(assigned("b", at(0, 1), at(2, 2)), protocol.InvalidReplicaAssignment,
		"partitions should be a consecutive 0-based integer sequence")
	w.refuses(assigned("b", at(0)), protocol.InvalidReplicaAssignment,
		"The manual partition assignment includes an empty replica list.")
	w.refuses(assigned("b", at(0, 9)), protocol.InvalidReplicaAssignment,
		"The manual partition assignment includes broker 9, but no such broker is registered.")
	w.refuses(assigned("b", at(0, 1, 1)), protocol.InvalidReplicaAssignment,
		"The manual partition assignment includes the broker 1 more than once.")
	w.refuses(
		assigned("b", at(0, 1, 2), at(1, 1)),
		protocol.InvalidReplicaAssignment,
		"The manual partition assignment "+
			"includes a partition with 1 replica(s), but this is not consistent with previous partitions, which have 2 replica(s).",
	)
	many := make([]controller.Assignment, controller.MaxPartitions+1)
	w.refuses(
		assigned("b", many...),
		protocol.PolicyViolation,
		"Excessively large number of partitions per request.",
	)
}

func TestPartitionsAreSpread(t *testing.T) {
	w := newWorld(t, 4, nil)
	leaders := make(map[int32]int)
	replicas := make(map[int32]int)
	for n := range 40 {
		topic := w.do(sized(fmt.Sprint("t", n), 2, 2)).(image.TopicCreated).Topic
		for _, p := range topic.Partitions {
			brokers := p.Brokers()
			leaders[brokers[0]]++
			if brokers[0]%2 == brokers[1]%2 {
				t.Errorf("both replicas of %s-%d stand on one rack: %v", topic.Name, p.Index, brokers)
			}
			for _, broker := range brokers {
				replicas[broker]++
			}
		}
	}
	for broker := int32(1); broker <= 4; broker++ {
		if leaders[broker] != 20 || replicas[broker] != 40 {
			t.Errorf(
				"broker %d is first in %d of 80 partitions and holds %d of 160",
				broker,
				leaders[broker],
				replicas[broker],
			)
		}
	}
}

func TestValidateOnlyChangesNothing(t *testing.T) {
	w := newWorld(t, 1, nil)
	r := simple("a")
	r.ValidateOnly = true
	if topic := w.do(r).(image.TopicCreated).Topic; topic.Name != "a" || w.tail.Topic("a") != nil {
		t.Errorf("got %+v, topic in the image: %v", topic, w.tail.Topic("a"))
	}
	w.do(simple("a"))
	w.refuses(r, protocol.TopicAlreadyExists, "Topic 'a' already exists.")
	before := w.tail
	w.do(controller.CreatePartitions{Topic: "a", Count: 3, ValidateOnly: true})
	w.do(
		controller.AlterConfig{
			Topic:        "a",
			ValidateOnly: true,
			Changes:      []controller.Change{{Name: "retention.ms", Value: "1"}},
		},
	)
	if w.tail != before {
		t.Error("validation changed the image")
	}
}

func TestPartitionsAreCreated(t *testing.T) {
	w := newWorld(t, 3, nil)
	w.do(sized("a", 2, 2))
	topic := w.do(controller.CreatePartitions{Topic: "a", Count: 4}).(image.PartitionsCreated).Topic
	if len(topic.Partitions) != 4 || len(topic.Partitions[3].Replicas) != 2 {
		t.Errorf("got %+v", topic)
	}
	w.do(controller.CreatePartitions{Topic: "a", Count: 5, Assigned: true, Assignments: [][]int32{{3, 1}}})
	if got := fmt.Sprint(w.tail.Topic("a").Partitions[4].Brokers()); got != "[3 1]" {
		t.Errorf("got %s", got)
	}
	w.refuses(controller.CreatePartitions{Topic: "b", Count: 5}, protocol.UnknownTopicOrPartition,
		"This server does not host this topic-partition.")
	w.refuses(controller.CreatePartitions{Topic: "a", Count: 5}, protocol.InvalidPartitions,
		"Topic already has 5 partition(s).")
	w.refuses(controller.CreatePartitions{Topic: "a", Count: 4}, protocol.InvalidPartitions,
		"The topic a currently has 5 partition(s); 4 would not be an increase.")
	w.refuses(controller.CreatePartitions{Topic: "a", Count: -1}, protocol.InvalidPartitions,
		"The topic a currently has 5 partition(s); -1 would not be an increase.")
	w.refuses(controller.CreatePartitions{Topic: "a", Count: 7, Assigned: true, Assignments: [][]int32{{1, 2}}},
		protocol.InvalidReplicaAssignment,
		"Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.")
	w.refuses(
		controller.CreatePartitions{Topic: "a", Count: 6, Assigned: true, Assignments: [][]int32{{1}}},
		protocol.InvalidReplicaAssignment,
		"The manual partition assignment includes a partition with 1 replica(s), "+
			"but this is not consistent with previous partitions, which have 2 replica(s).",
	)
	w.refuses(controller.CreatePartitions{Topic: "a", Count: 1 << 30}, protocol.PolicyViolation,
		"Excessively large number of partitions per request.")
}

func TestTopicsAreDeleted(t *testing.T) {
	w := newWorld(t, 1, nil)
	topic := w.do(simple("a")).(image.TopicCreated).Topic
	if gone := w.do(controller.DeleteTopic{ID: topic.ID}).(image.TopicDeleted).Topic; gone.Name != "a" {
		t.Errorf("got %+v", gone)
	}
	w.refuses(
		controller.DeleteTopic{ID: topic.ID},
		protocol.UnknownTopicID,
		"This server does not host this topic ID.",
	)
	if again := w.do(simple("a")).(image.TopicCreated).Topic; again.ID == topic.ID {
		t.Error("a new topic has the id of a deleted one")
	}
}

func TestBrokersAndProducerIDs(t *testing.T) {
	w := newWorld(t, 1, nil)
	block := w.do(controller.AllocateProducerIDs{Broker: 1, Count: 1000}).(image.ProducerIDsAllocated)
	if block.First != 0 || block.Count != 1000 {
		t.Errorf("got %+v", block)
	}
	w.refuses(
		controller.AllocateProducerIDs{Broker: 1},
		protocol.UnknownServerError,
		"No producer ids are left.",
	)
	w.refuses(
		controller.FormCluster{ClusterID: "d"},
		protocol.InconsistentClusterID,
		"The cluster has the id c.",
	)
	w.refuses(
		controller.UnregisterBroker{ID: 5},
		protocol.BrokerIDNotRegistered,
		"Broker ID 5 is not currently registered.",
	)
	w.do(controller.UnregisterBroker{ID: 1})
	w.refuses(controller.RegisterBroker{ID: 1, Rack: "\xff"}, protocol.InvalidRegistration,
		`Broker 1 with rack "\xff" cannot be registered.`)
	w.refuses(
		controller.RegisterBroker{ID: 1, Endpoints: []image.Endpoint{{Host: "\xff"}}},
		protocol.InvalidRegistration,
		`Broker 1 has the address "\xff", which is no text.`,
	)
}

func TestStaticConfigsMustMakeSense(t *testing.T) {
	_, err := controller.NewPlanner(1, map[string]string{"num.partitions": "x", "no.such": "1"}, nil)
	if err == nil || !strings.Contains(err.Error(), "num.partitions") ||
		!strings.Contains(err.Error(), "no.such") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownRequestIsABug(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	newWorld(t, 1, nil).do("nonsense")
}
