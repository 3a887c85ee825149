package api

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
)

// DescribeTopicPartitions, version 0 (KIP-966)
//
// Metadata in pages: topics in the order of their names, at most so many partitions in one answer, and a
// cursor that says where the next page begins. No topics in the request means all. Replicas that could
// lead without being in sync do not exist here, since Raft elects none, so both lists of them are empty.

func describeTopicPartitions(env *request.Env, client request.Client, r *protocol.Request) kmsg.Response {
	body := r.Body.(*kmsg.DescribeTopicPartitionsRequest)
	d := &partitionDescriber{look: look{env, env.Image()}, client: client, request: body}
	if d.malformed() {
		return d.refused()
	}
	limit := env.Layers(d.image, nil).BrokerInt(config.RequestPartitionLimit)
	d.room = int(max(min(limit, int64(body.ResponsePartitionLimit)), 1))
	d.response = kmsg.NewPtrDescribeTopicPartitionsResponse()
	d.describe()
	return d.response
}

// partitionDescriber builds one page.
type partitionDescriber struct {
	look
	client   request.Client
	request  *kmsg.DescribeTopicPartitionsRequest
	response *kmsg.DescribeTopicPartitionsResponse
	room     int // partitions that still fit
}

// malformed tells whether the cursor cannot be one of ours: it points before the first partition or to a
// topic that the client does not ask for.
func (d *partitionDescriber) malformed() bool {
	cursor := d.request.Cursor
	if cursor == nil {
		return false
	}
	asked := len(d.request.Topics) == 0 || slices.ContainsFunc(d.request.Topics,
		func(t kmsg.DescribeTopicPartitionsRequestTopic) bool { return t.Topic == cursor.Topic })
	return cursor.Partition < 0 || !asked
}

func (d *partitionDescriber) refused() kmsg.Response {
	response := kmsg.NewPtrDescribeTopicPartitionsResponse()
	for _, topic := range d.request.Topics {
		response.Topics = append(response.Topics, d.failure(topic.Topic, protocol.InvalidRequest))
	}
	return response
}

func (d *partitionDescriber) failure(name string, code protocol.Code,
) kmsg.DescribeTopicPartitionsResponseTopic {
	answer := kmsg.NewDescribeTopicPartitionsResponseTopic()
	answer.Topic, answer.ErrorCode, answer.IsInternal = &name, int16(code), image.IsInternal(name)
	return answer
}

// describe adds topics until the page is full.
func (d *partitionDescriber) describe() {
	if len(d.request.Topics) > 0 {
		for _, name := range d.names() {
			if !d.add(name, d.image.Topic(name)) {
				return
			}
		}
		return
	}
	for topic := range d.image.TopicsFrom(d.start()) {
		if !d.add(topic.Name, topic) {
			return
		}
	}
}

// start returns the topic at which the page begins.
func (d *partitionDescriber) start() string {
	if d.request.Cursor == nil {
		return ""
	}
	return d.request.Cursor.Topic
}

// names returns the wanted topics from the cursor on, in order, each once.
func (d *partitionDescriber) names() []string {
	var names []string
	for _, topic := range d.request.Topics {
		if topic.Topic >= d.start() {
			names = append(names, topic.Topic)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// add describes a topic as far as there is room, and tells whether to go on.
func (d *partitionDescriber) add(name string, topic *image.Topic) bool {
	if d.room == 0 {
		d.next(name, 0)
		return false
	}
	if topic == nil {
		code := protocol.UnknownTopicOrPartition
		if image.InvalidTopicName(name) != "" {
			code = protocol.InvalidTopicException
		}
		d.response.Topics = append(d.response.Topics, d.failure(name, code))
		return true
	}
	first := 0
	if cursor := d.request.Cursor; cursor != nil && cursor.Topic == name {
		first = min(int(cursor.Partition), len(topic.Partitions))
	}
	last := min(first+d.room, len(topic.Partitions))
	d.response.Topics = append(d.response.Topics, d.topicAnswer(topic, first, last))
	d.room -= last - first
	if last < len(topic.Partitions) {
		d.next(name, last)
		return false
	}
	return true
}

func (d *partitionDescriber) next(topic string, partition int) {
	cursor := kmsg.NewDescribeTopicPartitionsResponseNextCursor()
	cursor.Topic, cursor.Partition = topic, int32(partition)
	d.response.NextCursor = &cursor
}

func (d *partitionDescriber) topicAnswer(t *image.Topic, first, last int,
) kmsg.DescribeTopicPartitionsResponseTopic {
	answer := kmsg.NewDescribeTopicPartitionsResponseTopic()
	answer.Topic, answer.TopicID, answer.IsInternal = &t.Name, t.ID, t.Internal()
	answer.AuthorizedOperations = topicOperations
	local := d.topic(t)
	for _, partition := range t.Partitions[first:last] {
		at := d.placement(partition, local)
		one := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
		one.Partition, one.LeaderID, one.LeaderEpoch = partition.Index, at.leader, at.epoch
		one.Replicas, one.ISR, one.OfflineReplicas = at.replicas, at.inSync, at.offline
		one.EligibleLeaderReplicas, one.LastKnownELR = []int32{}, []int32{}
		if d.leaderProblem(at.leader, d.client.Listener) != protocol.None {
			one.LeaderID = noLeader
		}
		answer.Partitions = append(answer.Partitions, one)
	}
	return answer
}
