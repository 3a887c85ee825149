package api

import (
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/actors/transactions/coordinator"
	"github.com/chronik-go/chronik/protocol"
)

// question is what a coordinator is asked about one key: a consumer group or a transactional id.
type question struct {
	key    string
	body   any           // what the coordinator takes; nil if the answer is known from the start
	code   protocol.Code // COORDINATOR_NOT_AVAILABLE until there is an answer, as Kafka tells a timeout
	result any
}

// asks is the task of a request to coordinators. It is ordered, since a client that does two things without
// waiting, as committing twice or ending a transaction right behind something else, means them in that order.
type asks struct {
	items   []question
	tell    func(one *question, replyTo kit.Address, token uint64)
	respond func(items []question) kmsg.Response
	timeout time.Duration
}

var _ call.Ordered = (*asks)(nil)

// longestRebalance bounds requests that wait for a rebalance: no member can ask for a longer one. The group
// keeps the time; this is for a group that forgets to answer.
const longestRebalance = math.MaxInt32 * time.Millisecond

// askGroups returns the task of a request about consumer groups, without items yet.
func askGroups(env *request.Env, client request.Client) *asks {
	who := classic.Client{ID: client.ID, Host: "/" + client.Host}
	return &asks{
		timeout: env.Settings.RequestTimeout,
		tell: func(one *question, replyTo kit.Address, token uint64) {
			env.Groups.Tell(consumers.Ask{
				Group: one.key, Body: one.body, Client: who, ReplyTo: replyTo, Token: token,
			})
		},
	}
}

// askGroup returns the task of a request about one group. Requests of members name a group, so that an empty
// name is refused.
func askGroup(env *request.Env, client request.Client, group string, body any, timeout time.Duration,
	respond func(one question) kmsg.Response,
) *asks {
	task := askGroups(env, client)
	task.timeout = timeout
	return task.about(group, body, protocol.InvalidGroupID, respond)
}

// askIDs returns the task of a request about transactional ids, without items yet.
func askIDs(env *request.Env) *asks {
	return &asks{
		timeout: env.Settings.RequestTimeout,
		tell: func(one *question, replyTo kit.Address, token uint64) {
			env.Transactions.Tell(coordinator.Ask{ID: one.key, Body: one.body, ReplyTo: replyTo, Token: token})
		},
	}
}

// askID returns the task of a request about one id. An empty one is a mistake of the client.
func askID(env *request.Env, id string, body any, respond func(one question) kmsg.Response) *asks {
	return askIDs(env).about(id, body, protocol.InvalidRequest, respond)
}

// about makes it a task about one key, which is refused with a code if it is empty.
func (a *asks) about(key string, body any, empty protocol.Code, respond func(one question) kmsg.Response,
) *asks {
	one := question{key: key, body: body}
	if key == "" {
		one.body, one.code = nil, empty
	}
	a.items = []question{one}
	a.respond = func(items []question) kmsg.Response { return respond(items[0]) }
	return a
}

// Start implements call.Task.
func (a *asks) Start(q *call.Questions) {
	for i := range a.items {
		if a.items[i].body != nil {
			a.items[i].code = protocol.CoordinatorNotAvailable
			q.Sent(1)
		}
	}
}

// Send implements call.Ordered. Tokens count what is asked, from 1.
func (a *asks) Send(replyTo kit.Address) {
	token := uint64(0)
	for i := range a.items {
		if one := &a.items[i]; one.body != nil {
			token++
			a.tell(one, replyTo, token)
		}
	}
}

// Answer implements call.Task.
func (a *asks) Answer(_ *call.Questions, reply any) {
	answered, is := reply.(coordinators.Answered)
	if !is {
		return
	}
	token := uint64(0)
	for i := range a.items {
		one := &a.items[i]
		if one.body == nil {
			continue
		}
		if token++; token == answered.Token {
			one.code, one.result = answered.Code, answered.Result
			return
		}
	}
}

// Response implements call.Task.
func (a *asks) Response() kmsg.Response { return a.respond(a.items) }

// Deadline implements call.Task.
func (a *asks) Deadline() time.Duration { return a.timeout }
