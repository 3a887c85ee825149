package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// CreatePartitions, versions 0-3
//
//	1    quotas count; there are none here
//	2    flexible
//	3    quota violations get THROTTLING_QUOTA_EXCEEDED
//
// The answer waits until the new partitions have leaders, as that of CreateTopics does.

func createPartitions(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.CreatePartitionsRequest)
	task := &partitionCreation{}
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
			request := morePartitions(topic, body.ValidateOnly)
			task.items = append(task.items, change{name: topic.Topic, request: request})
		case !told[topic.Topic]:
			told[topic.Topic] = true
			task.items = append(task.items, refusal(topic.Topic, protocol.InvalidRequest, "Duplicate topic name."))
		}
	}
	return task
}

// morePartitions turns an item of the request into what the controller understands. A null assignment
// leaves the choice of brokers to the controller; an empty one is an assignment of nothing.
func morePartitions(t *kmsg.CreatePartitionsRequestTopic, validateOnly bool) controller.CreatePartitions {
	r := controller.CreatePartitions{
		Topic:        t.Topic,
		Count:        t.Count,
		Assigned:     t.Assignment != nil,
		ValidateOnly: validateOnly,
	}
	for _, assignment := range t.Assignment {
		r.Assignments = append(r.Assignments, assignment.Replicas)
	}
	return r
}

// partitionCreation is the task of a CreatePartitions request.
type partitionCreation struct{ changes }

// Response implements call.Task.
func (p *partitionCreation) Response() kmsg.Response {
	response := kmsg.NewPtrCreatePartitionsResponse()
	response.Topics = make([]kmsg.CreatePartitionsResponseTopic, 0, len(p.items))
	for i := range p.items {
		answer := kmsg.NewCreatePartitionsResponseTopic()
		answer.Topic = p.items[i].name
		if err := p.items[i].outcome(); err != nil {
			answer.ErrorCode, answer.ErrorMessage = int16(protocol.CodeOf(err)), protocol.MessageOf(err)
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}
