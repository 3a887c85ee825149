package controller

import (
	"math"
	"unicode/utf8"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
)

func registerBroker(r RegisterBroker) (*metadatapb.Command, error) {
	if r.ID < 0 || !utf8.ValidString(r.Rack) {
		return nil, refuse(protocol.InvalidRegistration,
			"Broker %d with rack %q cannot be registered.", r.ID, r.Rack)
	}
	register := &metadatapb.RegisterBroker{Id: r.ID, Directory: r.Directory[:], Rack: r.Rack}
	for _, endpoint := range r.Endpoints {
		if !utf8.ValidString(endpoint.Host) || !utf8.ValidString(endpoint.Listener) {
			return nil, refuse(protocol.InvalidRegistration, "Broker %d has the address %q, which is no text.",
				r.ID, endpoint.Host)
		}
		register.Endpoints = append(register.Endpoints, image.EndpointProto(endpoint))
	}
	return &metadatapb.Command{Kind: &metadatapb.Command_RegisterBroker{RegisterBroker: register}}, nil
}

func unregisterBroker(tail *image.Image, r UnregisterBroker) (*metadatapb.Command, error) {
	if tail.Broker(r.ID) == nil {
		return nil, refuse(protocol.BrokerIDNotRegistered, "Broker ID %d is not currently registered.", r.ID)
	}
	return &metadatapb.Command{Kind: &metadatapb.Command_UnregisterBroker{
		UnregisterBroker: &metadatapb.UnregisterBroker{Id: r.ID},
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
		FormCluster: &metadatapb.FormCluster{ClusterId: r.ClusterID, Features: r.Features},
	}}, nil
}
