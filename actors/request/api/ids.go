package api

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/actors/transactions/coordinator"
	"github.com/chronik-go/chronik/protocol"
)

// idAsk is a question about one transactional id.
type idAsk struct {
	id     string
	body   any           // of package coordinator; nil if the answer is known from the start
	code   protocol.Code // COORDINATOR_NOT_AVAILABLE until there is an answer, as Kafka tells a timeout
	result any
}

// idAsks is the task of a request that asks the coordinator of transactional ids. It is ordered, since a
// client that ends a transaction right behind something else means what came before to be part of it.
type idAsks struct {
	env     *request.Env
	items   []idAsk
	respond func(items []idAsk) kmsg.Response
}

var _ call.Ordered = (*idAsks)(nil)

// askID returns the task of a request about one id. An empty one is a mistake of the client.
func askID(env *request.Env, id string, body any, respond func(one idAsk) kmsg.Response) *idAsks {
	one := idAsk{id: id, body: body}
	if id == "" {
		one.body, one.code = nil, protocol.InvalidRequest
	}
	return &idAsks{
		env: env, items: []idAsk{one},
		respond: func(items []idAsk) kmsg.Response { return respond(items[0]) },
	}
}

// Start implements call.Task.
func (a *idAsks) Start(q *call.Questions) {
	for i := range a.items {
		if a.items[i].body != nil {
			a.items[i].code = protocol.CoordinatorNotAvailable
			q.Sent(1)
		}
	}
}

// Send implements call.Ordered.
func (a *idAsks) Send(replyTo kit.Address) {
	token := uint64(0)
	for i := range a.items {
		one := &a.items[i]
		if one.body == nil {
			continue
		}
		token++
		a.env.Transactions.Tell(coordinator.Ask{ID: one.id, Body: one.body, ReplyTo: replyTo, Token: token})
	}
}

// Answer implements call.Task.
func (a *idAsks) Answer(_ *call.Questions, reply any) {
	answered, is := reply.(coordinator.Answered)
	if !is {
		return
	}
	token := uint64(0)
	for i := range a.items {
		if a.items[i].body == nil {
			continue
		}
		if token++; token == answered.Token {
			a.items[i].code, a.items[i].result = answered.Code, answered.Result
			return
		}
	}
}

// Response implements call.Task.
func (a *idAsks) Response() kmsg.Response { return a.respond(a.items) }

// Deadline implements call.Task.
func (a *idAsks) Deadline() time.Duration { return a.env.Settings.RequestTimeout }

// fencedBefore returns the code of a producer that was fenced as a client knows it: PRODUCER_FENCED came
// with a version of each request, and stood under INVALID_PRODUCER_EPOCH before.
func fencedBefore(first, version int16, code protocol.Code) int16 {
	if code == protocol.ProducerFenced && version < first {
		code = protocol.InvalidProducerEpoch
	}
	return int16(code)
}
