package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// DescribeProducers, version 0 (KIP-664): the idempotent and transactional producers that the leader of a
// partition remembers.

func describeProducers(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.DescribeProducersRequest)
	task := &producerDescription{request: body}
	task.env, task.timeout = env, env.Settings.RequestTimeout
	l := look{env, env.Image()}
	for _, topic := range body.Topics {
		invalid := image.InvalidTopicName(topic.Topic)
		task.invalid = append(task.invalid, invalid)
		for _, index := range topic.Partitions {
			task.items = append(task.items, l.producersOf(topic.Topic, index, invalid != ""))
		}
	}
	return task
}

func (l look) producersOf(topic string, index int32, invalid bool) proposal {
	if invalid {
		return answered(protocol.InvalidTopicException)
	}
	replica, code := l.replica(topic, index)
	if code != protocol.None {
		return answered(code)
	}
	return proposal{replica: replica, request: partition.DescribeProducers{}}
}

// producerDescription is the task of a DescribeProducers request. Its items are the partitions of the
// request in order.
type producerDescription struct {
	proposals
	request *kmsg.DescribeProducersRequest
	invalid []string // by topic: why its name is not one, else empty
}

// Response implements call.Task.
func (d *producerDescription) Response() kmsg.Response {
	response := kmsg.NewPtrDescribeProducersResponse()
	response.Topics = make([]kmsg.DescribeProducersResponseTopic, 0, len(d.request.Topics))
	next := 0
	for i, topic := range d.request.Topics {
		answer := kmsg.NewDescribeProducersResponseTopic()
		answer.Topic = topic.Topic
		for _, index := range topic.Partitions {
			answer.Partitions = append(answer.Partitions, describedPartition(index, &d.items[next], d.invalid[i]))
			next++
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}

func describedPartition(index int32, item *proposal, invalid string,
) kmsg.DescribeProducersResponseTopicPartition {
	answer := kmsg.NewDescribeProducersResponseTopicPartition()
	answer.Partition, answer.ErrorCode = index, int16(item.code)
	if invalid != "" {
		answer.ErrorMessage = &invalid
	}
	described, is := item.result.(partition.DescribedProducers)
	if !is || item.code != protocol.None {
		return answer
	}
	described.Producers.Each(func(state partitionlog.ProducerState) {
		one := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
		one.ProducerID, one.ProducerEpoch = state.ID, int32(state.Epoch)
		one.LastSequence, one.LastTimestamp = state.LastSequence, state.LastTimestamp
		one.CurrentTxnStartOffset = int64(state.TransactionStart)
		one.CoordinatorEpoch = state.CoordinatorEpoch
		answer.ActiveProducers = append(answer.ActiveProducers, one)
	})
	return answer
}
