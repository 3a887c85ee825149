package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
)

// DescribeCluster, versions 0-2 (KIP-700)
//
//	1    endpoint types (KIP-919): 1 asks for brokers, 2 for controllers
//	2    brokers that are fenced, if asked for
//
// There are no controllers apart from the brokers here, so their endpoints cannot be asked for. A registered
// broker that cannot be reached from here counts as fenced: clients have nothing to look for there.

// The endpoint types of KIP-919.
const (
	endpointBrokers     = 1
	endpointControllers = 2
)

func describeCluster(env *request.Env, client request.Client, r *protocol.Request) kmsg.Response {
	body := r.Body.(*kmsg.DescribeClusterRequest)
	response := kmsg.NewPtrDescribeClusterResponse()
	if err := endpointProblem(body); err != nil {
		response.ErrorCode, response.ErrorMessage = int16(err.Code), &err.Message
		return response
	}
	l := look{env, env.Image()}
	response.ClusterID = l.image.ClusterID()
	response.ControllerID = l.controller()
	if body.IncludeClusterAuthorizedOperations {
		response.ClusterAuthorizedOperations = clusterOperations
	}
	fenced := body.Version >= 2 && body.IncludeFencedBrokers
	for _, broker := range l.brokers(client.Listener, fenced) {
		at := kmsg.NewDescribeClusterResponseBroker()
		at.NodeID, at.Host, at.Port, at.Rack = broker.id, broker.host, broker.port, broker.rack
		at.IsFenced = !broker.alive
		response.Brokers = append(response.Brokers, at)
	}
	return response
}

// endpointProblem says why the wanted kind of endpoints cannot be told. Version 0 has no such field.
func endpointProblem(r *kmsg.DescribeClusterRequest) *protocol.Error {
	switch {
	case r.Version == 0 || r.EndpointType == endpointBrokers:
		return nil
	case r.EndpointType == endpointControllers:
		return protocol.Errorf(protocol.MismatchedEndpointType,
			"The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER")
	}
	return protocol.Errorf(protocol.UnsupportedEndpointType, "Unsupported endpoint type %d", r.EndpointType)
}
