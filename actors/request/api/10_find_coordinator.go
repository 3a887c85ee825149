package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// FindCoordinator, versions 0-6
//
//	1    the type of the key, an error message
//	3    flexible
//	4    several keys at once (KIP-699)
//	5    TRANSACTION_ABORTABLE (KIP-890)
//	6    the type of share groups (KIP-932)
//
// The coordinator of a group is the leader of its partition of __consumer_offsets, that of a transactional
// id the leader of its partition of __transaction_state. Whoever asks first has the topic made. Share
// groups have no coordinators here, which is what clients are told.

// Types of keys.
const (
	groupKey       = 0
	transactionKey = 1
	shareKey       = 2
)

// coordinatorTopics says which topic the keys of a type are kept in, and which configs say how it is made.
var coordinatorTopics = map[int8]struct{ name, partitions, replication string }{
	groupKey:       {image.OffsetsTopic, config.OffsetsPartitions, config.OffsetsReplication},
	transactionKey: {image.TransactionsTopic, config.TransactionsPartitions, config.TransactionsReplication},
}

// Segments of these topics are small, since a new coordinator reads all of them (offsets.topic.segment.bytes,
// transaction.state.log.segment.bytes).
const coordinatorSegmentBytes = "104857600"

func findCoordinatorNow(env *request.Env, client request.Client, r *protocol.Request) kmsg.Response {
	f := newCoordinatorSearch(env, client, r)
	topic, known := coordinatorTopics[f.request.CoordinatorType]
	if known && len(f.keys) > 0 && f.image.Topic(topic.name) == nil {
		return nil
	}
	return f.response()
}

// findCoordinator makes the topic first.
func findCoordinator(env *request.Env, client request.Client, r *protocol.Request) call.Task {
	task := &coordinatorCreation{search: newCoordinatorSearch(env, client, r)}
	task.env, task.timeout = env, env.Settings.RequestTimeout
	layers := env.Layers(env.Image(), nil)
	topic := coordinatorTopics[task.search.request.CoordinatorType]
	task.items = []change{{name: topic.name, request: controller.CreateTopic{
		Name:              topic.name,
		Partitions:        int32(layers.BrokerInt(topic.partitions)),
		ReplicationFactor: int16(layers.BrokerInt(topic.replication)),
		Configs: map[string]*string{
			config.CleanupPolicy: pointer(config.PolicyCompact),
			config.SegmentBytes:  pointer(coordinatorSegmentBytes),
		},
	}}}
	return task
}

// coordinatorCreation is the task of a FindCoordinator that makes the topic of its keys. If that fails, or
// somebody else has just made it, the answer is what is known then.
type coordinatorCreation struct {
	changes
	search *coordinatorSearch
}

// Response implements call.Task.
func (o *coordinatorCreation) Response() kmsg.Response {
	o.search.image = o.env.Image()
	return o.search.response()
}

// coordinatorSearch builds the answer to one request.
type coordinatorSearch struct {
	look
	client  request.Client
	request *kmsg.FindCoordinatorRequest
	keys    []string
}

func newCoordinatorSearch(env *request.Env, client request.Client, r *protocol.Request) *coordinatorSearch {
	body := r.Body.(*kmsg.FindCoordinatorRequest)
	f := &coordinatorSearch{look: look{env, env.Image()}, client: client, request: body}
	f.keys = body.CoordinatorKeys
	if body.Version < 4 {
		f.keys = []string{body.CoordinatorKey}
	}
	return f
}

func (f *coordinatorSearch) response() kmsg.Response {
	response := kmsg.NewPtrFindCoordinatorResponse()
	for _, key := range f.keys {
		response.Coordinators = append(response.Coordinators, f.find(key))
	}
	if f.request.Version < 4 {
		one := response.Coordinators[0]
		response.Coordinators = nil
		response.ErrorCode, response.ErrorMessage = one.ErrorCode, one.ErrorMessage
		response.NodeID, response.Host, response.Port = one.NodeID, one.Host, one.Port
	}
	return response
}

func (f *coordinatorSearch) find(key string) kmsg.FindCoordinatorResponseCoordinator {
	answer := kmsg.NewFindCoordinatorResponseCoordinator()
	answer.Key, answer.NodeID, answer.Port = key, -1, -1
	at, code := f.coordinator(key)
	if code != protocol.None {
		answer.ErrorCode, answer.ErrorMessage = int16(code), pointer(code.String())
		return answer
	}
	answer.NodeID, answer.Host, answer.Port = at.id, at.host, at.port
	return answer
}

func (f *coordinatorSearch) coordinator(key string) (address, protocol.Code) {
	kind := f.request.CoordinatorType
	kept, known := coordinatorTopics[kind]
	switch {
	case kind == shareKey && f.request.Version >= 6:
		return address{}, protocol.CoordinatorNotAvailable
	case !known:
		return address{}, protocol.InvalidRequest
	}
	topic := f.image.Topic(kept.name)
	if topic == nil {
		return address{}, protocol.CoordinatorNotAvailable
	}
	p, _ := topic.Partition(coordinators.PartitionOf(key, int32(len(topic.Partitions))))
	leader := f.placement(p, f.topic(topic)).leader
	broker := f.image.Broker(leader)
	if broker == nil {
		return address{}, protocol.CoordinatorNotAvailable
	}
	endpoint, reachable := broker.Endpoint(f.client.Listener)
	if !reachable {
		return address{}, protocol.CoordinatorNotAvailable
	}
	return address{id: leader, host: endpoint.Host, port: endpoint.Port}, protocol.None
}
