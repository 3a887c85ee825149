package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// DeleteTopics, versions 1-6
//
//	1    throttle time
//	3    TOPIC_DELETION_DISABLED; before that INVALID_REQUEST
//	4    flexible
//	5    error messages; quota violations get THROTTLING_QUOTA_EXCEEDED, there are no quotas here
//	6    topics by name or by id
//
// The topic is out of the metadata when the answer leaves; its files go soon after.

func deleteTopics(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.DeleteTopicsRequest)
	task := &topicDeletion{version: body.Version}
	task.env, task.timeout = env, env.Timeout(body.TimeoutMillis)
	current := env.Image()
	switch wanted := wantedTopics(body); {
	case !env.Layers(current, nil).BrokerBool(config.DeleteTopics):
		task.refuseAll(wanted, deletionDisabled(body.Version))
	case len(wanted) > maxChanges:
		task.refuseAll(wanted, tooMany)
	default:
		task.plan(current, wanted)
	}
	return task
}

func deletionDisabled(version int16) *protocol.Error {
	if version < 3 {
		return &protocol.Error{Code: protocol.InvalidRequest, Message: "Topic deletion is disabled."}
	}
	return &protocol.Error{Code: protocol.TopicDeletionDisabled, Message: "Topic deletion is disabled."}
}

// topicKey is how a client names a topic: by name or by id.
type topicKey struct {
	name  string
	named bool
	id    image.TopicID
}

// wantedTopics returns the topics of a request of any version.
func wantedTopics(r *kmsg.DeleteTopicsRequest) []topicKey {
	keys := make([]topicKey, 0, len(r.TopicNames)+len(r.Topics))
	for _, name := range r.TopicNames {
		keys = append(keys, topicKey{name: name, named: true})
	}
	for _, topic := range r.Topics {
		key := topicKey{id: topic.TopicID}
		if topic.Topic != nil {
			key.name, key.named = *topic.Topic, true
		}
		keys = append(keys, key)
	}
	return keys
}

// topicDeletion is the task of a DeleteTopics request. keys[i] belongs to items[i].
type topicDeletion struct {
	changes
	version int16
	keys    []topicKey
}

func (t *topicDeletion) add(key topicKey, item change) {
	t.keys = append(t.keys, key)
	t.items = append(t.items, item)
}

func (t *topicDeletion) refuseAll(wanted []topicKey, err *protocol.Error) {
	for _, key := range wanted {
		t.add(key, change{err: err, done: true})
	}
}

// plan checks what the client asks for, as a whole, and finds the ids of what can be deleted.
func (t *topicDeletion) plan(current *image.Image, wanted []topicKey) {
	twice, told := repeated(wanted), make(map[topicKey]bool)
	taken := make(map[image.TopicID]bool)
	for _, key := range wanted {
		if twice[key] && told[key] {
			continue
		}
		told[key] = true
		problem := malformedKey(key)
		if problem == "" && twice[key] {
			problem = duplicateKey(key)
		}
		if problem != "" {
			t.add(key, refusal(key.name, protocol.InvalidRequest, problem))
			continue
		}
		t.planOne(current, key, taken)
	}
}

func malformedKey(key topicKey) string {
	switch {
	case !key.named && key.id.IsZero():
		return "Neither topic name nor id were specified."
	case key.named && !key.id.IsZero():
		return "You may not specify both topic name and topic id."
	}
	return ""
}

func duplicateKey(key topicKey) string {
	if key.named {
		return "Duplicate topic name."
	}
	return "Duplicate topic id."
}

func (t *topicDeletion) planOne(current *image.Image, key topicKey, taken map[image.TopicID]bool) {
	topic := current.TopicByID(key.id)
	if key.named {
		topic = current.Topic(key.name)
	}
	switch {
	case topic == nil && key.named:
		t.add(key, refusal(key.name, protocol.UnknownTopicOrPartition, unknownTopic))
	case topic == nil:
		t.add(key, refusal("", protocol.UnknownTopicID, unknownTopicID))
	case taken[topic.ID]:
		t.add(key, refusal(topic.Name, protocol.InvalidRequest,
			"The provided topic name maps to an ID that was already supplied."))
	default:
		taken[topic.ID] = true
		t.add(topicKey{name: topic.Name, named: key.named, id: topic.ID},
			change{name: topic.Name, request: controller.DeleteTopic{ID: topic.ID}})
	}
}

// Kafka's sentences for topics that do not exist.
const (
	unknownTopic   = "This server does not host this topic-partition."
	unknownTopicID = "This server does not host this topic ID."
)

// Response implements call.Task.
func (t *topicDeletion) Response() kmsg.Response {
	response := kmsg.NewPtrDeleteTopicsResponse()
	response.Topics = make([]kmsg.DeleteTopicsResponseTopic, 0, len(t.items))
	for i := range t.items {
		answer := kmsg.NewDeleteTopicsResponseTopic()
		answer.TopicID = t.keys[i].id
		if name := t.items[i].name; name != "" || t.keys[i].named {
			answer.Topic = &name
		}
		if err := t.items[i].outcome(); err != nil {
			answer.ErrorCode, answer.ErrorMessage = int16(t.code(i, err)), protocol.MessageOf(err)
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}

// code returns the error code of an item. A topic that was named and is gone by the time the controller
// looks for its id is unknown by its name.
func (t *topicDeletion) code(i int, err error) protocol.Code {
	code := protocol.CodeOf(err)
	if code == protocol.UnknownTopicID && t.keys[i].named {
		return protocol.UnknownTopicOrPartition
	}
	return code
}
