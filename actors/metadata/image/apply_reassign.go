package image

import (
	"slices"

	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
)

// reassignPartitions gives partitions of a topic other replicas, all of them or none.
func (i *Image) reassignPartitions(c *metadatapb.ReassignPartitions) (Event, error) {
	topic, err := i.existing(c.GetId())
	if err != nil {
		return nil, err
	}
	if len(c.GetPartitions()) == 0 {
		return nil, conflict("reassignment of no partition")
	}
	changed := *topic
	changed.Partitions = slices.Clone(topic.Partitions)
	touched := make([]int32, 0, len(c.GetPartitions()))
	for _, one := range c.GetPartitions() {
		p, found := changed.Partition(one.GetPartition())
		if !found || slices.Contains(touched, p.Index) {
			return nil, conflict("no partition %d of topic %s, or twice", one.GetPartition(), topic.Name)
		}
		next, err := i.reassigned(p, one.GetBrokers())
		if err != nil {
			return nil, err
		}
		changed.Partitions[p.Index] = next
		touched = append(touched, p.Index)
	}
	i.replaceTopic(topic, &changed)
	return PartitionsReassigned{Topic: &changed, Partitions: touched}, nil
}

// reassigned returns a partition that shall have replicas on other brokers, or go back to what it had
// before if none are given.
//
// Replicas on brokers that stay keep their ids. Those that leave stay in Replicas, even if they were on
// their way in: the group may count on them until it has changed its members.
func (i *Image) reassigned(p Partition, brokers []int32) (Partition, error) {
	if len(brokers) == 0 {
		if !p.Reassigning() {
			return p, conflict("partition %d is not being reassigned", p.Index)
		}
		brokers = BrokersOf(p.Original())
	}
	if len(brokers) == 0 {
		return p, conflict("partition %d without replicas", p.Index)
	}
	original := p.Original()
	target := make([]ReplicaID, 0, len(brokers))
	for _, id := range brokers {
		replica, held := p.ReplicaOn(id)
		if !held {
			broker := i.brokers[id]
			if broker == nil {
				return p, conflict("broker %d is not registered", id)
			}
			var err error
			if replica, err = p.take(broker); err != nil {
				return p, err
			}
		}
		if slices.Contains(target, replica) {
			return p, conflict("broker %d holds a partition twice", id)
		}
		target = append(target, replica)
	}
	p.Adding = subtract(target, original)
	p.Removing = subtract(p.Replicas, target)
	p.Aborted = subtract(p.Removing, original)
	p.Replicas = slices.Concat(target, p.Removing)
	return p, nil
}

// completeReassignment drops the replicas that have left the group of a partition. The target tells which
// members the group has, so that what was true of an earlier reassignment does not end a later one.
func (i *Image) completeReassignment(c *metadatapb.CompleteReassignment) (Event, error) {
	topic, err := i.existing(c.GetId())
	if err != nil {
		return nil, err
	}
	p, found := topic.Partition(c.GetPartition())
	if !found || !p.Reassigning() {
		return nil, conflict("partition %d of topic %s is not being reassigned", c.GetPartition(), topic.Name)
	}
	target := p.Target()
	if !sameMembers(target, c.GetTarget()) {
		return nil, conflict("partition %d of topic %s shall have the replicas %x, not %x",
			p.Index, topic.Name, target, c.GetTarget())
	}
	changed := *topic
	changed.Partitions = slices.Clone(topic.Partitions)
	p.Replicas, p.Adding, p.Removing, p.Aborted = target, nil, nil, nil
	changed.Partitions[p.Index] = p
	i.replaceTopic(topic, &changed)
	return ReassignmentCompleted{Topic: &changed, Partition: p.Index}, nil
}

func sameMembers(replicas []ReplicaID, ids []uint64) bool {
	if len(replicas) != len(ids) {
		return false
	}
	for _, replica := range replicas {
		if !slices.Contains(ids, uint64(replica)) {
			return false
		}
	}
	return true
}

// replaceTopic stores a changed topic in the place of the old one.
func (i *Image) replaceTopic(old, changed *Topic) {
	i.partitions -= len(old.Partitions)
	i.putTopic(changed)
}

// replaceReplicas gives every replica that a broker held on an earlier data directory an id that was never
// used, and returns the topics that this changes: what was on that directory is gone, so what comes in its
// place must not vote as if it remembered.
func (i *Image) replaceReplicas(broker *Broker) ([]*Topic, error) {
	var topics []*Topic
	for topic := range i.Topics() {
		changed := *topic
		for index, p := range topic.Partitions {
			old, here := p.ReplicaOn(broker.ID)
			if !here {
				continue
			}
			fresh, err := p.take(broker)
			if err != nil {
				return nil, err
			}
			p.Replicas = substituted(p.Replicas, old, fresh)
			p.Adding = substituted(p.Adding, old, fresh)
			p.Removing = substituted(p.Removing, old, fresh)
			p.Aborted = substituted(p.Aborted, old, fresh)
			if &changed.Partitions[0] == &topic.Partitions[0] {
				changed.Partitions = slices.Clone(topic.Partitions)
			}
			changed.Partitions[index] = p
		}
		if &changed.Partitions[0] != &topic.Partitions[0] {
			topics = append(topics, &changed)
		}
	}
	for _, changed := range topics {
		i.replaceTopic(changed, changed)
	}
	return topics, nil
}

// substituted returns the replicas with one of them replaced; the list itself if it is not among them.
func substituted(replicas []ReplicaID, old, fresh ReplicaID) []ReplicaID {
	at := slices.Index(replicas, old)
	if at < 0 {
		return replicas
	}
	replicas = slices.Clone(replicas)
	replicas[at] = fresh
	return replicas
}
