package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// AlterPartitionReassignments, versions 0-1 (KIP-455)
//
//	1    the client says whether the number of replicas may change; before that it may
//
// A list of brokers begins a reassignment or replaces the one under way; null calls it off. The answer says
// that it has begun. Every version is flexible.

func alterPartitionReassignments(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.AlterPartitionAssignmentsRequest)
	task := &reassignmentChange{request: body}
	task.env, task.timeout = env, env.Timeout(body.TimeoutMillis)
	count := 0
	for i := range body.Topics {
		count += len(body.Topics[i].Partitions)
	}
	for i := range body.Topics {
		topic := &body.Topics[i]
		for _, p := range topic.Partitions {
			if count > maxChanges {
				task.items = append(task.items, change{name: topic.Topic, err: tooMany, done: true})
				continue
			}
			task.items = append(task.items, change{name: topic.Topic, request: controller.ReassignPartition{
				Topic: topic.Topic, Partition: p.Partition, Brokers: p.Replicas,
				AllowRFChange: body.Version < 1 || body.AllowReplicationFactorChange,
			}})
		}
	}
	return task
}

// reassignmentChange is the task of an AlterPartitionReassignments request. Its items are the partitions of
// the request in order.
type reassignmentChange struct {
	changes
	request *kmsg.AlterPartitionAssignmentsRequest
}

// Response implements call.Task.
func (t *reassignmentChange) Response() kmsg.Response {
	response := kmsg.NewPtrAlterPartitionAssignmentsResponse()
	response.AllowReplicationFactorChange = t.request.AllowReplicationFactorChange
	next := 0
	for i := range t.request.Topics {
		topic := kmsg.NewAlterPartitionAssignmentsResponseTopic()
		topic.Topic = t.request.Topics[i].Topic
		for _, p := range t.request.Topics[i].Partitions {
			one := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
			one.Partition = p.Partition
			if err := t.items[next].outcome(); err != nil {
				one.ErrorCode, one.ErrorMessage = int16(protocol.CodeOf(err)), protocol.MessageOf(err)
			}
			next++
			topic.Partitions = append(topic.Partitions, one)
		}
		response.Topics = append(response.Topics, topic)
	}
	return response
}
