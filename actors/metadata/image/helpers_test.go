package image_test

import (
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
)

func form(id string) *metadatapb.Command {
	return &metadatapb.Command{Kind: &metadatapb.Command_FormCluster{FormCluster: &metadatapb.FormCluster{
		ClusterId: id, Features: map[string]int32{"metadata.version": 1},
	}}}
}

func register(id int32, directory byte) *metadatapb.Command {
	return &metadatapb.Command{
		Kind: &metadatapb.Command_RegisterBroker{RegisterBroker: &metadatapb.RegisterBroker{
			Id: id, Directory: append(make([]byte, 15), directory), Rack: "r" + strconv.Itoa(int(id)%2),
			Endpoints: []*metadatapb.Endpoint{{Listener: "PLAINTEXT", Host: "h" + strconv.Itoa(int(id)), Port: 9092}},
		}},
	}
}

func unregister(id int32) *metadatapb.Command {
	return &metadatapb.Command{Kind: &metadatapb.Command_UnregisterBroker{
		UnregisterBroker: &metadatapb.UnregisterBroker{Id: id}}}
}

func topicID(n uint64) image.TopicID {
	var id image.TopicID
	binary.BigEndian.PutUint64(id[:8], n+1)
	binary.BigEndian.PutUint64(id[8:], n*0x9e3779b97f4a7c15)
	return id
}

func assignments(brokers ...[]int32) []*metadatapb.Assignment {
	var list []*metadatapb.Assignment
	for _, replicas := range brokers {
		list = append(list, &metadatapb.Assignment{Brokers: replicas})
	}
	return list
}

func create(
	name string,
	id image.TopicID,
	configs map[string]string,
	brokers ...[]int32,
) *metadatapb.Command {
	return &metadatapb.Command{Kind: &metadatapb.Command_CreateTopic{CreateTopic: &metadatapb.CreateTopic{
		Name: name, Id: id[:], Partitions: assignments(brokers...), Configs: configs,
	}}}
}

func remove(id image.TopicID) *metadatapb.Command {
	return &metadatapb.Command{
		Kind: &metadatapb.Command_DeleteTopic{DeleteTopic: &metadatapb.DeleteTopic{Id: id[:]}},
	}
}

func grow(id image.TopicID, from int32, brokers ...[]int32) *metadatapb.Command {
	return &metadatapb.Command{Kind: &metadatapb.Command_CreatePartitions{
		CreatePartitions: &metadatapb.CreatePartitions{Id: id[:], From: from, Partitions: assignments(brokers...)}}}
}

func alterTopic(name string, set map[string]string, drop ...string) *metadatapb.Command {
	return alter(metadatapb.Resource_RESOURCE_TOPIC, name, set, drop...)
}

func alterBroker(name string, set map[string]string, drop ...string) *metadatapb.Command {
	return alter(metadatapb.Resource_RESOURCE_BROKER, name, set, drop...)
}

func alter(kind metadatapb.Resource, name string, set map[string]string, drop ...string) *metadatapb.Command {
	return &metadatapb.Command{Kind: &metadatapb.Command_AlterConfig{AlterConfig: &metadatapb.AlterConfig{
		Resource: kind, Name: name, Set: set, Remove: drop}}}
}

func allocate(broker, count int32) *metadatapb.Command {
	return &metadatapb.Command{Kind: &metadatapb.Command_AllocateProducerIds{
		AllocateProducerIds: &metadatapb.AllocateProducerIds{Broker: broker, Count: count}}}
}

func setFeature(name string, level int32) *metadatapb.Command {
	return &metadatapb.Command{Kind: &metadatapb.Command_UpdateFeatures{
		UpdateFeatures: image.LevelsProto(map[string]int32{name: level})}}
}

// apply applies commands that must fit and returns the last event.
func apply(t testing.TB, i *image.Image, commands ...*metadatapb.Command) (*image.Image, image.Event) {
	t.Helper()
	var event image.Event
	for _, command := range commands {
		i, event = i.Apply(command)
		if rejected, is := event.(image.Rejected); is {
			t.Fatalf("%v rejected: %v", command, rejected.Err)
		}
	}
	return i, event
}

// rejects checks that a command changes nothing but the version.
func rejects(t *testing.T, i *image.Image, command *metadatapb.Command) {
	t.Helper()
	next, event := i.Apply(command)
	rejected, is := event.(image.Rejected)
	if !is || !errors.Is(rejected.Err, image.ErrConflict) {
		t.Fatalf("%v: got %#v, want a rejection", command, event)
	}
	if next.Version() != i.Version()+1 {
		t.Errorf("version %d after %d", next.Version(), i.Version())
	}
	before, after := i.Snapshot(), next.Snapshot()
	before.Version, after.Version = 0, 0
	if string(encoded(t, before)) != string(encoded(t, after)) {
		t.Errorf("%v changed the image", command)
	}
}

func encoded(t testing.TB, s *metadatapb.Snapshot) []byte {
	t.Helper()
	data, err := metadatapb.EncodeSnapshot(s)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// seedOf returns the seed of a random test: SEED from the environment, else a new one, printed.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	if text := os.Getenv("SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return seed
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("SEED=%d", seed)
	return seed
}
