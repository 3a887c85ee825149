package image_test

import (
	"slices"
	"testing"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/storage/wal"
)

// cluster returns an image with brokers 1 to n.
func cluster(t testing.TB, n int32) *image.Image {
	i, _ := apply(t, image.New(), form("cluster"))
	for id := int32(1); id <= n; id++ {
		i, _ = apply(t, i, register(id, byte(id)))
	}
	return i
}

func TestFormingHappensOnce(t *testing.T) {
	i, event := apply(t, image.New(), form("one"))
	if i.ClusterID() != "one" || event != (image.ClusterFormed{ClusterID: "one"}) ||
		i.Feature("metadata.version") != 1 {
		t.Fatalf("got %q, %#v", i.ClusterID(), event)
	}
	rejects(t, i, form("two"))
	rejects(t, image.New(), form(""))
}

func TestTopicGetsGroupsAndReplicas(t *testing.T) {
	i, event := apply(t, cluster(t, 3), create("orders", topicID(1), map[string]string{"a": "b"},
		[]int32{1, 2}, []int32{2, 3}))
	topic := i.Topic("orders")
	if topic == nil || i.TopicByID(topicID(1)) != topic || event.(image.TopicCreated).Topic != topic {
		t.Fatalf("got %v by name, %v by id", topic, i.TopicByID(topicID(1)))
	}
	if got := []wal.GroupID{topic.Partitions[0].Group, topic.Partitions[1].Group}; got[0] != 2 || got[1] != 3 {
		t.Errorf("groups %v, want 2 and 3: group 1 is the metadata log", got)
	}
	if got := topic.Partitions[1].Brokers(); !slices.Equal(got, []int32{2, 3}) {
		t.Errorf("brokers %v", got)
	}
	if id, here := topic.Partitions[1].ReplicaOn(3); !here || id != image.NewReplicaID(3, 1) {
		t.Errorf("replica on 3: %x, %v", id, here)
	}
	if _, here := topic.Partitions[1].ReplicaOn(1); here {
		t.Error("partition 1 has a replica on broker 1")
	}
	if i.PartitionCount() != 2 || i.TopicCount() != 1 || topic.Configs["a"] != "b" {
		t.Errorf("%d partitions, %d topics, configs %v", i.PartitionCount(), i.TopicCount(), topic.Configs)
	}
}

func TestGroupsAreNeverUsedAgain(t *testing.T) {
	i, _ := apply(t, cluster(t, 1), create("a", topicID(1), nil, []int32{1}), remove(topicID(1)),
		create("a", topicID(2), nil, []int32{1}))
	if got := i.Topic("a").Partitions[0].Group; got != 3 {
		t.Errorf("group %d, want 3: 2 belonged to a topic that was deleted", got)
	}
}

func TestRejectedTopicTakesNoGroup(t *testing.T) {
	i := cluster(t, 1)
	rejects(t, i, create("a", topicID(1), nil, []int32{1}, []int32{9}))
	if i.NextGroup() != 2 {
		t.Errorf("next group %d, want 2", i.NextGroup())
	}
}

func TestTopicsAreRejected(t *testing.T) {
	i, _ := apply(t, cluster(t, 2), create("a.b", topicID(1), nil, []int32{1}))
	rejects(t, i, create("a.b", topicID(2), nil, []int32{1}))
	rejects(t, i, create("a_b", topicID(2), nil, []int32{1}))
	rejects(t, i, create("c", topicID(1), nil, []int32{1}))
	rejects(t, i, create("c", image.TopicID{15: 1}, nil, []int32{1}))
	rejects(t, i, create("..", topicID(2), nil, []int32{1}))
	rejects(t, i, create("c", topicID(2), nil))
	rejects(t, i, create("c", topicID(2), nil, []int32{}))
	rejects(t, i, create("c", topicID(2), nil, []int32{1, 1}))
	rejects(t, i, create("c", topicID(2), nil, []int32{3}))
	rejects(t, i, remove(topicID(2)))
	rejects(t, i, grow(topicID(1), 2, []int32{1}))
	rejects(t, i, grow(topicID(2), 1, []int32{1}))
	rejects(t, i, alterTopic("c", nil))
	rejects(t, i, alterBroker("x", nil))
	rejects(t, i, alterBroker("-1", nil))
	rejects(t, i, alter(99, "x", nil))
	rejects(t, i, allocate(1, 0))
	rejects(t, i, setFeature("", 1))
	rejects(t, i, unregister(9))
}

