package api

import (
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// groupAsk is a question to one consumer group.
type groupAsk struct {
	group  string
	body   any           // of package consumers; nil if the answer is known from the start
	code   protocol.Code // COORDINATOR_NOT_AVAILABLE until there is an answer, as Kafka tells a timeout
	result any
}

// asks is the task of a request that asks consumer groups. It is ordered, since a client that commits twice
// without waiting means the second commit to be the last one.
type asks struct {
	env     *request.Env
	client  request.Client
	timeout time.Duration
	items   []groupAsk
	respond func(items []groupAsk) kmsg.Response
}

// longestRebalance bounds requests that wait for a rebalance: no member can ask for a longer one. The group
// keeps the time; this is for a group that forgets to answer.
const longestRebalance = math.MaxInt32 * time.Millisecond

// askGroup returns the task of a request about one group. Requests of members name a group, so that an empty
// name is refused.
func askGroup(env *request.Env, client request.Client, group string, body any, timeout time.Duration,
	respond func(one groupAsk) kmsg.Response,
) *asks {
	one := groupAsk{group: group, body: body}
	if group == "" {
		one.body, one.code = nil, protocol.InvalidGroupID
	}
	return &asks{
		env: env, client: client, timeout: timeout, items: []groupAsk{one},
		respond: func(items []groupAsk) kmsg.Response { return respond(items[0]) },
	}
}

var _ call.Ordered = (*asks)(nil)

// Start implements call.Task.
func (a *asks) Start(q *call.Questions) {
	for i := range a.items {
		if a.items[i].body != nil {
			a.items[i].code = protocol.CoordinatorNotAvailable
			q.Sent(1)
		}
	}
}

// Send implements call.Ordered.
func (a *asks) Send(replyTo kit.Address) {
	token := uint64(0)
	for i := range a.items {
		one := &a.items[i]
		if one.body == nil {
			continue
		}
		token++
		a.env.Groups.Tell(consumers.Ask{
			Group: one.group, Body: one.body, Client: classic.Client{ID: a.client.ID, Host: "/" + a.client.Host},
			ReplyTo: replyTo, Token: token,
		})
	}
}

// Answer implements call.Task.
func (a *asks) Answer(_ *call.Questions, reply any) {
	answered, is := reply.(consumers.Answered)
	if !is {
		return
	}
	token := uint64(0)
	for i := range a.items {
		if a.items[i].body != nil {
			token++
		}
		if a.items[i].body != nil && token == answered.Token {
			a.items[i].code, a.items[i].result = answered.Code, answered.Result
			return
		}
	}
}

// Response implements call.Task.
func (a *asks) Response() kmsg.Response { return a.respond(a.items) }

// Deadline implements call.Task.
func (a *asks) Deadline() time.Duration { return a.timeout }
