package api

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// InitProducerID, versions 0-5
//
//	2    flexible
//	3    the producer may send the id and epoch it has (KIP-360)
//	4    PRODUCER_FENCED
//	5    TRANSACTION_ABORTABLE (KIP-890)
//
// A producer without a transactional id gets a fresh id and epoch 0, whatever it had before, as in Kafka:
// its sequence numbers start anew with the id.
//
// A transactional id belongs to its coordinator: it gives the producer the id and epoch that fence those
// before it, and aborts what they left (package transaction). An empty one is a mistake of the client.

// initProducerIDNow refuses what cannot be served, and returns nil for the rest.
func initProducerIDNow(_ *request.Env, _ request.Client, r *protocol.Request) kmsg.Response {
	body := r.Body.(*kmsg.InitProducerIDRequest)
	if (body.ProducerID == -1) != (body.ProducerEpoch == -1) {
		return producerIDRefused(protocol.InvalidRequest)
	}
	return nil
}

func producerIDRefused(code protocol.Code) *kmsg.InitProducerIDResponse {
	response := kmsg.NewPtrInitProducerIDResponse()
	response.ErrorCode, response.ProducerID, response.ProducerEpoch = int16(code), -1, -1
	return response
}

func initProducerID(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.InitProducerIDRequest)
	if body.TransactionalID == nil {
		// Without an answer in time the producer shall try again: no id was used up that it could miss.
		return &producerIDTask{env: env, response: producerIDRefused(protocol.CoordinatorLoadInProgress)}
	}
	init := transaction.Init{TimeoutMillis: body.TransactionTimeoutMillis}
	if body.ProducerID != -1 {
		init.Expected = &transaction.Producer{ID: body.ProducerID, Epoch: body.ProducerEpoch}
	}
	return askID(env, *body.TransactionalID, init, func(one question) kmsg.Response {
		response := producerIDRefused(one.code)
		response.ErrorCode = fencedBefore(4, body.Version, one.code)
		if producer, is := one.result.(transaction.Producer); is {
			response.ProducerID, response.ProducerEpoch = producer.ID, producer.Epoch
		}
		return response
	})
}

// producerIDTask is the task of an InitProducerID request without a transactional id.
type producerIDTask struct {
	env      *request.Env
	response *kmsg.InitProducerIDResponse
}

// Start implements call.Task.
func (p *producerIDTask) Start(q *call.Questions) {
	q.Ask(p.env.Metadata, func(replyTo kit.Address, token uint64) any {
		return metadata.AllocateProducerID{ReplyTo: replyTo, Token: token}
	})
}

// Answer implements call.Task.
func (p *producerIDTask) Answer(_ *call.Questions, reply any) {
	allocated, is := reply.(metadata.ProducerIDAllocated)
	if !is || allocated.Err != nil {
		return
	}
	p.response = kmsg.NewPtrInitProducerIDResponse()
	p.response.ProducerID, p.response.ProducerEpoch = allocated.ID, 0
}

// Response implements call.Task.
func (p *producerIDTask) Response() kmsg.Response { return p.response }

// Deadline implements call.Task.
func (p *producerIDTask) Deadline() time.Duration { return p.env.Settings.RequestTimeout }