func TestNamesCollideWhileTheTopicLives(t *testing.T) {
	i, _ := apply(t, cluster(t, 1), create("a.b_c", topicID(1), nil, []int32{1}))
	if other, found := i.Colliding("a_b.c"); !found || other != "a.b_c" {
		t.Errorf("a_b.c collides with %q, %v", other, found)
	}
	if _, found := i.Colliding("abc"); found {
		t.Error("abc collides")
	}
	i, _ = apply(t, i, remove(topicID(1)), create("a_b.c", topicID(2), nil, []int32{1}))
	if other, _ := i.Colliding("a.b.c"); other != "a_b.c" {
		t.Errorf("a.b.c collides with %q", other)
	}
}

func TestPartitionsAreAppended(t *testing.T) {
	before, _ := apply(t, cluster(t, 2), create("a", topicID(1), nil, []int32{1}))
	i, event := apply(t, before, grow(topicID(1), 1, []int32{2}, []int32{1}))
	if created := event.(image.PartitionsCreated); created.From != 1 || created.Topic != i.Topic("a") {
		t.Errorf("got %#v", event)
	}
	if len(i.Topic("a").Partitions) != 3 || len(before.Topic("a").Partitions) != 1 || i.PartitionCount() != 3 {
		t.Errorf("%d partitions, %d before", len(i.Topic("a").Partitions), len(before.Topic("a").Partitions))
	}
	if i.TopicByID(topicID(1)) != i.Topic("a") {
		t.Error("name and id lead to different topics")
	}
}

func TestConfigsAreSetAndRemoved(t *testing.T) {
	i, _ := apply(t, cluster(t, 2), create("a", topicID(1), map[string]string{"x": "1"}, []int32{1}),
		alterTopic("a", map[string]string{"y": "2"}, "x"),
		alterBroker("", map[string]string{"d": "1", "e": "2"}),
		alterBroker("2", map[string]string{"d": "3"}))
	if got := i.Topic("a").Configs; len(got) != 1 || got["y"] != "2" {
		t.Errorf("topic: %v", got)
	}
	if i.DefaultConfigs()["e"] != "2" || i.BrokerConfigs(2)["d"] != "3" || i.BrokerConfigs(1) != nil {
		t.Errorf(
			"defaults %v, broker 2 %v, broker 1 %v",
			i.DefaultConfigs(),
			i.BrokerConfigs(2),
			i.BrokerConfigs(1),
		)
	}
	i, event := apply(t, i, alterTopic("a", nil, "y"), alterBroker("2", nil, "d"))
	if i.Topic("a").Configs != nil || i.BrokerConfigs(2) != nil {
		t.Error("empty configs are kept")
	}
	if event != (image.BrokerConfigured{Broker: 2}) {
		t.Errorf("got %#v", event)
	}
}

func TestWipedBrokerComesBackAsAnotherReplica(t *testing.T) {
	i, event := apply(t, cluster(t, 1), create("a", topicID(1), nil, []int32{1}), register(1, 1))
	if again := event.(image.BrokerRegistered); again.Broker.Incarnation != 1 || again.Previous == nil {
		t.Errorf("same directory: %+v", again.Broker)
	}
	i, event = apply(t, i, register(1, 99))
	if i.Broker(1).Incarnation != 2 || i.Broker(1).Epoch != i.Version() {
		t.Errorf("got %+v", i.Broker(1))
	}
	if wiped := event.(image.BrokerRegistered); len(wiped.Topics) != 1 || wiped.Topics[0] != i.Topic("a") {
		t.Errorf("changed topics: %v", wiped.Topics)
	}
	i, _ = apply(t, i, create("b", topicID(2), nil, []int32{1}))
	old, fresh := i.Topic("a").Partitions[0], i.Topic("b").Partitions[0].Replicas[0]
	if old.Replicas[0] != image.NewReplicaID(1, 2).WithAddition(1) || old.Founders[0] != image.NewReplicaID(1, 1) {
		t.Errorf("replicas %x, founders %x", old.Replicas, old.Founders)
	}
	if fresh != image.NewReplicaID(1, 2) || fresh.Broker() != 1 || !fresh.Founder() {
		t.Errorf("new replica %x", fresh)
	}
}

