package api

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// Metadata, versions 0-13
//
//	0    no topics means all; a missing replica is an error (REPLICA_NOT_AVAILABLE)
//	1    null means all topics, empty means none; racks, internal flag, controller
//	2    cluster id
//	3    throttle time
//	4    the client says whether topics may be made; before that they are
//	5    offline replicas
//	6    LISTENER_NOT_FOUND instead of LEADER_NOT_AVAILABLE for a leader without the client's listener
//	7    leader epochs
//	8    what the client may do, if it asks: with topics, and with the cluster up to 10
//	9    flexible
//	10   topic ids in answers
//	12   topics asked for by id; names may be null
//	13   an error for the whole answer (KIP-1102), which this broker never gives
//
// A topic that does not exist is made if the client and the broker allow it, and the answer waits until it
// has leaders. Clients ask again on LEADER_NOT_AVAILABLE, so they would get there without waiting too, but
// each turn costs them their back-off.

const (
	// maxAutoCreate bounds the topics that one request makes. The rest gets UNKNOWN_TOPIC_OR_PARTITION,
	// which makes the client ask again.
	maxAutoCreate = 1000

	// autoCreateWait bounds how long an answer waits for topics to be made.
	autoCreateWait = 5 * time.Second
)

// metadataNow answers from memory, or returns nil when topics have to be made first.
func metadataNow(env *request.Env, client request.Client, r *protocol.Request) kmsg.Response {
	m := newMetadataAnswer(env, client, r)
	if len(m.missing()) > 0 {
		return nil
	}
	return m.response()
}

// metadataLater makes topics and answers when they have leaders.
func metadataLater(env *request.Env, client request.Client, r *protocol.Request) call.Task {
	m := newMetadataAnswer(env, client, r)
	task := &autoCreation{answer: m}
	task.env, task.timeout = env, min(autoCreateWait, env.Settings.RequestTimeout)
	for _, name := range m.missing() {
		task.items = append(task.items, change{name: name, request: controller.CreateTopic{
			Name:              name,
			Partitions:        controller.FromDefault,
			ReplicationFactor: controller.FromDefault,
		}})
	}
	return task
}

// autoCreation is the task that makes topics because somebody asked for their metadata.
type autoCreation struct {
	changes
	answer *metadataAnswer
}

// Response implements call.Task. It looks at the image anew, which has the topics by now. That somebody
// else made a topic first is as good; every other error is told with the topic.
func (a *autoCreation) Response() kmsg.Response {
	a.answer.image = a.env.Image()
	a.answer.failed = make(map[string]protocol.Code, len(a.items))
	for i := range a.items {
		item := &a.items[i]
		switch code := protocol.CodeOf(item.outcome()); code {
		case protocol.None, protocol.TopicAlreadyExists:
		case protocol.RequestTimedOut, protocol.NotController:
			a.answer.failed[item.name] = protocol.LeaderNotAvailable
		default:
			a.answer.failed[item.name] = code
		}
	}
	return a.answer.response()
}

// metadataAnswer builds the answer to one request.
type metadataAnswer struct {
	look
	client  request.Client
	request *kmsg.MetadataRequest
	failed  map[string]protocol.Code // of topics that could not be made
}

func newMetadataAnswer(env *request.Env, client request.Client, r *protocol.Request) *metadataAnswer {
	return &metadataAnswer{
		look:    look{env, env.Image()},
		client:  client,
		request: r.Body.(*kmsg.MetadataRequest),
	}
}

// all tells whether the client wants every topic.
func (m *metadataAnswer) all() bool {
	return m.request.Topics == nil || m.request.Version == 0 && len(m.request.Topics) == 0
}

// malformed tells whether the request has something that its version does not allow. Then every topic is
// answered with INVALID_REQUEST, as Kafka does.
func (m *metadataAnswer) malformed() bool {
	if m.request.Version >= 12 || m.all() {
		return false
	}
	for _, topic := range m.request.Topics {
		if topic.Topic == nil || topic.TopicID != [16]byte{} {
			return true
		}
	}
	return false
}

// missing returns the topics that are to be made, at most maxAutoCreate of them, each once. The broker's
// own topics are not among them: they are made by what uses them, with the configs that it needs.
func (m *metadataAnswer) missing() []string {
	if m.all() || m.malformed() || m.request.Version >= 4 && !m.request.AllowAutoTopicCreation {
		return nil
	}
	var names []string
	for _, topic := range m.request.Topics {
		if topic.Topic == nil || topic.TopicID != [16]byte{} || m.image.Topic(*topic.Topic) != nil {
			continue
		}
		if image.InvalidTopicName(*topic.Topic) == "" && !reserved(*topic.Topic) {
			names = append(names, *topic.Topic)
		}
	}
	if len(names) == 0 || !m.env.Layers(m.image, nil).BrokerBool(config.AutoCreateTopics) {
		return nil
	}
	return firstOfEach(names, maxAutoCreate)
}

func reserved(name string) bool { return image.IsInternal(name) || name == image.MetadataTopic }

