package image_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
)

func expect(id int32) *metadatapb.Command {
	return &metadatapb.Command{Kind: &metadatapb.Command_ExpectBroker{ExpectBroker: &metadatapb.ExpectBroker{
		Broker: &metadatapb.Expected{Id: id, Raft: "h:1", Kafka: "h:2"}}}}
}

func reassign(id image.TopicID, brokers []int32) *metadatapb.Command {
	return &metadatapb.Command{Kind: &metadatapb.Command_ReassignPartitions{
		ReassignPartitions: &metadatapb.ReassignPartitions{Id: id[:],
			Partitions: []*metadatapb.Reassignment{{Brokers: brokers}}}}}
}

func complete(id image.TopicID, target ...uint64) *metadatapb.Command {
	return &metadatapb.Command{Kind: &metadatapb.Command_CompleteReassignment{
		CompleteReassignment: &metadatapb.CompleteReassignment{Id: id[:], Target: target}}}
}

func targetOf(p image.Partition) (target []uint64) {
	for _, replica := range p.Target() {
		target = append(target, uint64(replica))
	}
	return target
}

// TestReplicasAreNeverUsedTwice reassigns, calls off, completes and wipes at random. No replica that has left
// a partition, or was on a disk that is lost, comes back; what leaves stays until the group is done; and every
// image on the way survives its snapshot.
func TestReplicasAreNeverUsedTwice(t *testing.T) {
	seed := seedOf(t)
	for k := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, k))
		i, _ := apply(t, cluster(t, 5), create("a", topicID(1), nil, []int32{1, 2, 3}))
		gone := map[image.ReplicaID]bool{}
		directory := byte(10)
		for step := range 300 {
			before := i.Topic("a").Partitions[0]
			completing, wiped := false, int32(0)
			var command *metadatapb.Command
			switch rng.IntN(5) {
			case 0, 1:
				brokers := []int32{1, 2, 3, 4, 5}
				rng.Shuffle(5, func(a, b int) { brokers[a], brokers[b] = brokers[b], brokers[a] })
				command = reassign(topicID(1), brokers[:1+rng.IntN(4)])
			case 2:
				command = reassign(topicID(1), nil)
			case 3:
				command, completing = complete(topicID(1), targetOf(before)...), true
			default:
				wiped, directory = 1+rng.Int32N(5), directory+1
				command = register(wiped, directory)
			}
			next, event := i.Apply(command)
			_, rejected := event.(image.Rejected)
			i = next
			restored(t, encoded(t, i.Snapshot()))
			after := i.Topic("a").Partitions[0]
			for _, replica := range before.Replicas {
				if slices.Contains(after.Replicas, replica) {
					continue
				}
				if rejected || !completing && replica.Broker() != wiped {
					t.Fatalf("seed %d, step %d: %v dropped %x", seed, step, command, replica)
				}
				gone[replica] = true
			}
			for _, replica := range after.Replicas {
				if gone[replica] {
					t.Fatalf("seed %d, step %d: %v brought %x back", seed, step, command, replica)
				}
				if !slices.Contains(before.Replicas, replica) && replica.Founder() {
					t.Fatalf("seed %d, step %d: %x comes late and takes itself for a founder", seed, step, replica)
				}
			}
			if completing && !rejected && after.Reassigning() {
				t.Fatalf("seed %d, step %d: %+v after it was completed", seed, step, after)
			}
		}
		if len(gone) == 0 {
			t.Fatal("nothing ever left: the test proves nothing")
		}
	}
}

func TestReassignmentsAreRejected(t *testing.T) {
	i, _ := apply(t, cluster(t, 3), create("a", topicID(1), nil, []int32{1, 2}))
	rejects(t, i, reassign(topicID(2), []int32{1}))
	rejects(t, i, reassign(topicID(1), nil))
	rejects(t, i, reassign(topicID(1), []int32{1, 1}))
	rejects(t, i, reassign(topicID(1), []int32{9}))
	rejects(t, i, complete(topicID(1), targetOf(i.Topic("a").Partitions[0])...))
	rejects(t, i, expect(1))
	rejects(t, i, expect(-1))
	i, _ = apply(t, i, reassign(topicID(1), []int32{1, 3}))
	rejects(t, i, complete(topicID(1), 1<<32|1))
}

func TestReplicaIDsKeepTheirParts(t *testing.T) {
	id := image.NewReplicaID(7, 3)
	if uint64(id) != 7<<32|3 || id.Addition() != 0 || !id.Founder() {
		t.Errorf("got %x: the ids of partitions that exist would change", uint64(id))
	}
	late := id.WithAddition(5)
	if late.Broker() != 7 || late.Incarnation() != 3 || late.Addition() != 5 || late.Founder() ||
		late.WithAddition(0) != id {
		t.Errorf("got %x", uint64(late))
	}
}

// TestAdditionsRunOut is the partition that has had as many replicas as there are numbers.
func TestAdditionsRunOut(t *testing.T) {
	i, _ := apply(t, cluster(t, 3), create("a", topicID(1), nil, []int32{1}))
	stored := i.Snapshot()
	stored.Topics[0].Partitions[0].NextAddition = 1<<16 - 1
	i, err := image.FromSnapshot(stored)
	if err != nil {
		t.Fatal(err)
	}
	rejects(t, i, reassign(topicID(1), []int32{2}))
	rejects(t, i, register(1, 77))
}
