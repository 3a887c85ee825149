package consumers

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
)

// Options say which group it is.
type Options struct {
	Group    string
	Settings *Settings
	State    State
	Listing  *atomic.Pointer[Summary] // where the group publishes its Summary
	Log      zerolog.Logger
}

// Actor is one group. See the package comment for its card.
type Actor struct {
	options Options
	core    *core
	asks    map[classic.Ticket]asked
	last    classic.Ticket
	handled uint64    // messages of the coordinator
	wake    time.Time // when a Tick will come, zero: none
}

// asked is where an answer goes.
type asked struct {
	replyTo kit.Address
	token   uint64
}

// Spec returns how to spawn a group.
func Spec(options Options) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor { return &Actor{options: options, asks: map[classic.Ticket]asked{}} },
		Log: options.Log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case Ask:
		a.onAsk(c, m)
	case Tick:
		a.onTick(c)
	case Expire:
		a.core.expire(c.Now())
		a.proceed(c)
	case Forget:
		a.core.forget(m.Topics)
		a.proceed(c)
	case Written:
		a.core.written(c.Now(), m)
		a.proceed(c)
	case EndTransaction:
		a.core.endTransaction(m)
		a.proceed(c)
	case kit.Stopping:
		a.onStopping()
	}
}

// onStarted takes over what the log knows. A record that cannot be read is as good as none: the members join
// again, and the offsets are records of their own.
func (a *Actor) onStarted(c *kit.Context) {
	core, err := newCore(a.options.Group, a.options.Settings, a.options.State, c.Now())
	a.options.State = State{}
	if err != nil {
		c.Log().Error().Err(err).Str("group", a.options.Group).
			Msg("the members of a group cannot be read; they have to join again")
		if core.newer.group == nil {
			core.classic = classic.New(core.id, &core.settings.Classic, c.Now())
		}
	}
	a.core = core
	a.publish()
	a.wakeAt(c)
}

func (a *Actor) onAsk(c *kit.Context, m Ask) {
	a.handled++
	a.last++
	a.asks[a.last] = asked{m.ReplyTo, m.Token}
	a.core.ask(c.Now(), m.Client, m.Body, a.last)
	a.proceed(c)
}

func (a *Actor) onTick(c *kit.Context) {
	a.wake = time.Time{}
	a.core.tick(c.Now())
	a.proceed(c)
}

// proceed sends what the core has brought about.
func (a *Actor) proceed(c *kit.Context) {
	answers, writes := a.core.take()
	for _, one := range answers {
		a.answer(one)
	}
	for _, one := range writes {
		c.Parent().Tell(Write{
			Group: c.Self(), Token: one.token, Records: one.records,
			Transaction: one.transaction,
		})
	}
	a.publish()
	a.wakeAt(c)
	if a.core.vacant() {
		c.Parent().Tell(Vacant{Group: c.Self(), Handled: a.handled})
	}
}

func (a *Actor) answer(one answer) {
	to, open := a.asks[one.ticket]
	if !open {
		panic(fmt.Sprintf("BUG: got a second answer to request %d of a group, want one", one.ticket))
	}
	delete(a.asks, one.ticket)
	to.replyTo.Tell(coordinators.Answered{Token: to.token, Code: one.code, Result: one.result})
}

// wakeAt asks for a tick if none comes soon enough. A deadline that moves back, as that of a member does with
// every heartbeat, costs nothing: the tick that comes too early asks for the next one.
func (a *Actor) wakeAt(c *kit.Context) {
	next := a.core.next()
	if next.IsZero() || !a.wake.IsZero() && !next.Before(a.wake) {
		return
	}
	a.wake = next
	c.Parent().Tell(WakeAt{Group: c.Self(), At: next})
}

func (a *Actor) publish() {
	now := a.core.summary()
	if before := a.options.Listing.Load(); before == nil || *before != now {
		a.options.Listing.Store(&now)
	}
}

// onStopping tells those who wait to look for the coordinator again.
func (a *Actor) onStopping() {
	for _, to := range a.asks {
		to.replyTo.Tell(coordinators.Answered{Token: to.token, Code: protocol.NotCoordinator})
	}
	a.asks = nil
}
