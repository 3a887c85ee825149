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

// CreateTopics, versions 2-7
//
//	2    throttle time; validate only and error messages since 1
//	4    -1 partitions and replicas stand for the broker's defaults
//	5    flexible; the answer has partitions, replicas and configs of the topic
//	6    quota violations get THROTTLING_QUOTA_EXCEEDED; there are no quotas here
//	7    topic ids in the answer
//
// Topics stand for themselves: one may be refused while others are made. The answer waits until the new
// partitions have leaders. A topic that is made but has no leaders when the client's timeout is over is
// answered as made, since it is: an error would make the client try again and meet its own topic.

func createTopics(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.CreateTopicsRequest)
	task := &topicCreation{request: body}
	task.env, task.timeout = env, env.Timeout(body.TimeoutMillis)
	names := make([]string, len(body.Topics))
	for i := range body.Topics {
		names[i] = body.Topics[i].Topic
	}
	twice, told := repeated(names), make(map[string]bool)
	for i := range body.Topics {
		topic := &body.Topics[i]
		switch {
		case len(body.Topics) > maxChanges:
			task.items = append(task.items, change{name: topic.Topic, err: tooMany, done: true})
		case !twice[topic.Topic]:
			task.items = append(task.items, change{name: topic.Topic, request: newTopic(topic, body.ValidateOnly)})
		case !told[topic.Topic]:
			told[topic.Topic] = true
			task.items = append(task.items, refusal(topic.Topic, protocol.InvalidRequest, "Duplicate topic name."))
		}
	}
	return task
}

// newTopic turns an item of the request into what the controller understands.
func newTopic(t *kmsg.CreateTopicsRequestTopic, validateOnly bool) controller.CreateTopic {
	r := controller.CreateTopic{
		Name:              t.Topic,
		Partitions:        t.NumPartitions,
		ReplicationFactor: t.ReplicationFactor,
		ValidateOnly:      validateOnly,
	}
	for _, assignment := range t.ReplicaAssignment {
		r.Assignments = append(r.Assignments, controller.Assignment{
			Partition: assignment.Partition,
			Brokers:   assignment.Replicas,
		})
	}
	if len(t.Configs) > 0 {
		r.Configs = make(map[string]*string, len(t.Configs))
		for _, one := range t.Configs {
			r.Configs[one.Name] = one.Value
		}
	}
	return r
}

// topicCreation is the task of a CreateTopics request.
type topicCreation struct {
	changes
	request *kmsg.CreateTopicsRequest
}

// Response implements call.Task.
func (t *topicCreation) Response() kmsg.Response {
	response := kmsg.NewPtrCreateTopicsResponse()
	response.Topics = make([]kmsg.CreateTopicsResponseTopic, 0, len(t.items))
	current := t.env.Image()
	for i := range t.items {
		item := &t.items[i]
		answer := kmsg.NewCreateTopicsResponseTopic()
		answer.Topic = item.name
		answer.Configs = []kmsg.CreateTopicsResponseTopicConfig{} // null would say "not allowed to see them"
		if err := item.outcome(); err != nil {
			answer.ErrorCode, answer.ErrorMessage = int16(protocol.CodeOf(err)), protocol.MessageOf(err)
		} else {
			t.describe(&answer, current, item.event.(image.TopicCreated).Topic)
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}

// describe fills in what a new topic is like.
func (t *topicCreation) describe(answer *kmsg.CreateTopicsResponseTopic, i *image.Image, topic *image.Topic) {
	answer.TopicID = topic.ID
	answer.NumPartitions = int32(len(topic.Partitions))
	answer.ReplicationFactor = int16(len(topic.Partitions[0].Replicas))
	layers := t.env.Layers(i, topic)
	for _, definition := range config.Topic.All() {
		entry := layers.ResolveTopic(definition)
		if definition.Hidden && entry.Unset {
			continue
		}
		one := kmsg.NewCreateTopicsResponseTopicConfig()
		one.Name, one.Value = definition.Name, valueOf(entry)
		one.ReadOnly, one.Source = definition.Effect == config.Fixed, int8(entry.Source)
		one.IsSensitive = definition.Sensitive()
		answer.Configs = append(answer.Configs, one)
	}
}