// firstOfEach leaves out repetitions and what is over the limit.
func firstOfEach(names []string, limit int) []string {
	seen := make(map[string]bool, min(len(names), limit))
	kept := names[:0]
	for _, name := range names {
		if !seen[name] && len(kept) < limit {
			seen[name] = true
			kept = append(kept, name)
		}
	}
	return kept
}

func (m *metadataAnswer) response() *kmsg.MetadataResponse {
	response := kmsg.NewPtrMetadataResponse()
	response.ClusterID = pointer(m.image.ClusterID())
	response.ControllerID = m.controller()
	if m.request.IncludeClusterAuthorizedOperations {
		response.AuthorizedOperations = clusterOperations
	}
	for _, broker := range m.brokers(m.client.Listener, false) {
		at := kmsg.NewMetadataResponseBroker()
		at.NodeID, at.Host, at.Port, at.Rack = broker.id, broker.host, broker.port, broker.rack
		response.Brokers = append(response.Brokers, at)
	}
	response.Topics = m.topics()
	return response
}

func (m *metadataAnswer) topics() []kmsg.MetadataResponseTopic {
	if m.all() {
		answers := make([]kmsg.MetadataResponseTopic, 0, m.image.TopicCount())
		for topic := range m.image.Topics() {
			answers = append(answers, m.topicAnswer(topic))
		}
		return answers
	}
	answers := make([]kmsg.MetadataResponseTopic, 0, len(m.request.Topics))
	malformed := m.malformed()
	for _, wanted := range m.request.Topics {
		switch {
		case malformed:
			name := ""
			if wanted.Topic != nil {
				name = *wanted.Topic
			}
			answers = append(answers, topicError(&name, wanted.TopicID, protocol.InvalidRequest))
		case wanted.TopicID != [16]byte{}:
			answers = append(answers, m.byID(wanted.TopicID))
		case wanted.Topic == nil:
			answers = append(answers, topicError(nil, wanted.TopicID, protocol.InvalidRequest))
		default:
			answers = append(answers, m.byName(*wanted.Topic))
		}
	}
	return answers
}

func (m *metadataAnswer) byID(id image.TopicID) kmsg.MetadataResponseTopic {
	topic := m.image.TopicByID(id)
	if topic == nil {
		return topicError(nil, id, protocol.UnknownTopicID)
	}
	return m.topicAnswer(topic)
}

func (m *metadataAnswer) byName(name string) kmsg.MetadataResponseTopic {
	if topic := m.image.Topic(name); topic != nil {
		return m.topicAnswer(topic)
	}
	code := protocol.UnknownTopicOrPartition
	if failure, failed := m.failed[name]; failed {
		code = failure
	} else if image.InvalidTopicName(name) != "" {
		code = protocol.InvalidTopicException
	}
	answer := topicError(&name, image.TopicID{}, code)
	answer.IsInternal = image.IsInternal(name)
	return answer
}

func topicError(name *string, id image.TopicID, code protocol.Code) kmsg.MetadataResponseTopic {
	answer := kmsg.NewMetadataResponseTopic()
	answer.Topic, answer.TopicID, answer.ErrorCode = name, id, int16(code)
	return answer
}

func (m *metadataAnswer) topicAnswer(topic *image.Topic) kmsg.MetadataResponseTopic {
	answer := kmsg.NewMetadataResponseTopic()
	answer.Topic, answer.TopicID, answer.IsInternal = &topic.Name, topic.ID, topic.Internal()
	if m.request.IncludeTopicAuthorizedOperations {
		answer.AuthorizedOperations = topicOperations
	}
	answer.Partitions = make([]kmsg.MetadataResponseTopicPartition, len(topic.Partitions))
	local := m.topic(topic)
	for i, partition := range topic.Partitions {
		answer.Partitions[i] = m.partitionAnswer(m.placement(partition, local), partition.Index)
	}
	return answer
}

func (m *metadataAnswer) partitionAnswer(at placement, index int32) kmsg.MetadataResponseTopicPartition {
	answer := kmsg.NewMetadataResponseTopicPartition()
	answer.Partition, answer.Leader, answer.LeaderEpoch = index, at.leader, at.epoch
	answer.Replicas, answer.ISR, answer.OfflineReplicas = at.replicas, at.inSync, at.offline
	if code := m.leaderProblem(at.leader, m.client.Listener); code != protocol.None {
		if m.request.Version < 6 {
			code = protocol.LeaderNotAvailable
		}
		answer.Leader, answer.ErrorCode = noLeader, int16(code)
		return answer
	}
	if m.request.Version == 0 && len(at.offline) > 0 {
		answer.Replicas = m.withoutOffline(at)
		answer.ErrorCode = int16(protocol.ReplicaNotAvailable)
	}
	return answer
}

func (m *metadataAnswer) withoutOffline(at placement) []int32 {
	var known []int32
	for _, broker := range at.replicas {
		if !slices.Contains(at.offline, broker) {
			known = append(known, broker)
		}
	}
	return known
}
