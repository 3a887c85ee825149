package kit_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

// shop is a small system with everything in it: a supervisor that rebuilds its workers, workers that fail at
// random and have timers of their own, and clients that keep deadlines. It counts what became of each order.
type shop struct {
	kit.Address // of the supervisor
	random      *rand.Rand
	restarts    int
	answers     map[int]int
	expired     int
	orders      int
}

const shopWorkers = 4

func newShop(system *kit.System, random *rand.Rand) *shop {
	s := &shop{random: random, answers: make(map[int]int)}
	s.Address = system.Spawn("shop", kit.Spec{New: func() kit.Actor {
		return &supervisor{
			shop: s, restarts: make(map[string]*kit.Restarts), down: make(map[string]time.Time),
		}
	}})
	for i := range shopWorkers {
		system.Spawn(fmt.Sprintf("client-%d", i), kit.Spec{New: func() kit.Actor {
			return &client{shop: s, to: s.Child(fmt.Sprintf("worker-%d", i))}
		}})
	}
	return s
}

type supervisor struct {
	shop     *shop
	restarts map[string]*kit.Restarts
	down     map[string]time.Time
}

type rebuild struct{ name string }

func (s *supervisor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		for i := range shopWorkers {
			s.build(c, fmt.Sprintf("worker-%d", i))
		}
	case kit.ChildFailed:
		wait, _ := s.restarts[m.Who.Name()].Failed(c.Now())
		s.down[m.Who.Name()] = c.Now().Add(wait)
	case kit.Terminated:
		c.After(s.down[m.Who.Name()].Sub(c.Now()), rebuild{m.Who.Name()})
	case rebuild:
		s.shop.restarts++
		s.build(c, m.name)
	}
}

func (s *supervisor) build(c *kit.Context, name string) {
	if s.restarts[name] == nil {
		s.restarts[name] = &kit.Restarts{
			Limit: kit.NoLimit, Within: time.Minute, Min: time.Second, Max: time.Minute,
			Random: s.shop.random,
		}
	}
	c.Spawn(name, kit.Spec{Mailbox: kit.Batched(8), New: func() kit.Actor { return &worker{shop: s.shop} }})
}

type order struct {
	token   int
	replyTo kit.Address
}

type filled struct {
	token int
	err   error
}

func (o order) Refuse(err error) { o.replyTo.Tell(filled{o.token, err}) }

// worker keeps orders for a while and fills them together.
type worker struct {
	shop *shop
	kept *kit.Postponed
}

func (w *worker) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		w.kept = kit.NewPostponed(5)
		c.Every(time.Minute, "fill")
	case kit.Stopping:
		w.kept.Refuse(kit.ErrStopped)
	case kit.Batch:
		for one := range m.All() {
			w.handle(one)
		}
	}
}

func (w *worker) handle(message any) {
	if w.shop.random.IntN(500) == 0 {
		panic("worker is tired")
	}
	switch m := message.(type) {
	case order:
		if !w.kept.Add(m) {
			m.Refuse(errors.New("too many orders"))
		}
	default:
		for _, one := range w.kept.Take() {
			one := one.(order)
			one.replyTo.Tell(filled{token: one.token})
		}
	}
}

// client orders again and again, a while after each answer.
type client struct {
	shop *shop
	to   kit.Address
	open kit.Pending[int, int]
}

func (a *client) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		c.Every(10*time.Second, "sweep")
		c.After(0, "order")
	case string:
		if m == "order" {
			a.order(c)
			return
		}
		for range a.open.Expire(c.Now()) {
			a.shop.expired++
			a.order(c)
		}
	case filled:
		a.shop.answers[m.token]++
		if _, ok := a.open.Take(m.token); ok {
			c.After(time.Duration(a.shop.random.IntN(60_000))*time.Millisecond, "order")
		}
	}
}

func (a *client) order(c *kit.Context) {
	a.shop.orders++
	token := a.shop.orders
	a.open.Add(token, token, c.Now().Add(5*time.Minute))
	a.to.Tell(order{token: token, replyTo: c.Self()})
}

func (s *shop) check(t *testing.T) {
	t.Helper()
	open := 0
	for token := 1; token <= s.orders; token++ {
		switch s.answers[token] {
		case 0:
			open++
		case 1:
		default:
			t.Fatalf("got %d answers to order %d, want one", s.answers[token], token)
		}
	}
	if open > shopWorkers || s.expired > 0 {
		t.Errorf("got %d orders open and %d expired, want at most one open per client", open, s.expired)
	}
}

// TestHundredHoursFromASeed runs the shop for 100 virtual hours, with its restarts, on the seeded dispatcher.
func TestHundredHoursFromASeed(t *testing.T) {
	for seed := range uint64(2) {
		world := kittest.NewSeeded(t, seed)
		s := newShop(world.System, world.Random())
		world.Advance(100 * time.Hour)
		s.check(t)
		if s.restarts < 50 || s.orders < 10_000 {
			t.Errorf("seed %d: got %d restarts and %d orders, want a busy shop", seed, s.restarts, s.orders)
		}
	}
}

// TestHundredHoursInABubble does so with the real dispatcher and the clock of testing/synctest.
func TestHundredHoursInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system := kit.NewSystem(kit.SystemConfig{})
		restarts, ticks := 0, 0
		repairs := kit.Restarts{Limit: kit.NoLimit, Min: time.Second, Max: time.Minute}
		child := spec(func(c *kit.Context) {
			switch c.Message() {
			case any(kit.Started{}):
				c.Every(time.Minute, "tick")
			case "tick":
				if ticks++; ticks%100 == 0 {
					panic("boom")
				}
			}
		})
		parent := system.Spawn("parent", spec(func(c *kit.Context) {
			switch c.Message().(type) {
			case kit.Started:
				c.Spawn("child", child)
			case kit.Terminated:
				wait, _ := repairs.Failed(c.Now())
				c.After(wait, "rebuild")
			case string:
				restarts++
				c.Spawn("child", child)
			}
		}))
		time.Sleep(100 * time.Hour)
		if err := system.StopAndWait(t.Context(), parent); err != nil {
			t.Fatal(err)
		}
		system.Shutdown()
		if restarts < 55 || ticks < 5900 {
			t.Errorf("got %d restarts and %d ticks, want about 60 and 6000", restarts, ticks)
		}
	})
}

func TestSameSeedSameOrder(t *testing.T) {
	run := func(seed uint64) []string {
		world := kittest.NewSeeded(t, seed)
		world.Record()
		newShop(world.System, world.Random())
		world.Advance(time.Hour)
		return world.Trace()
	}
	first, second, other := run(7), run(7), run(8)
	if len(first) < 1000 || !slices.Equal(first, second) {
		t.Errorf("got traces of %d and %d lines that differ, want the same", len(first), len(second))
	}
	if slices.Equal(first, other) {
		t.Error("got the same trace of two seeds")
	}
}
