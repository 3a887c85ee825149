package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// EndTxn, versions 0-5
//
//	2    PRODUCER_FENCED
//	3    flexible
//	4    TRANSACTION_ABORTABLE
//	5    the second generation: the answer has the id and epoch of the next transaction (KIP-890)
//
// It is answered when the end is decided: the partitions are told afterwards.

func endTxn(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.EndTxnRequest)
	end := transaction.End{
		Producer:   transaction.Producer{ID: body.ProducerID, Epoch: body.ProducerEpoch},
		Commit:     body.Commit,
		Generation: transaction.FirstGeneration,
	}
	if body.Version > 4 {
		end.Generation = transaction.SecondGeneration
	}
	return askID(env, body.TransactionalID, end, func(one question) kmsg.Response {
		response := kmsg.NewPtrEndTxnResponse()
		response.ErrorCode = fencedBefore(2, body.Version, one.code)
		response.ProducerID, response.ProducerEpoch = -1, -1
		if producer, is := one.result.(transaction.Producer); is {
			response.ProducerID, response.ProducerEpoch = producer.ID, producer.Epoch
		}
		return response
	})
}
