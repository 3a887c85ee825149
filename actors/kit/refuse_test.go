package kit_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

// tally counts the answers to each request.
type tally struct {
	served  []atomic.Int32
	refused []atomic.Int32
	open    sync.WaitGroup
}

func newTally(requests int) *tally {
	y := &tally{served: make([]atomic.Int32, requests), refused: make([]atomic.Int32, requests)}
	y.open.Add(requests)
	return y
}

func (y *tally) address() kit.Address {
	return kit.AddressFor("tally", func(message any) {
		switch m := message.(type) {
		case served:
			if y.served[m.token].Add(1) == 1 {
				y.open.Done()
			}
		case refused:
			if y.refused[m.token].Add(1) == 1 && errors.Is(m.err, kit.ErrStopped) {
				y.open.Done()
			}
		}
	})
}

func (y *tally) check(t *testing.T) {
	t.Helper()
	for token := range y.served {
		if served, refused := y.served[token].Load(), y.refused[token].Load(); served+refused != 1 {
			t.Fatalf("got %d answers and %d refusals of request %d, want one", served, refused, token)
		}
	}
}

// TestEveryRequestIsAnsweredOnceWhateverHappens has many senders race with the end of their receiver: by
// Stop, Poison, a failure of its own, of its child or of its parent.
func TestEveryRequestIsAnsweredOnceWhateverHappens(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 30
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	system := newSystem(t)
	for range rounds {
		race(t, system, random)
	}
}

var endings = []string{"stop", "poison", "fail", "fail child", "fail parent"}

func race(t *testing.T, system *kit.System, random *rand.Rand) {
	const senders, each = 4, 50
	ending := endings[random.IntN(len(endings))]
	at, mailbox := random.IntN(senders*each), kit.OneByOne
	if random.IntN(2) == 0 {
		mailbox = kit.Batched(1 + random.IntN(20))
	}
	parent, target := family(system, mailbox)
	y := newTally(senders * each)
	var group sync.WaitGroup
	for sender := range senders {
		group.Go(func() {
			for n := range each {
				token := sender*each + n
				if token == at {
					end(system, ending, parent, target)
				}
				target.Tell(request{token: token, replyTo: y.address()})
			}
		})
	}
	group.Wait()
	if ending == "poison" {
		<-target.Done()
	}
	y.open.Wait()
	y.check(t)
	system.Stop(parent)
	<-parent.Done()
}

// family spawns a parent and its child, the target of requests, which has a child of its own.
func family(system *kit.System, mailbox kit.Mailbox) (parent, target kit.Address) {
	born := make(chan kit.Address, 1)
	grandchild := spec(func(c *kit.Context) {
		if c.Message() == "fail" {
			panic("boom")
		}
	})
	child := spec(func(c *kit.Context) {
		switch m := c.Message().(type) {
		case kit.Started:
			c.Spawn("grandchild", grandchild)
			born <- c.Self()
		case kit.Batch:
			for one := range m.All() {
				command(c, one)
			}
		default:
			command(c, m)
		}
	})
	child.Mailbox, child.Children = mailbox, kit.Escalate
	parent = system.Spawn("parent", spec(func(c *kit.Context) {
		switch c.Message().(type) {
		case kit.Started:
			c.Spawn("child", child)
		case string:
			panic("boom")
		}
	}))
	return parent, <-born
}

func command(c *kit.Context, message any) {
	switch m := message.(type) {
	case request:
		serve(m)
	case string:
		if m == "fail" {
			panic("boom")
		}
		c.Children()[0].Tell("fail")
	}
}

func end(system *kit.System, how string, parent, target kit.Address) {
	switch how {
	case "stop":
		system.Stop(target)
	case "poison":
		go func() { _ = system.StopAndWait(context.Background(), target) }() // Done tells the end
	case "fail parent":
		parent.Tell("fail")
	default:
		target.Tell(how)
	}
}

// TestSameInEveryDrawnOrder is the same promise with schedules from seeds instead of the race of the moment.
func TestSameInEveryDrawnOrder(t *testing.T) {
	for seed := range uint64(200) {
		world := kittest.NewSeeded(t, seed)
		random := world.Random()
		probe := kittest.NewProbe(world.System, "probe")
		s := spec(server)
		if seed%2 == 0 {
			s.Mailbox = kit.Batched(3)
		}
		target := probe.Spawn(t, "target", s)
		const requests = 40
		y := newTally(requests)
		at := random.IntN(requests)
		for token := range requests {
			if token == at {
				world.System.Stop(target)
			}
			target.Tell(request{token: token, replyTo: y.address()})
			for range random.IntN(3) {
				world.Step()
			}
		}
		world.Run()
		y.check(t)
	}
}

func TestRequestToNobodyIsRefused(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	kit.Address{}.Tell(request{token: 1, replyTo: probe.Address})
	if got := kittest.Expect[refused](t, probe, patience); !errors.Is(got.err, kit.ErrStopped) {
		t.Errorf("got %v, want ErrStopped", got.err)
	}
	kit.Address{}.Tell("anything")
}
