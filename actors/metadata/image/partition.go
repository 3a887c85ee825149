package image

import (
	"slices"

	"github.com/chronik-go/chronik/storage/wal"
)

// ReplicaID is the Raft id of what one broker holds of one group, on one data directory. A broker that lost
// its disk comes back under ids that were never used, so that it cannot vote against what it has forgotten.
//
//	| broker 32 bits | addition 16 bits | incarnation 16 bits |
//
// The incarnation says how many data directories the broker has had. The addition is 0 for a replica that
// its group began with; one that comes later gets the next number of its partition.
type ReplicaID uint64

// The largest parts of a replica id.
const (
	maxIncarnation = 1<<16 - 1
	maxAddition    = 1<<16 - 1
)

// NewReplicaID joins a broker id and an incarnation, which starts at 1. The addition is 0.
func NewReplicaID(broker int32, incarnation uint32) ReplicaID {
	return ReplicaID(uint64(uint32(broker))<<32 | uint64(incarnation&maxIncarnation))
}

// Broker returns the broker's id.
func (r ReplicaID) Broker() int32 { return int32(uint64(r) >> 32) }

// Addition returns which of the replicas that came to a group after its beginning this is, counted from 1;
// 0 for one that has been there from the beginning.
func (r ReplicaID) Addition() uint16 { return uint16(uint64(r) >> 16) }

// Incarnation returns how many data directories the broker has had, this one included.
func (r ReplicaID) Incarnation() uint32 { return uint32(r) & maxIncarnation }

// Founder tells whether the group began with this replica. Any other one starts knowing no voters and
// learns everything from the leader.
func (r ReplicaID) Founder() bool { return r.Addition() == 0 }

// WithAddition returns the id with another addition.
func (r ReplicaID) WithAddition(addition uint16) ReplicaID {
	return r&^(maxAddition<<16) | ReplicaID(addition)<<16
}

// Partition is one partition of a topic. Immutable.
//
// While it is reassigned, Replicas are those it shall have, in that order, and after them those that leave.
// Invariants: no broker has two of the Replicas; Adding and Removing are parts of Replicas and have nothing
// in common; Aborted is a part of Removing.
type Partition struct {
	Index    int32
	Group    wal.GroupID
	Replicas []ReplicaID // the preferred leader first
	Founders []ReplicaID // the voters that the group began with
	Adding   []ReplicaID // of Replicas, those that come with the reassignment under way
	Removing []ReplicaID // of Replicas, those that leave with it
	Aborted  []ReplicaID // of Removing, those that were not there before: their coming was called off

	NextAddition uint16 // that the next replica to come will have; at least 1
}

// Brokers returns the brokers that hold the partition, the preferred leader first.
func (p Partition) Brokers() []int32 { return BrokersOf(p.Replicas) }

// BrokersOf returns the brokers of replicas, in the same order.
func BrokersOf(replicas []ReplicaID) []int32 {
	brokers := make([]int32, len(replicas))
	for i, replica := range replicas {
		brokers[i] = replica.Broker()
	}
	return brokers
}

// ReplicaOn returns the replica of a broker.
func (p Partition) ReplicaOn(broker int32) (ReplicaID, bool) {
	return replicaOn(p.Replicas, broker)
}

func replicaOn(replicas []ReplicaID, broker int32) (ReplicaID, bool) {
	for _, replica := range replicas {
		if replica.Broker() == broker {
			return replica, true
		}
	}
	return 0, false
}

// Target returns the replicas that the partition shall have: all but those that leave.
func (p Partition) Target() []ReplicaID {
	if len(p.Removing) == 0 {
		return p.Replicas
	}
	return subtract(p.Replicas, p.Removing)
}

// Reassigning tells whether replicas come or leave.
func (p Partition) Reassigning() bool { return len(p.Adding) > 0 || len(p.Removing) > 0 }

// Preferred returns the replica that should lead.
func (p Partition) Preferred() ReplicaID { return p.Target()[0] }

// Original returns the replicas that the partition had before the reassignment under way.
func (p Partition) Original() []ReplicaID {
	if !p.Reassigning() {
		return p.Replicas
	}
	return subtract(subtract(p.Replicas, p.Adding), p.Aborted)
}

// subtract returns the replicas that are not among others, in their order; nil if there are none.
func subtract(replicas, others []ReplicaID) []ReplicaID {
	var rest []ReplicaID
	for _, replica := range replicas {
		if !slices.Contains(others, replica) {
			rest = append(rest, replica)
		}
	}
	return rest
}

// take hands out the next addition of a partition to a broker.
func (p *Partition) take(broker *Broker) (ReplicaID, error) {
	addition := max(p.NextAddition, 1)
	if addition == maxAddition {
		return 0, conflict("partition of group %d has had %d replicas", p.Group, maxAddition)
	}
	p.NextAddition = addition + 1
	return broker.Replica().WithAddition(addition), nil
}
