package consumers

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/expressions"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
)

// Options say which group it is.
type Options struct {
	Group    string
	Settings *Settings
	State    State
	Listing  *atomic.Pointer[Summary] // where the group publishes its Summary
	// Expressions is who knows what regular expressions match, by name.
	Expressions kit.Address
	Log         zerolog.Logger
}

// followAgain is the wait before whoever knows expressions is asked again after a failure.
const followAgain = 100 * time.Millisecond

// Actor is one group. See the package comment for its card.
type Actor struct {
	options Options
	core    *core
	asks    map[classic.Ticket]asked
	last    classic.Ticket
	handled uint64    // messages of the coordinator
	wake    time.Time // when a Tick will come, zero: none
	watches bool      // who knows expressions
	away    bool      // that one failed, and is asked again soon
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
		Log: &options.Log,
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
	case expressions.Matched:
		a.onMatched(c, m)
	case follow:
		a.onFollow(c)
	case kit.Terminated:
		a.onAway(c)
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
	a.search(c)
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
	a.search(c)
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

// search asks what expressions match, and says which ones nobody has any more.
func (a *Actor) search(c *kit.Context) {
	leaves, follows := a.core.searches.take()
	for _, one := range leaves {
		a.options.Expressions.Tell(expressions.Leave{Expression: one, Who: c.Self()})
	}
	if len(follows) > 0 && !a.watches {
		a.watches = true
		c.Watch(a.options.Expressions)
	}
	for _, one := range follows {
		a.options.Expressions.Tell(expressions.Follow{Expression: one, Who: c.Self()})
	}
}

func (a *Actor) onMatched(c *kit.Context, m expressions.Matched) {
	if errors.Is(m.Err, expressions.ErrAway) {
		a.onAway(c)
		return
	}
	a.core.matched(c.Now(), m.Expression, m.Topics, m.Err)
	a.proceed(c)
}

// onAway waits for the successor of who knew expressions.
func (a *Actor) onAway(c *kit.Context) {
	if !a.away {
		a.away = true
		c.After(followAgain, follow{})
	}
}

// onFollow asks the successor for all that is wanted.
func (a *Actor) onFollow(c *kit.Context) {
	a.away, a.watches = false, false
	a.core.searchAgain()
	a.search(c)
}

func (a *Actor) publish() {
	now := a.core.summary()
	before := a.options.Listing.Load()
	if before == nil || *before != now {
		a.options.Listing.Store(&now)
	}
	if before != nil && now.Type == before.Type && now.Epoch > before.Epoch {
		a.options.Settings.Metrics.rebalanced(now.Type)
	}
}

// onStopping tells those who wait to look for the coordinator again.
func (a *Actor) onStopping() {
	for _, to := range kit.InOrder(a.asks) {
		to.replyTo.Tell(coordinators.Answered{Token: to.token, Code: protocol.NotCoordinator})
	}
	a.asks = nil
}
