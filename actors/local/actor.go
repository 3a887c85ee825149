package local

import (
	"fmt"
	"strconv"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/local/pull"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/fetch"
	"github.com/chronik-go/chronik/actors/request/write"
)

// Options say whom the actor works with.
type Options struct {
	Env      *request.Env
	Sessions *fetch.Sessions
	Budget   *kit.Budget // that of the connections
	Listener string      // whose addresses answers name
	Log      zerolog.Logger
}

// Actor serves actors of this process. See the package comment for its card.
type Actor struct {
	options Options
	pull    pull.Options
	client  request.Client
	last    uint64              // number of the newest request
	open    map[uint64]*pending // by number
	askers  map[string]uint64   // child of a request → its number
	watches map[watchKey]kit.Address
	held    map[string][]uint64 // of each transaction: a Produce that is being verified, and those behind it
}

// pending is a request that waits for its child.
type pending struct {
	produce Produce // or
	request Request
	cost    int64 // of the budget
	child   kit.Address
	writing *writing // of a produce
}

// watchKey names a Watch.
type watchKey struct {
	who   string
	token uint64
}

// clientID is what the requests of this process are called in quotas and logs.
const clientID = "embedded"

// Spec returns how to spawn the actor.
func Spec(options Options) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor {
			return &Actor{
				options: options,
				pull: pull.Options{
					Env: options.Env, Sessions: options.Sessions, Listener: options.Listener, Log: options.Log,
				},
				client: request.Client{ID: clientID, Host: clientID, Listener: options.Listener},
				open:   make(map[uint64]*pending), askers: make(map[string]uint64),
				watches: make(map[watchKey]kit.Address), held: make(map[string][]uint64),
			}
		},
		Log: &options.Log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case Produce:
		a.onProduce(c, m)
	case Request:
		a.onRequest(c, m)
	case pull.Fetch:
		c.Spawn(a.name("pull"), pull.FetchSpec(&a.pull, m))
	case pull.Watch:
		a.onWatch(c, m)
	case pull.Next:
		a.watches[watchKey{m.ReplyTo.ID(), m.Token}].Tell(m)
	case Unwatch:
		a.onUnwatch(c, watchKey{m.ReplyTo.ID(), m.Token})
	case write.Verified:
		a.onVerified(c, m)
	case write.Done:
		a.onWritten(c, m)
	case request.Done:
		a.onCalled(m)
	case kit.ChildFailed:
		a.onChildFailed(c, m)
	case kit.Terminated:
		a.onTerminated(m)
	case kit.Stopping:
		a.onStopping()
	}
}

// name returns the name of the next child of a kind.
func (a *Actor) name(kind string) string {
	a.last++
	return kind + "-" + strconv.FormatUint(a.last, 10)
}

// onWatch begins a watch, in place of an earlier one of the same name.
func (a *Actor) onWatch(c *kit.Context, m pull.Watch) {
	key := watchKey{m.ReplyTo.ID(), m.Token}
	a.onUnwatch(c, key)
	a.watches[key] = c.Spawn(a.name("pull"), pull.WatchSpec(&a.pull, m))
}

func (a *Actor) onUnwatch(c *kit.Context, key watchKey) {
	if one, known := a.watches[key]; known {
		delete(a.watches, key)
		c.Stop(one)
	}
}

// onChildFailed answers in the place of a child that panicked. A pull answers for itself.
func (a *Actor) onChildFailed(c *kit.Context, m kit.ChildFailed) {
	if number, known := a.askers[m.Who.ID()]; known {
		if one := a.open[number]; one.writing != nil {
			defer a.unhold(c, one.produce.transaction(), number)
		}
		a.refuse(number, fmt.Errorf("request failed: %w", kit.ErrStopped))
	}
}

// onTerminated forgets a watch that has ended.
func (a *Actor) onTerminated(m kit.Terminated) {
	for key, one := range a.watches {
		if one.Equal(m.Who) {
			delete(a.watches, key)
			return
		}
	}
}

// take removes a request that is answered, nil if it was answered before.
func (a *Actor) take(number uint64) *pending {
	one := a.open[number]
	if one == nil {
		return nil
	}
	delete(a.open, number)
	delete(a.askers, one.child.ID())
	if one.cost > 0 {
		a.options.Budget.Release(one.cost)
	}
	return one
}

// refuse answers a request with an error.
func (a *Actor) refuse(number uint64, err error) {
	one := a.take(number)
	switch {
	case one == nil:
	case one.request.Body != nil:
		one.request.Refuse(err)
	default:
		one.produce.Refuse(err)
	}
}

func (a *Actor) onStopping() {
	for number := range kit.InOrder(a.open) {
		a.refuse(number, kit.ErrStopped)
	}
}
