package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// DeleteRecords, versions 0-2 (KIP-107)
//
//	1    throttling after the answer
//	2    flexible
//
// Offset -1 stands for the high watermark. The answer is the log start offset once the change is committed;
// the files go later. A partition that is named twice is asked for the last offset, as in Kafka.

// noWatermark is the low watermark of a partition whose records were not deleted.
const noWatermark = -1

func deleteRecords(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.DeleteRecordsRequest)
	task := &recordDeletion{}
	task.env, task.timeout = env, env.Timeout(body.TimeoutMillis)
	l := look{env, env.Image()}
	places := make(map[topicPartition]int)
	for _, topic := range body.Topics {
		refusal := l.undeletable(topic.Topic)
		for _, p := range topic.Partitions {
			key := topicPartition{topic.Topic, p.Partition}
			place, again := places[key]
			if !again {
				place = len(task.items)
				places[key] = place
				task.keys, task.items = append(task.keys, key), append(task.items, proposal{})
			}
			task.items[place] = l.deletion(key, p.Offset, refusal)
		}
	}
	return task
}

// undeletable returns why no records of an existing topic may be deleted, None if they may.
func (l look) undeletable(name string) protocol.Code {
	topic := l.image.Topic(name)
	switch {
	case topic == nil:
		return protocol.None // its partitions do not exist either, which is said of each
	case image.IsInternal(name):
		return protocol.InvalidTopicException
	case !config.EffectiveTopic(l.env.Layers(l.image, topic)).Delete:
		return protocol.PolicyViolation
	}
	return protocol.None
}

// deletion returns the proposal for one partition. That this broker leads it is for the Raft group to say.
func (l look) deletion(key topicPartition, offset int64, refusal protocol.Code) proposal {
	replica, code := l.replica(key.topic, key.index)
	switch {
	case code == protocol.UnknownTopicOrPartition:
		return answered(code)
	case refusal == protocol.InvalidTopicException:
		return answered(refusal)
	case code != protocol.None:
		return answered(code)
	case refusal != protocol.None && replica.Leadership().Node == l.env.NodeID:
		return answered(refusal)
	}
	return proposal{replica: replica, request: partition.DeleteRecords{Offset: protocol.Offset(offset)}}
}

// recordDeletion is the task of a DeleteRecords request. keys[i] belongs to items[i].
type recordDeletion struct {
	proposals
	keys []topicPartition
}

// Response implements call.Task. Partitions of one topic stand together.
func (d *recordDeletion) Response() kmsg.Response {
	response := kmsg.NewPtrDeleteRecordsResponse()
	places := make(map[string]int)
	for i, key := range d.keys {
		place, known := places[key.topic]
		if !known {
			place = len(response.Topics)
			places[key.topic] = place
			topic := kmsg.NewDeleteRecordsResponseTopic()
			topic.Topic = key.topic
			response.Topics = append(response.Topics, topic)
		}
		answer := kmsg.NewDeleteRecordsResponseTopicPartition()
		answer.Partition, answer.LowWatermark = key.index, noWatermark
		item := &d.items[i]
		answer.ErrorCode = int16(item.code)
		if deleted, is := item.result.(partition.DeletedRecords); is && item.code == protocol.None {
			answer.LowWatermark = int64(deleted.LowWatermark)
		}
		topic := &response.Topics[place]
		topic.Partitions = append(topic.Partitions, answer)
	}
	return response
}
