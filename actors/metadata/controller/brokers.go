package controller

import (
	"math"
	"unicode/utf8"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
)

func (p *Planner) registerBroker(tail *image.Image, r RegisterBroker) (*metadatapb.Command, error) {
	if r.ID < 0 || !utf8.ValidString(r.Rack) || !utf8.ValidString(r.Raft) {
		return nil, refuse(protocol.InvalidRegistration,
			"Broker %d with rack %q cannot be registered.", r.ID, r.Rack)
	}
	known := tail.Broker(r.ID)
	if known != nil && known.Directory != r.Directory && p.runsOn(r.ID, known.Directory) {
		return nil, refuse(protocol.DuplicateBrokerRegistration,
			"Another broker is registered with that broker id.")
	}
	for _, endpoint := range r.Endpoints {
		if !utf8.ValidString(endpoint.Host) || !utf8.ValidString(endpoint.Listener) {
			return nil, refuse(protocol.InvalidRegistration, "Broker %d has the address %q, which is no text.",
				r.ID, endpoint.Host)
		}
	}
	if known == nil && !r.Empty && tail.Retired(r.ID) {
		return nil, refuse(protocol.InvalidRegistration, "Broker %d was removed from the cluster: "+
			"empty its data directory to let it join again.", r.ID)
	}
	if err := fitting(tail, r.Features); err != nil {
		return nil, err
	}
	return &metadatapb.Command{Kind: &metadatapb.Command_RegisterBroker{RegisterBroker: registration(r)}}, nil
}

func registration(r RegisterBroker) *metadatapb.RegisterBroker {
	register := &metadatapb.RegisterBroker{
		Id:        r.ID,
		Directory: r.Directory[:],
		Rack:      r.Rack,
		Raft:      r.Raft,
		Empty:     r.Empty,
		Features:  image.RangesProto(r.Features),
	}
	for _, endpoint := range r.Endpoints {
		register.Endpoints = append(register.Endpoints, image.EndpointProto(endpoint))
	}
	return register
}

// runsOn tells whether a broker is running on a data directory now.
func (p *Planner) runsOn(id int32, directory [16]byte) bool {
	if p.cluster.Directory == nil {
		return false
	}
	now, up := p.cluster.Directory(id)
	return up && now == image.TopicID(directory).String()
}

func unregisterBroker(tail *image.Image, r UnregisterBroker) (*metadatapb.Command, error) {
	if !tail.Known(r.ID) {
		return nil, refuse(protocol.BrokerIDNotRegistered, "Broker ID %d is not currently registered.", r.ID)
	}
	for topic := range tail.Topics() {
		for _, partition := range topic.Partitions {
			if _, holds := partition.ReplicaOn(r.ID); holds {
				return nil, refuse(protocol.InvalidRequest, "Broker ID %d holds a replica of %s-%d: "+
					"move its partitions to other brokers first.", r.ID, topic.Name, partition.Index)
			}
		}
	}
	return &metadatapb.Command{Kind: &metadatapb.Command_UnregisterBroker{
		UnregisterBroker: &metadatapb.UnregisterBroker{Id: r.ID},
	}}, nil
}

func expectBroker(tail *image.Image, r ExpectBroker) (*metadatapb.Command, error) {
	if r.ID < 0 || !utf8.ValidString(r.Raft) || !utf8.ValidString(r.Kafka) || r.Raft == "" {
		return nil, refuse(protocol.InvalidRequest,
			"Broker ID %d at %q cannot be expected: it takes an id and an address.", r.ID, r.Raft)
	}
	if tail.Broker(r.ID) != nil {
		return nil, refuse(protocol.InvalidRequest, "Broker ID %d is registered already.", r.ID)
	}
	return &metadatapb.Command{Kind: &metadatapb.Command_ExpectBroker{
		ExpectBroker: &metadatapb.ExpectBroker{
			Broker: &metadatapb.Expected{Id: r.ID, Raft: r.Raft, Kafka: r.Kafka},
		},
	}}, nil
}

func allocateProducerIDs(tail *image.Image, r AllocateProducerIDs) (*metadatapb.Command, error) {
	if r.Count <= 0 || tail.NextProducerID() > math.MaxInt64-int64(r.Count) {
		return nil, refuse(protocol.UnknownServerError, "No producer ids are left.")
	}
	return &metadatapb.Command{Kind: &metadatapb.Command_AllocateProducerIds{
		AllocateProducerIds: &metadatapb.AllocateProducerIds{Broker: r.Broker, Count: r.Count},
	}}, nil
}

func formCluster(tail *image.Image, r FormCluster) (*metadatapb.Command, error) {
	if tail.ClusterID() != "" {
		return nil, refuse(protocol.InconsistentClusterID, "The cluster has the id %s.", tail.ClusterID())
	}
	if r.ClusterID == "" || !utf8.ValidString(r.ClusterID) {
		return nil, refuse(protocol.InvalidRequest, "A cluster id is a text of at least one character.")
	}
	return &metadatapb.Command{Kind: &metadatapb.Command_FormCluster{
		FormCluster: &metadatapb.FormCluster{
			ClusterId: r.ClusterID, Features: r.Features, Founders: r.Founders,
		},
	}}, nil
}
