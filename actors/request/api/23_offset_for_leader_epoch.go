package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
)

// OffsetForLeaderEpoch, versions 2-4 (KIP-101, KIP-320)
//
//	2    the leader epoch that the client knows, to be checked
//	3    replica ids; throttle time since 2
//	4    flexible
//
// Consumers ask where the epoch of their last record ends, to find out whether what they have read is still
// there. An epoch that this leader does not know gets epoch and offset -1 without an error.

func offsetForLeaderEpoch(env *request.Env, _ request.Client, r *protocol.Request) kmsg.Response {
	body := r.Body.(*kmsg.OffsetForLeaderEpochRequest)
	l := look{env, env.Image()}
	response := kmsg.NewPtrOffsetForLeaderEpochResponse()
	response.Topics = make([]kmsg.OffsetForLeaderEpochResponseTopic, 0, len(body.Topics))
	for _, topic := range body.Topics {
		answer := kmsg.NewOffsetForLeaderEpochResponseTopic()
		answer.Topic = topic.Topic
		answer.Partitions = make([]kmsg.OffsetForLeaderEpochResponseTopicPartition, len(topic.Partitions))
		for i := range topic.Partitions {
			answer.Partitions[i] = l.epochEnd(topic.Topic, &topic.Partitions[i])
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}

func (l look) epochEnd(topic string, p *kmsg.OffsetForLeaderEpochRequestTopicPartition,
) kmsg.OffsetForLeaderEpochResponseTopicPartition {
	answer := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
	answer.Partition = p.Partition
	replica, code := l.replica(topic, p.Partition)
	if code == protocol.None {
		var s standing
		s, code = l.standing(replica, protocol.LeaderEpoch(p.CurrentLeaderEpoch), false)
		switch {
		case code != protocol.None:
		case !s.leadership.Ready:
			// What is committed is not all applied yet: where the log ends now would look like a loss.
			code = protocol.NotLeaderOrFollower
		default:
			epoch, end := s.epochEnd(protocol.LeaderEpoch(p.LeaderEpoch))
			answer.LeaderEpoch, answer.EndOffset = int32(epoch), int64(end)
		}
	}
	answer.ErrorCode = int16(code)
	return answer
}
