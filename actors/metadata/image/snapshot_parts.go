package image

import (
	"slices"

	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/storage/wal"
)

// partitionTo leaves out what most partitions have: founders that are still the replicas, no addition yet.
// So a snapshot grows only by what was really changed.
func partitionTo(p Partition) *metadatapb.Partition {
	stored := &metadatapb.Partition{
		Group:    uint64(p.Group),
		Replicas: idsTo(p.Replicas),
		Adding:   idsTo(p.Adding),
		Removing: idsTo(p.Removing),
		Aborted:  idsTo(p.Aborted),
	}
	if !slices.Equal(p.Founders, p.Replicas) {
		stored.Founders = idsTo(p.Founders)
	}
	if p.NextAddition > 1 {
		stored.NextAddition = uint32(p.NextAddition)
	}
	return stored
}

// partitionFrom rebuilds a partition and checks what Partition promises.
func partitionFrom(stored *metadatapb.Partition) (Partition, error) {
	p := Partition{
		Group:    wal.GroupID(stored.GetGroup()),
		Replicas: idsFrom(stored.GetReplicas()),
		Founders: idsFrom(stored.GetFounders()),
		Adding:   idsFrom(stored.GetAdding()),
		Removing: idsFrom(stored.GetRemoving()),
		Aborted:  idsFrom(stored.GetAborted()),
	}
	if p.Founders == nil {
		p.Founders = p.Replicas
	}
	if stored.GetNextAddition() > maxAddition {
		return p, corrupt("addition %d in group %d", stored.GetNextAddition(), p.Group)
	}
	p.NextAddition = max(uint16(stored.GetNextAddition()), 1)
	if len(p.Target()) == 0 || len(p.Original()) == 0 || twice(p.Adding) || twice(p.Removing) ||
		twice(p.Aborted) || len(subtract(p.Aborted, p.Removing)) > 0 {
		return p, corrupt("group %d with replicas %x", p.Group, p.Replicas)
	}
	coming, leaving := subtract(p.Adding, p.Replicas), subtract(p.Removing, p.Replicas)
	if len(coming) > 0 || len(leaving) > 0 || len(subtract(p.Adding, p.Removing)) != len(p.Adding) {
		return p, corrupt("group %d adding %x and removing %x", p.Group, p.Adding, p.Removing)
	}
	for at, replica := range p.Replicas {
		if _, again := replicaOn(p.Replicas[:at], replica.Broker()); again {
			return p, corrupt("group %d twice on broker %d", p.Group, replica.Broker())
		}
		if replica.Addition() >= p.NextAddition {
			return p, corrupt("group %d with replica %x before addition %d", p.Group, replica, p.NextAddition)
		}
	}
	return p, nil
}

func twice(replicas []ReplicaID) bool {
	for at, replica := range replicas {
		if slices.Contains(replicas[:at], replica) {
			return true
		}
	}
	return false
}

func idsTo(replicas []ReplicaID) []uint64 {
	if len(replicas) == 0 {
		return nil
	}
	ids := make([]uint64, len(replicas))
	for n, replica := range replicas {
		ids[n] = uint64(replica)
	}
	return ids
}

func idsFrom(ids []uint64) []ReplicaID {
	if len(ids) == 0 {
		return nil
	}
	replicas := make([]ReplicaID, len(ids))
	for n, id := range ids {
		replicas[n] = ReplicaID(id)
	}
	return replicas
}

func brokerTo(broker *Broker) *metadatapb.Broker {
	stored := &metadatapb.Broker{
		Id:          broker.ID,
		Epoch:       broker.Epoch,
		Incarnation: broker.Incarnation,
		Directory:   broker.Directory[:],
		Rack:        broker.Rack,
		Raft:        broker.Raft,
		Joined:      broker.Joined,
		Features:    RangesProto(broker.Features),
	}
	for _, endpoint := range broker.Endpoints {
		stored.Endpoints = append(stored.Endpoints, EndpointProto(endpoint))
	}
	return stored
}

func brokerFrom(stored *metadatapb.Broker) (*Broker, error) {
	incarnation := stored.GetIncarnation()
	counted := incarnation > 0 && incarnation <= maxIncarnation
	if stored.GetId() < 0 || len(stored.GetDirectory()) != 16 || !counted {
		return nil, corrupt("malformed broker %d", stored.GetId())
	}
	return &Broker{
		ID:          stored.GetId(),
		Epoch:       stored.GetEpoch(),
		Incarnation: stored.GetIncarnation(),
		Directory:   [16]byte(stored.GetDirectory()),
		Endpoints:   Endpoints(stored.GetEndpoints()),
		Rack:        stored.GetRack(),
		Raft:        stored.GetRaft(),
		Joined:      stored.GetJoined(),
		Features:    Ranges(stored.GetFeatures()),
	}, nil
}