func TestProducerIDsAreHandedOutOnce(t *testing.T) {
	i, first := apply(t, cluster(t, 1), allocate(1, 1000))
	i, second := apply(t, i, allocate(2, 10))
	if first != (image.ProducerIDsAllocated{Broker: 1, First: 0, Count: 1000}) ||
		second != (image.ProducerIDsAllocated{Broker: 2, First: 1000, Count: 10}) || i.NextProducerID() != 1010 {
		t.Errorf("got %+v, %+v, next %d", first, second, i.NextProducerID())
	}
}

func TestFeaturesAreFinalized(t *testing.T) {
	i, _ := apply(t, cluster(t, 1), setFeature("x", 2), setFeature("metadata.version", 0))
	if i.Feature("x") != 2 || i.Feature("metadata.version") != 0 || len(i.Features()) != 1 {
		t.Errorf("got %v", i.Features())
	}
}

func TestTopicsComeInOrder(t *testing.T) {
	i := cluster(t, 1)
	for n, name := range []string{"m", "b", "z", "a"} {
		i, _ = apply(t, i, create(name, topicID(uint64(n)), nil, []int32{1}))
	}
	names := func(from string) (names string) {
		for topic := range i.TopicsFrom(from) {
			names += topic.Name
		}
		return names
	}
	if names("") != "abmz" || names("b") != "bmz" || names("c") != "mz" || names("zz") != "" {
		t.Errorf("got %s %s %s %s", names(""), names("b"), names("c"), names("zz"))
	}
	for range i.Topics() {
		break // a loop may stop early
	}
}

func TestTopicIDText(t *testing.T) {
	id := topicID(7)
	parsed, err := image.ParseTopicID(id.String())
	if err != nil || parsed != id || len(id.String()) != 22 {
		t.Errorf("%s became %s, %v", id, parsed, err)
	}
	for _, wrong := range []string{"", "x", id.String() + "A", "!" + id.String()[1:]} {
		if _, err := image.ParseTopicID(wrong); err == nil {
			t.Errorf("%q is a topic id", wrong)
		}
	}
}

// repeating is a source that yields the same bytes for ever, after those of first.
type repeating struct{ first, then []byte }

func (r *repeating) Read(p []byte) (int, error) {
	if len(r.first) > 0 {
		n := copy(p, r.first)
		r.first = r.first[n:]
		return n, nil
	}
	return copy(p, r.then), nil
}

func TestNewTopicIDsStartNoOption(t *testing.T) {
	dash := make([]byte, 16)
	dash[0] = 62 << 2 // the first character of its text is a dash
	id, err := image.NewTopicID(&repeating{first: dash, then: []byte("0123456789abcdef")})
	if err != nil || id.String()[0] == '-' || id.IsZero() || id.Reserved() {
		t.Errorf("got %s, %v", id, err)
	}
}

func TestReservedTopicIDs(t *testing.T) {
	for last := range 256 {
		if got := (image.TopicID{15: byte(last)}).Reserved(); got != (last < 100) {
			t.Errorf("id %d: reserved %v", last, got)
		}
	}
	if (image.TopicID{0: 1}).Reserved() {
		t.Error("an ordinary id is reserved")
	}
}

func TestTopicNames(t *testing.T) {
	long := make([]byte, 250)
	for i := range long {
		long[i] = 'a'
	}
	for name, want := range map[string]string{
		"":  "Topic name is invalid: the empty string is not allowed",
		".": "Topic name is invalid: '.' is not allowed", "..": "Topic name is invalid: '..' is not allowed",
		"a b": "Topic name is invalid: 'a b' contains one or more characters other than " +
			"ASCII alphanumerics, '.', '_' and '-'",
		"ä": "Topic name is invalid: 'ä' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
		string(long): "Topic name is invalid: the length of '" + string(long) +
			"' is longer than the max allowed length 249",
		string(long[:249]): "", "Az09._-": "", "...": "",
	} {
		if got := image.InvalidTopicName(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestBrokerAnswersForItsListener(t *testing.T) {
	broker := &image.Broker{Endpoints: []image.Endpoint{{Listener: "A", Port: 1}, {Listener: "B", Port: 2}}}
	for listener, port := range map[string]int32{"A": 1, "B": 2, "C": 1} {
		if at, found := broker.Endpoint(listener); !found || at.Port != port {
			t.Errorf("%s: %+v, %v", listener, at, found)
		}
	}
	if _, found := (&image.Broker{}).Endpoint("A"); found {
		t.Error("a broker without listeners can be reached")
	}
}
