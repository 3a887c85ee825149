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
	offline  []int32 // replicas on brokers that are not registered or not alive
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
// In sync is what the leader has measured, not what is configured; a leader that has told nothing yet is in
// sync with itself, and without a leader nobody is known to be.
func (l look) placement(p image.Partition, local *partition.Topic) placement {
	at := placement{
		leader:   noLeader,
		epoch:    int32(protocol.NoLeaderEpoch),
		replicas: p.Brokers(),
		inSync:   []int32{},
		offline:  []int32{},
	}
	for _, broker := range at.replicas {
		if !l.present(broker) {
			at.offline = append(at.offline, broker)
		}
	}
	leadership := l.env.Leadership(p.Group, local.Replica(p.Index))
	if leadership.Epoch > 0 {
		at.epoch = int32(leadership.Epoch)
	}
	switch {
	case leadership.Node == partition.NoLeader:
		return at
	case leadership.Node == l.env.NodeID && !leadership.Ready:
		return at // elected, but a request would be refused: the client had better ask again
	}
	at.leader = leadership.Node
	at.inSync = inSync(leadership, at.replicas)
	return at
}

// inSync returns the replicas that are in sync, in the order of the replicas as Kafka does. A member of the
// Raft group that is on its way out of it, or not a replica any more, is not listed.
func inSync(l *partition.Leadership, replicas []int32) []int32 {
	if len(replicas) == 1 && replicas[0] == l.Node {
		return replicas // the common case on one node, without memory of its own
	}
	var found []int32
	for _, broker := range replicas {
		if broker == l.Node || l.HasInSync(broker) {
			found = append(found, broker)
		}
	}
	if len(found) == 0 {
		found = []int32{l.Node}
	}
	return found
}

// present tells whether a broker is registered and can be reached from here.
func (l look) present(broker int32) bool {
	return l.image.Broker(broker) != nil && l.env.IsAlive(broker)
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
	id    int32
	host  string
	port  int32
	rack  *string
	alive bool
}

// brokers returns the registered brokers that have an address for clients of a listener: those that can be
// reached from here, and the others if they are wanted or if they are not the minority. Then it is rather
// this broker that is cut off, and a client that was told of it alone would ask nobody else who leads,
// although the others have elected new leaders.
//
// One that has just ended stays for a while, as with Kafka, where its session has to end first: librdkafka
// from 2.10 on throws away what it has of a broker that is gone, and a transaction that was about to commit
// offsets there then waits for ever. Clients notice by themselves that nobody listens. What is silent goes at
// once, since they do not notice that.
func (l look) brokers(listener string, dead bool) []address {
	var found []address
	dead = dead || !l.majority()
	for _, broker := range l.image.Brokers() {
		endpoint, reachable := broker.Endpoint(listener)
		alive := l.env.IsAlive(broker.ID)
		if !reachable || !alive && !dead && !l.env.IsReturning(broker.ID) {
			continue
		}
		at := address{id: broker.ID, host: endpoint.Host, port: endpoint.Port, alive: alive}
		if broker.Rack != "" {
			at.rack = &broker.Rack
		}
		found = append(found, at)
	}
	return found
}

// majority tells whether most registered brokers can be reached from here.
func (l look) majority() bool {
	registered, alive := l.image.Brokers(), 0
	for _, broker := range registered {
		if l.env.IsAlive(broker.ID) {
			alive++
		}
	}
	return 2*alive > len(registered)
}

// controller returns the broker that takes changes, -1 if none is known or it is not present.
func (l look) controller() int32 {
	id := l.env.Controller()
	if !l.present(id) {
		return -1
	}
	return id
}

func pointer[T any](value T) *T { return &value }

// timedOut is the error of what was not done when the time of a request was up.
var timedOut = &protocol.Error{Code: protocol.RequestTimedOut, Message: "The request timed out."}
