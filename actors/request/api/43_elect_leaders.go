package api

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/partitions"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/raftactor/link"
)

// ElectLeaders, versions 0-2
//
//	0    preferred replicas become leaders (KIP-183)
//	1    the client says which kind of election it wants (KIP-460); an error for the whole answer
//	2    flexible
//
// The leader of a partition hands over to the preferred replica, if that one has everything. An unclean
// election, of a replica that may lack records which were acknowledged, is never held: Raft elects nobody who
// lacks them, and while it can elect somebody none is needed. No topics in the request means all partitions,
// of which those that need no election are left out of the answer.

// The kinds of elections of KIP-460.
const (
	electPreferred = 0
	electUnclean   = 1
)

// Kafka's words for how elections end.
var (
	electionNotNeeded = &protocol.Error{
		Code: protocol.ElectionNotNeeded, Message: "Leader election not needed for topic partition.",
	}
	preferredNotAvailable = &protocol.Error{
		Code: protocol.PreferredLeaderNotAvailable, Message: "The preferred leader was not available.",
	}
	eligibleNotAvailable = &protocol.Error{
		Code: protocol.EligibleLeadersNotAvailable, Message: "Eligible topic partition leaders are not available.",
	}
)

func electLeaders(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.ElectLeadersRequest)
	e := &elections{
		look: look{env, env.Image()}, timeout: env.Timeout(body.TimeoutMillis), kind: electPreferred,
		all: body.Topics == nil,
	}
	if body.Version >= 1 {
		e.kind = body.ElectionType
	}
	if e.all {
		for topic := range e.image.Topics() {
			for _, p := range topic.Partitions {
				e.add(topic.Name, p.Index)
			}
		}
		return e
	}
	for _, topic := range body.Topics {
		for _, index := range topic.Partitions {
			e.add(topic.Topic, index)
		}
	}
	return e
}

// elections is the task of an ElectLeaders request.
type elections struct {
	look
	timeout time.Duration
	kind    int8
	all     bool // the client named no partitions
	items   []election
	byToken map[uint64]int // index into items
}

// election is that of one partition.
type election struct {
	topic string
	index int32
	ask   partitions.Handover // what is to be asked, if err is nil
	err   error
}

// malformed says why nothing can be elected, or nil.
func (e *elections) malformed() error {
	if e.kind == electPreferred || e.kind == electUnclean {
		return nil
	}
	return protocol.Errorf(protocol.InvalidRequest, "Unknown election type %d", e.kind)
}

func (e *elections) add(topic string, index int32) {
	one := election{topic: topic, index: index}
	if one.err = e.malformed(); one.err == nil {
		one.ask, one.err = e.judge(topic, index)
	}
	e.items = append(e.items, one)
}

// judge finds out what to ask for, or why there is nothing to ask, in Kafka's order.
func (e *elections) judge(name string, index int32) (partitions.Handover, error) {
	topic := e.image.Topic(name)
	if topic == nil {
		return partitions.Handover{}, protocol.Errorf(protocol.UnknownTopicOrPartition, "No such topic as %s", name)
	}
	p, exists := topic.Partition(index)
	if !exists {
		return partitions.Handover{}, protocol.Errorf(protocol.UnknownTopicOrPartition,
			"No such partition as %s-%d", name, index)
	}
	leadership := e.env.Leadership(p.Group, e.topic(topic).Replica(index))
	if err := e.obstacle(p, leadership); err != nil {
		return partitions.Handover{}, err
	}
	return partitions.Handover{Group: p.Group, To: uint64(p.Preferred()), Timeout: e.timeout}, nil
}

// obstacle says why the wanted election is not held.
func (e *elections) obstacle(p image.Partition, l *partition.Leadership) error {
	preferred := p.Preferred().Broker()
	switch {
	case e.kind == electUnclean && l.Node != partition.NoLeader:
		return electionNotNeeded
	case e.kind == electUnclean:
		return eligibleNotAvailable
	case l.Node == preferred:
		return electionNotNeeded
	case l.Node == partition.NoLeader || !e.present(preferred) || l.InSync != nil && !l.HasInSync(preferred):
		return preferredNotAvailable
	}
	return nil
}

// Start implements call.Task.
func (e *elections) Start(q *call.Questions) {
	e.byToken = make(map[uint64]int, len(e.items))
	for i := range e.items {
		item := &e.items[i]
		if item.err != nil {
			continue
		}
		item.err = timedOut
		token := q.Ask(e.env.Partitions, func(replyTo kit.Address, token uint64) any {
			ask := item.ask
			ask.ReplyTo, ask.Token = replyTo, token
			return ask
		})
		e.byToken[token] = i
	}
}

// Answer implements call.Task.
func (e *elections) Answer(_ *call.Questions, reply any) {
	if transferred, is := reply.(group.Transferred); is {
		e.items[e.byToken[transferred.Token]].err = errorOfHandover(transferred.Err)
	}
}

// errorOfHandover says what a client is told of a leadership that was not handed over. Where the answer of
// another node is missing, it may have been.
func errorOfHandover(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, link.ErrTimeout), errors.Is(err, link.ErrLost):
		return timedOut
	}
	return &protocol.Error{Code: protocol.PreferredLeaderNotAvailable, Message: err.Error()}
}

// Deadline implements call.Task.
func (e *elections) Deadline() time.Duration { return e.timeout }

// Response implements call.Task.
func (e *elections) Response() kmsg.Response {
	response := kmsg.NewPtrElectLeadersResponse()
	response.ErrorCode = int16(protocol.CodeOf(e.malformed()))
	for i := range e.items {
		item := &e.items[i]
		if last := len(response.Topics) - 1; last < 0 || response.Topics[last].Topic != item.topic {
			topic := kmsg.NewElectLeadersResponseTopic()
			topic.Topic = item.topic
			response.Topics = append(response.Topics, topic)
		}
		code := protocol.CodeOf(item.err)
		if e.all && code == protocol.ElectionNotNeeded {
			continue
		}
		one := kmsg.NewElectLeadersResponseTopicPartition()
		one.Partition, one.ErrorCode, one.ErrorMessage = item.index, int16(code), protocol.MessageOf(item.err)
		topic := &response.Topics[len(response.Topics)-1]
		topic.Partitions = append(topic.Partitions, one)
	}
	return response
}
