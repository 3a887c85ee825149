package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/groups/offsets"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// OffsetDelete, version 0 (KIP-496): removes offsets of topics that no member of the group reads.

func offsetDelete(env *request.Env, client request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.OffsetDeleteRequest)
	d := &deleteAnswer{request: body}
	var wanted consumers.DeleteOffsets
	current := env.Image()
	for _, topic := range body.Topics {
		for _, p := range topic.Partitions {
			if _, exists := current.Topic(topic.Topic).Partition(p.Partition); !exists {
				d.outcomes = append(d.outcomes, protocol.UnknownTopicOrPartition)
				continue
			}
			d.outcomes = append(d.outcomes, passedOn)
			wanted.Places = append(wanted.Places, offsets.Place{Topic: topic.Topic, Partition: p.Partition})
		}
	}
	return askGroup(env, client, body.Group, wanted, env.Settings.RequestTimeout, d.response)
}

// deleteAnswer builds the answer; outcomes has one code for each partition of the request.
type deleteAnswer struct {
	request  *kmsg.OffsetDeleteRequest
	outcomes []protocol.Code
}

func (d *deleteAnswer) response(one question) kmsg.Response {
	response := kmsg.NewPtrOffsetDeleteResponse()
	if response.ErrorCode = int16(one.code); one.code != protocol.None {
		return response
	}
	codes, _ := one.result.([]protocol.Code)
	next := 0
	for _, topic := range d.request.Topics {
		answer := kmsg.NewOffsetDeleteResponseTopic()
		answer.Topic = topic.Topic
		for _, p := range topic.Partitions {
			part := kmsg.NewOffsetDeleteResponseTopicPartition()
			part.Partition = p.Partition
			code := d.outcomes[next]
			next++
			if code == passedOn {
				code, codes = codes[0], codes[1:]
			}
			part.ErrorCode = int16(code)
			answer.Partitions = append(answer.Partitions, part)
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}
