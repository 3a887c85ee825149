package controller

import (
	"cmp"
	"slices"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
)

// placeTopic decides which brokers hold the partitions of a new topic.
func (p *Planner) placeTopic(tail *image.Image, r CreateTopic) ([]*metadatapb.Assignment, error) {
	if len(r.Assignments) > 0 {
		return manual(tail, r)
	}
	if r.ReplicationFactor < FromDefault || r.ReplicationFactor == 0 {
		return nil, refuse(protocol.InvalidReplicationFactor,
			"Replication factor must be larger than 0, or -1 to use the default value.")
	}
	if r.Partitions < FromDefault || r.Partitions == 0 {
		return nil, refuse(protocol.InvalidPartitions,
			"Number of partitions was set to an invalid non-positive value.")
	}
	layers := p.layers(tail, nil)
	partitions, replicas := int64(r.Partitions), int64(r.ReplicationFactor)
	if partitions == FromDefault {
		partitions = layers.BrokerInt(config.NumPartitions)
	}
	if replicas == FromDefault {
		replicas = layers.BrokerInt(config.DefaultReplicationFactor)
	}
	if partitions > MaxPartitions {
		return nil, refuse(protocol.PolicyViolation, "Excessively large number of partitions per request.")
	}
	return p.place(tail, 0, int(partitions), int(replicas))
}

// placeMore decides which brokers hold the new partitions of a topic.
func (p *Planner) placeMore(tail *image.Image, t *image.Topic, r CreatePartitions,
) ([]*metadatapb.Assignment, error) {
	replicas, current := len(t.Partitions[0].Replicas), len(t.Partitions)
	if !r.Assigned {
		return p.place(tail, current, int(r.Count)-current, replicas)
	}
	assignments := make([]*metadatapb.Assignment, 0, len(r.Assignments))
	for _, brokers := range r.Assignments {
		if err := checkAssignment(tail, brokers, replicas); err != nil {
			return nil, err
		}
		assignments = append(assignments, &metadatapb.Assignment{Brokers: brokers})
	}
	return assignments, nil
}

// manual checks the assignment that a request brings along.
func manual(tail *image.Image, r CreateTopic) ([]*metadatapb.Assignment, error) {
	if r.ReplicationFactor != FromDefault {
		return nil, refuse(protocol.InvalidRequest,
			"A manual partition assignment was specified, but replication factor was not set to -1.")
	}
	if r.Partitions != FromDefault {
		return nil, refuse(protocol.InvalidRequest,
			"A manual partition assignment was specified, but numPartitions was not set to -1.")
	}
	if len(r.Assignments) > MaxPartitions {
		return nil, refuse(protocol.PolicyViolation, "Excessively large number of partitions per request.")
	}
	byPartition := make(map[int32][]int32, len(r.Assignments))
	replicas := 0 // any number for the first
	for _, assignment := range r.Assignments {
		if _, twice := byPartition[assignment.Partition]; twice {
			return nil, refuse(protocol.InvalidReplicaAssignment,
				"Found multiple manual partition assignments for partition %d", assignment.Partition)
		}
		if err := checkAssignment(tail, assignment.Brokers, replicas); err != nil {
			return nil, err
		}
		replicas = len(assignment.Brokers)
		byPartition[assignment.Partition] = assignment.Brokers
	}
	return consecutive(byPartition)
}

// consecutive lists assignments by partition, which must be numbered 0, 1, 2 and so on.
func consecutive(byPartition map[int32][]int32) ([]*metadatapb.Assignment, error) {
	assignments := make([]*metadatapb.Assignment, len(byPartition))
	for i := range assignments {
		brokers, found := byPartition[int32(i)]
		if !found {
			return nil, refuse(protocol.InvalidReplicaAssignment,
				"partitions should be a consecutive 0-based integer sequence")
		}
		assignments[i] = &metadatapb.Assignment{Brokers: brokers}
	}
	return assignments, nil
}

// checkAssignment checks the brokers of one partition; replicas is how many there must be, 0 for any.
func checkAssignment(tail *image.Image, brokers []int32, replicas int) error {
	if len(brokers) == 0 {
		return refuse(protocol.InvalidReplicaAssignment,
			"The manual partition assignment includes an empty replica list.")
	}
	sorted := slices.Sorted(slices.Values(brokers))
	for i, broker := range sorted {
		if tail.Broker(broker) == nil {
			return refuse(protocol.InvalidReplicaAssignment, "The manual partition assignment includes "+
				"broker %d, but no such broker is registered.", broker)
		}
		if i > 0 && sorted[i-1] == broker {
			return refuse(protocol.InvalidReplicaAssignment, "The manual partition assignment includes "+
				"the broker %d more than once.", broker)
		}
	}
	if replicas > 0 && len(brokers) != replicas {
		return refuse(protocol.InvalidReplicaAssignment, "The manual partition assignment includes "+
			"a partition with %d replica(s), but this is not consistent with previous partitions, "+
			"which have %d replica(s).", len(brokers), replicas)
	}
	return nil
}

// place spreads partitions over the brokers. Partition n has its preferred leader on broker n modulo the
// number of brokers, shifted by the number of partitions that the cluster has, so that many topics with
// one partition do not all start on the same broker; the other replicas follow in the same order. The
// order takes one broker of each rack in turn, which puts neighbours on different racks where it can.
//
// Brokers that do not run are taken only when there are too few that do, and never as preferred leaders.
func (p *Planner) place(tail *image.Image, from, count, replicas int) ([]*metadatapb.Assignment, error) {
	var running, others []*image.Broker
	for _, broker := range tail.Brokers() {
		if p.alive(broker.ID) {
			running = append(running, broker)
		} else {
			others = append(others, broker)
		}
	}
	if len(running) == 0 {
		return nil, refuse(protocol.InvalidReplicationFactor, "Unable to replicate the partition %d time(s): "+
			"All brokers are currently fenced.", replicas)
	}
	if registered := len(running) + len(others); replicas > registered {
		return nil, refuse(protocol.InvalidReplicationFactor, "Unable to replicate the partition %d time(s): "+
			"The target replication factor of %d cannot be reached because only %d broker(s) are registered.",
			replicas, replicas, registered)
	}
	first, rest := byRack(running), byRack(others)
	shift := tail.PartitionCount() - from
	assignments := make([]*metadatapb.Assignment, count)
	for i := range assignments {
		at := shift + from + i
		chosen := make([]int32, 0, replicas)
		for n := range min(replicas, len(first)) {
			chosen = append(chosen, first[(at+n)%len(first)])
		}
		for n := range replicas - len(chosen) {
			chosen = append(chosen, rest[(at+n)%len(rest)])
		}
		assignments[i] = &metadatapb.Assignment{Brokers: chosen}
	}
	return assignments, nil
}

// byRack lists brokers so that neighbours stand on different racks as far as possible.
func byRack(brokers []*image.Broker) []int32 {
	turn := make(map[string]int)
	type seat struct {
		turn int
		rack string
		id   int32
	}
	seats := make([]seat, 0, len(brokers))
	for _, broker := range brokers {
		seats = append(seats, seat{turn[broker.Rack], broker.Rack, broker.ID})
		turn[broker.Rack]++
	}
	slices.SortFunc(seats, func(a, b seat) int {
		return cmp.Or(cmp.Compare(a.turn, b.turn), cmp.Compare(a.rack, b.rack), cmp.Compare(a.id, b.id))
	})
	ids := make([]int32, len(seats))
	for i, seat := range seats {
		ids[i] = seat.id
	}
	return ids
}
