package brokers

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/link"
)

// Limits of what is under way at once.
const (
	maxOpen   = 10_000
	maxServed = 4_000
)

// answerMargin is how much longer than its link a question waits: the link says more about what happened.
const answerMargin = 100 * time.Millisecond

// Links are the links to the other nodes.
type Links interface {
	Link(node int32) kit.Address
}

// Options say what the actor works with.
type Options struct {
	NodeID int32
	Links  Links                // nil: there are no other nodes
	Serves func(key int16) bool // whether Handle knows an API
	Handle Handle
	Log    zerolog.Logger
}

// Handle begins to answer a request of a broker. It returns the response, or work whose actor gets the
// response to answer.
type Handle func(from int32, r *protocol.Request, answer func(kmsg.Response)) (kmsg.Response, Work)

// Work is how a request goes on that could not be answered at once.
type Work struct {
	Spec  kit.Spec
	Begun func(actor kit.Address) // called when the actor is there; may be nil
}

// Actor asks other brokers and answers them. See the package comment for its card.
type Actor struct {
	options Options
	open    kit.Pending[uint64, question]
	served  map[uint64]serving
	last    uint64    // number of a question or of a request that is served
	expiry  time.Time // when expire comes, zero: it does not
}

// question is what somebody on this node has asked.
type question struct {
	number uint64
	ask    Ask
}

// serving is a request that this node answers: to another node, or to itself.
type serving struct {
	replyTo kit.Address
	token   uint64
	header  protocol.Header
	own     bool // asked by this node
}

// Spec returns how to spawn the actor.
func Spec(options Options) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor { return &Actor{options: options, served: map[uint64]serving{}} },
		Log: &options.Log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case Ask:
		a.onAsk(c, m)
	case link.Returned:
		a.onReturned(m)
	case link.Incoming:
		a.onIncoming(c, m)
	case Handled:
		a.onHandled(m)
	case expire:
		a.onExpire(c)
	case kit.ChildFailed:
		a.onChildFailed(m)
	case kit.Stopping:
		a.onStopping()
	}
}

var errUnserved = errors.New("the request is of an API or version that is not served")

// onAsk asks another node, or this one.
func (a *Actor) onAsk(c *kit.Context, m Ask) {
	if m.Timeout <= 0 {
		m.Timeout = link.DefaultTimeout
	}
	switch {
	case a.open.Len() >= maxOpen:
		m.Refuse(link.ErrBusy)
		return
	case !protocol.Supports(m.Request.Key(), m.Request.GetVersion()) || !a.options.Serves(m.Request.Key()):
		m.Refuse(errUnserved)
		return
	case m.Node != a.options.NodeID && a.options.Links == nil:
		m.Refuse(link.ErrDown)
		return
	}
	a.last++
	a.open.Add(a.last, question{a.last, m}, c.Now().Add(m.Timeout+answerMargin))
	a.watch(c)
	if m.Node == a.options.NodeID {
		header := protocol.Header{Key: m.Request.Key(), Version: m.Request.GetVersion()}
		one := serving{replyTo: c.Self(), token: a.last, header: header, own: true}
		a.serve(c, one, a.options.NodeID, &protocol.Request{Header: header, Body: m.Request})
		return
	}
	a.options.Links.Link(m.Node).Tell(link.Call{
		Node: m.Node, Service: link.ServiceKafka, Body: protocol.AppendRequest(nil, m.Request),
		Timeout: m.Timeout, ReplyTo: c.Self(), Token: a.last,
	})
}

// onReturned answers a question with what another node says.
func (a *Actor) onReturned(m link.Returned) {
	one, open := a.open.Take(m.Token)
	if !open {
		return
	}
	if m.Err != nil {
		one.ask.Refuse(m.Err)
		return
	}
	response, err := protocol.ReadAnswer(one.ask.Request, m.Body)
	one.answer(response, err)
}

func (q *question) answer(response kmsg.Response, err error) {
	q.ask.ReplyTo.Tell(Answered{Token: q.ask.Token, Response: response, Err: err})
}

// onIncoming begins to answer another node.
func (a *Actor) onIncoming(c *kit.Context, m link.Incoming) {
	r, err := protocol.ParseRequest(m.Body)
	switch {
	case err != nil:
	case !a.options.Serves(r.Key):
		err = errUnserved
	case len(a.served) >= maxServed:
		err = link.ErrBusy
	}
	if err != nil {
		m.Refuse(err)
		return
	}
	a.serve(c, serving{replyTo: m.ReplyTo, token: m.Token, header: r.Header}, m.From, r)
}

// serve begins to answer a request.
func (a *Actor) serve(c *kit.Context, one serving, from int32, r *protocol.Request) {
	a.last++
	number, self := a.last, c.Self()
	response, work := a.options.Handle(from, r, func(response kmsg.Response) {
		self.Tell(Handled{Number: number, Response: response})
	})
	if response != nil {
		a.reply(one, response, nil)
		return
	}
	a.served[number] = one
	child := c.Spawn(callName(number), work.Spec)
	if work.Begun != nil {
		work.Begun(child)
	}
}

const callPrefix = "call-"

func callName(number uint64) string { return callPrefix + strconv.FormatUint(number, 10) }

func (a *Actor) onHandled(m Handled) { a.finish(m.Number, m.Response, nil) }

var errFailed = errors.New("the request could not be answered")

// onChildFailed answers in the place of a child that panicked.
func (a *Actor) onChildFailed(m kit.ChildFailed) {
	number, err := strconv.ParseUint(strings.TrimPrefix(m.Who.Name(), callPrefix), 10, 64)
	if err == nil {
		a.finish(number, nil, errFailed)
	}
}

// finish answers a request that took time, unless that has happened.
func (a *Actor) finish(number uint64, response kmsg.Response, err error) {
	one, waits := a.served[number]
	if !waits {
		return
	}
	delete(a.served, number)
	a.reply(one, response, err)
}

func (a *Actor) reply(one serving, response kmsg.Response, err error) {
	if one.own {
		if asked, open := a.open.Take(one.token); open {
			if err == nil {
				response.SetVersion(one.header.Version)
			}
			asked.answer(response, err)
		}
		return
	}
	answer := link.Answer{Token: one.token, Err: err}
	if err == nil {
		answer.Body = protocol.AppendAnswer(nil, one.header, response)
	}
	one.replyTo.Tell(answer)
}

// watch sees to it that expire comes when the first question has waited long enough. One that comes too
// early, or for nothing, does no harm.
func (a *Actor) watch(c *kit.Context) {
	next := a.open.Next()
	if a.open.Len() == 0 || (!a.expiry.IsZero() && !next.Before(a.expiry)) {
		return
	}
	a.expiry = next
	c.After(next.Sub(c.Now()), expire{})
}

func (a *Actor) onExpire(c *kit.Context) {
	for _, one := range a.open.Expire(c.Now()) {
		one.ask.Refuse(link.ErrTimeout)
	}
	a.expiry = time.Time{}
	a.watch(c)
}

// onStopping answers everything that is under way.
func (a *Actor) onStopping() {
	for _, one := range a.open.Drain() {
		one.ask.Refuse(kit.ErrStopped)
	}
	for _, one := range kit.InOrder(a.served) {
		if !one.own {
			one.replyTo.Tell(link.Answer{Token: one.token, Err: kit.ErrStopped})
		}
	}
}
