package kit_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/chronik-go/chronik/actors/kit"
)

// question is a request of the host that is answered to whoever asked.
type question struct {
	request
}

func (q question) AnswerTo(a kit.Address) any {
	if q.replyTo.IsZero() {
		q.replyTo = a
	}
	return q.request
}

func newHost(t *testing.T) *actor.ActorSystem {
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	host := actor.NewActorSystem(actor.WithLoggerFactory(quiet), actor.WithDeadLetterThrottleInterval(time.Nanosecond))
	t.Cleanup(host.Shutdown)
	return host
}

// embedded is a tree of a root with one child. Its lives are counted by what lives tells.
func embedded(lives chan kit.Address, fails *func(error)) kit.Embedding {
	return kit.Embedding{
		Name: "root",
		Live: func(fail func(error)) (kit.SystemConfig, func(*kit.System) kit.Spec) {
			*fails = fail
			root := spec(func(c *kit.Context) {
				switch m := c.Message().(type) {
				case kit.Started:
					c.Spawn("child", spec(server))
					lives <- c.Self()
				case request:
					serve(m)
				case string:
					if m == "stop" {
						c.Stop(c.Self())
					}
				}
			})
			return kit.SystemConfig{SlowAfter: time.Minute}, func(*kit.System) kit.Spec { return root }
		},
	}
}

func ask(t *testing.T, host *actor.ActorSystem, pid *actor.PID, token int) {
	t.Helper()
	got, err := host.Root.RequestFuture(pid, question{request{token: token}}, patience).Result()
	if err != nil || got != (served{token}) {
		t.Fatalf("got %v, %v, want an answer to %d", got, err, token)
	}
}

func TestEmbeddedTreeAnswersActorsOfItsHost(t *testing.T) {
	host := newHost(t)
	lives := make(chan kit.Address, 9)
	var fail func(error)
	props := embedded(lives, &fail).Props()
	for i, name := range []string{"one", "two"} { // several in one process, of the same Props
		pid, err := host.Root.SpawnNamed(props, name)
		if err != nil {
			t.Fatal(err)
		}
		if root := <-lives; root.ID() != name+"/root" {
			t.Errorf("got a root at %s", root.ID())
		}
		ask(t, host, pid, i)
	}
	for _, name := range []string{"one", "two"} {
		if err := host.Root.StopFuture(actor.NewPID(host.Address(), name)).Wait(); err != nil {
			t.Error(err)
		}
	}
}

// TestSupervisorOfTheHostDecides: a tree that fails, or says that it cannot go on, is built anew by a host that
// restarts it, and the old one is gone by then.
func TestSupervisorOfTheHostDecides(t *testing.T) {
	host := newHost(t)
	lives := make(chan kit.Address, 9)
	var fail func(error)
	var pid *actor.PID
	ready := make(chan struct{})
	supervisor := host.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if _, ok := c.Message().(*actor.Started); ok {
			pid, _ = c.SpawnNamed(embedded(lives, &fail).Props(), "tree")
			close(ready)
		}
	}, actor.WithSupervisor(actor.NewOneForOneStrategy(10, time.Minute, actor.DefaultDecider))))
	<-ready
	first := <-lives
	ask(t, host, pid, 1)
	host.Root.Send(pid, request{boom: true})
	second := <-lives
	<-first.Done()
	ask(t, host, pid, 2)
	fail(errors.New("cannot go on"))
	third := <-lives
	<-second.Done()
	ask(t, host, pid, 3)
	if err := host.Root.StopFuture(supervisor).Wait(); err != nil {
		t.Error(err)
	}
	<-third.Done()
}

func TestDoorStopsWithItsRoot(t *testing.T) {
	host := newHost(t)
	lives := make(chan kit.Address, 1)
	var fail func(error)
	pid, err := host.Root.SpawnNamed(embedded(lives, &fail).Props(), "tree")
	if err != nil {
		t.Fatal(err)
	}
	<-lives
	gone := make(chan struct{})
	host.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		switch c.Message().(type) {
		case *actor.Started:
			c.Watch(pid)
			c.Send(pid, "stop")
		case *actor.Terminated:
			close(gone)
		}
	}))
	<-gone
}
