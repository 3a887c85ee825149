package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/actors/transactions/coordinator"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// AddOffsetsToTxn, versions 0-4
//
//	2    PRODUCER_FENCED
//	3    flexible
//	4    TRANSACTION_ABORTABLE
//
// The offsets of a group are records of a partition of __consumer_offsets, which becomes part of the
// transaction. Clients of the second generation do without the request.

func addOffsetsToTxn(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.AddOffsetsToTxnRequest)
	add := coordinator.Add{
		Producer:   transaction.Producer{ID: body.ProducerID, Epoch: body.ProducerEpoch},
		Places:     []transaction.Place{offsetsPlace(env, body.Group)},
		Generation: transaction.FirstGeneration,
	}
	return askID(env, body.TransactionalID, add, func(one question) kmsg.Response {
		response := kmsg.NewPtrAddOffsetsToTxnResponse()
		response.ErrorCode = fencedBefore(2, body.Version, one.code)
		return response
	})
}

// offsetsPlace returns the partition that a group's offsets go to, or will go to when the topic is made.
func offsetsPlace(env *request.Env, group string) transaction.Place {
	current := env.Image()
	count := int32(env.Layers(current, nil).BrokerInt(config.OffsetsPartitions))
	if topic := current.Topic(image.OffsetsTopic); topic != nil {
		count = int32(len(topic.Partitions))
	}
	return transaction.Place{Topic: image.OffsetsTopic, Partition: coordinators.PartitionOf(group, count)}
}
