package api

import (
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
)

// What a client may do (KIP-430), as bits numbered by Kafka's AclOperation. Nobody is refused anything, so
// everybody may do all that a resource has.
const (
	read            = 1 << 3
	write           = 1 << 4
	create          = 1 << 5
	remove          = 1 << 6
	alter           = 1 << 7
	describe        = 1 << 8
	clusterAction   = 1 << 9
	describeConfig  = 1 << 10
	alterConfig     = 1 << 11
	idempotentWrite = 1 << 12

	topicOperations   = read | write | create | remove | alter | describe | describeConfig | alterConfig
	clusterOperations = create | alter | describe | clusterAction | describeConfig | alterConfig |
		idempotentWrite
)

const noLeader = -1

// placement is where a partition is and who leads it, as this broker knows it.
type placement struct {
	leader   int32 // noLeader when none is known, or it does not take requests yet
	epoch    int32 // of the leader, -1 when none is known
	replicas []int32
	inSync   []int32
	offline  []int32 // replicas on brokers that are not registered
}

// look finds placements. It works on one image, so that an answer does not mix two.
type look struct {
	env   *request.Env
	image *image.Image
}

// topic returns the replicas of a topic on this broker, nil if it has none.
func (l look) topic(t *image.Topic) *partition.Topic { return l.env.Replicas.TopicByID(t.ID) }

// placement looks a partition up. local is the result of topic.
//
// In sync is what has been measured, not what is configured: a leader is in sync with itself, and of other
// replicas this broker claims nothing.
func (l look) placement(p image.Partition, local *partition.Topic) placement {
	at := placement{
		leader:   noLeader,
		epoch:    int32(protocol.NoLeaderEpoch),
		replicas: p.Brokers(),
		inSync:   []int32{},
		offline:  []int32{},
	}
	for _, broker := range at.replicas {
		if l.image.Broker(broker) == nil {
			at.offline = append(at.offline, broker)
		}
	}
	replica := local.Replica(p.Index)
	if replica == nil {
		return at
	}
	leadership := replica.Leadership()
	if leadership.Node == partition.NoLeader {
		return at
	}
	at.epoch = int32(leadership.Epoch)
	if leadership.Node == l.env.NodeID && !leadership.Ready {
		return at // elected, but a request would be refused: the client had better ask again
	}
	at.leader = leadership.Node
	if len(at.replicas) == 1 && at.replicas[0] == leadership.Node {
		at.inSync = at.replicas // the common case on one node, without memory of its own
	} else {
		at.inSync = []int32{leadership.Node}
	}
	return at
}

// leaderProblem returns why clients of a listener cannot reach the leader: None if they can.
func (l look) leaderProblem(leader int32, listener string) protocol.Code {
	broker := l.image.Broker(leader)
	if broker == nil {
		return protocol.LeaderNotAvailable
	}
	if _, reachable := broker.Endpoint(listener); !reachable {
		return protocol.ListenerNotFound
	}
	return protocol.None
}

// address is where clients of a listener reach a broker.
type address struct {
	id   int32
	host string
	port int32
	rack *string
}

// brokers returns the registered brokers that clients of a listener can reach.
func (l look) brokers(listener string) []address {
	var found []address
	for _, broker := range l.image.Brokers() {
		endpoint, reachable := broker.Endpoint(listener)
		if !reachable {
			continue
		}
		at := address{id: broker.ID, host: endpoint.Host, port: endpoint.Port}
		if broker.Rack != "" {
			at.rack = &broker.Rack
		}
		found = append(found, at)
	}
	return found
}

// controller returns the broker that takes changes, -1 if none is known or it is not registered.
func (l look) controller() int32 {
	id := l.env.Controller()
	if l.image.Broker(id) == nil {
		return -1
	}
	return id
}

func pointer[T any](value T) *T { return &value }

// timedOut is the error of what was not done when the time of a request was up.
var timedOut = &protocol.Error{Code: protocol.RequestTimedOut, Message: "The request timed out."}
