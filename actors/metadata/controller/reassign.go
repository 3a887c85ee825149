package controller

import (
	"slices"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
)

// reassignPartition checks a reassignment as Kafka's controller does (KIP-455).
func reassignPartition(tail *image.Image, r ReassignPartition) (*metadatapb.Command, error) {
	topic := tail.Topic(r.Topic)
	if topic == nil {
		return nil, refuse(protocol.UnknownTopicOrPartition, "Unable to find a topic named %s.", r.Topic)
	}
	p, found := topic.Partition(r.Partition)
	if !found {
		return nil, refuse(protocol.UnknownTopicOrPartition, "Unable to find partition %s:%d.",
			r.Topic, r.Partition)
	}
	if r.Brokers == nil {
		if !p.Reassigning() || calledOff(p) {
			return nil, refuse(protocol.NoReassignmentInProgress, "No partition reassignment is in progress.")
		}
		return reassignment(topic.ID, []Assignment{{Partition: r.Partition}}), nil
	}
	if err := checkAssignment(tail, r.Brokers, 0); err != nil {
		return nil, err
	}
	if replicas := len(p.Original()); !r.AllowRFChange && len(r.Brokers) != replicas {
		return nil, refuse(protocol.InvalidReplicationFactor,
			"The replication factor is changed from %d to %d", replicas, len(r.Brokers))
	}
	return reassignment(topic.ID, []Assignment{{Partition: r.Partition, Brokers: r.Brokers}}), nil
}

// calledOff tells whether all that is left of a reassignment are replicas that leave again.
func calledOff(p image.Partition) bool {
	return len(p.Adding) == 0 && len(p.Removing) == len(p.Aborted)
}

func reassignPartitions(tail *image.Image, r ReassignPartitions) (*metadatapb.Command, error) {
	topic := tail.TopicByID(r.ID)
	if topic == nil {
		return nil, refuse(protocol.UnknownTopicID, "This server does not host this topic ID.")
	}
	if len(r.Partitions) == 0 {
		return nil, refuse(protocol.InvalidRequest, "No partitions were given.")
	}
	var seen []int32
	for _, one := range r.Partitions {
		if _, found := topic.Partition(one.Partition); !found || slices.Contains(seen, one.Partition) {
			return nil, refuse(protocol.UnknownTopicOrPartition, "Unable to find partition %s:%d, or it was given "+
				"twice.", topic.Name, one.Partition)
		}
		if err := checkAssignment(tail, one.Brokers, 0); err != nil {
			return nil, err
		}
		seen = append(seen, one.Partition)
	}
	return reassignment(topic.ID, r.Partitions), nil
}

func reassignment(id image.TopicID, partitions []Assignment) *metadatapb.Command {
	command := &metadatapb.ReassignPartitions{Id: id[:], Partitions: encodeAssignments(partitions)}
	return &metadatapb.Command{Kind: &metadatapb.Command_ReassignPartitions{ReassignPartitions: command}}
}

// completeReassignment answers at once when the partition has these replicas already, since whoever leads
// its group says so again until it is told that it was heard. A target that is not the present one is that
// of a reassignment that has been changed meanwhile.
func completeReassignment(tail *image.Image, r CompleteReassignment) (Plan, error) {
	topic := tail.TopicByID(r.ID)
	p, found := topic.Partition(r.Partition)
	if !found {
		return Plan{}, refuse(protocol.UnknownTopicOrPartition, "Unable to find partition %s:%d.",
			r.ID, r.Partition)
	}
	if !sameReplicas(p.Target(), r.Target) {
		return Plan{}, refuse(protocol.NoReassignmentInProgress,
			"Partition %s:%d is to have other replicas meanwhile.", topic.Name, r.Partition)
	}
	if !p.Reassigning() {
		done := image.ReassignmentCompleted{Topic: topic, Partition: r.Partition}
		return Plan{Next: tail, Event: done}, nil
	}
	return finish(tail, &metadatapb.Command{Kind: &metadatapb.Command_CompleteReassignment{
		CompleteReassignment: completion(r),
	}}, nil, false)
}

func completion(r CompleteReassignment) *metadatapb.CompleteReassignment {
	complete := &metadatapb.CompleteReassignment{Id: r.ID[:], Partition: r.Partition}
	for _, replica := range r.Target {
		complete.Target = append(complete.Target, uint64(replica))
	}
	return complete
}

func sameReplicas(a, b []image.ReplicaID) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
