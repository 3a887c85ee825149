package kit_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

func TestAsk(t *testing.T) {
	system := newSystem(t)
	a := system.Spawn("a", spec(server))
	ask := func(replyTo kit.Address) any { return request{token: 7, replyTo: replyTo} }
	got, err := kit.Ask[served](t.Context(), system, a, ask)
	if err != nil || got.token != 7 {
		t.Errorf("got %v, %v, want an answer to 7", got, err)
	}
	if _, err := kit.Ask[string](t.Context(), system, a, ask); err == nil ||
		err.Error() != "ask a: got kit_test.served, want string" {
		t.Errorf("got %v, want a complaint about the type", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	mute := func(kit.Address) any { return "anything" }
	if _, err := kit.Ask[string](ctx, system, a, mute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	if err := system.StopAndWait(t.Context(), a); err != nil {
		t.Error(err)
	}
	refusal, err := kit.Ask[refused](t.Context(), system, a, ask)
	if err != nil || !errors.Is(refusal.err, kit.ErrStopped) {
		t.Errorf("got %v, %v, want a refusal", refusal, err)
	}
	if _, err := kit.Ask[string](t.Context(), system, a, mute); !errors.Is(err, kit.ErrStopped) {
		t.Errorf("got %v, want ErrStopped", err)
	}
	if err := system.StopAndWait(t.Context(), a); err != nil {
		t.Errorf("got %v for an actor that is gone, want nil", err)
	}
}

func TestStopAndWaitEndsWithTheContext(t *testing.T) {
	system := newSystem(t)
	release := make(chan struct{})
	a := system.Spawn("a", spec(func(c *kit.Context) {
		if c.Message() == "stall" {
			<-release
		}
	}))
	a.Tell("stall")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := system.StopAndWait(ctx, a); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	close(release)
}

func TestTree(t *testing.T) {
	system, _ := kittest.NewInline(t)
	root := kittest.NewProbe(system, "root")
	b := root.Spawn(t, "group-my-topic-3", spec(server))
	root.Spawn(t, "applier", spec(func(c *kit.Context) {
		if _, ok := c.Message().(kit.Started); ok {
			c.Spawn("leaf", spec(server))
		}
	}))
	expectTree(t, system, "root(group-my-topic-3:group applier(leaf))")
	b.Tell(request{boom: true})
	expectTree(t, system, "root(applier(leaf))")
	root.Spawn(t, "group-my-topic-3", spec(server))
	expectTree(t, system, "root(applier(leaf) group-my-topic-3:group!1)")
}

func expectTree(t *testing.T, system *kit.System, want string) {
	t.Helper()
	if got := draw(system.Tree()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func draw(nodes []kit.Node) string {
	var parts []string
	for _, n := range nodes {
		part := n.Name
		if n.Kind != n.Name {
			part += ":" + n.Kind
		}
		if n.Failures > 0 {
			part += "!" + string(rune('0'+n.Failures))
		}
		if len(n.Children) > 0 {
			part += "(" + draw(n.Children) + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " ")
}

func TestTreeCountsWhatWaits(t *testing.T) {
	world := kittest.NewSeeded(t, 1)
	a := world.System.Spawn("a", spec(server))
	a.Tell("one")
	a.Tell("two")
	if got := world.System.Tree()[0].Waiting; got != 2 {
		t.Errorf("got %d waiting, want 2", got)
	}
}

func TestSystemInsideAHostApplication(t *testing.T) {
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	host := actor.NewActorSystem(actor.WithLoggerFactory(quiet),
		actor.WithDeadLetterThrottleInterval(time.Nanosecond))
	registry := prometheus.NewRegistry()
	first := kit.Attach(host, kit.SystemConfig{Metrics: registry})
	second := kit.NewSystem(kit.SystemConfig{Metrics: registry})
	t.Cleanup(second.Shutdown)
	probe := kittest.NewProbe(first, "broker")
	second.Spawn("broker", spec(server))
	if got := metric(t, registry, "chronik_actors", "broker"); got != 2 {
		t.Errorf("got %v actors in a registry of two systems, want 2", got)
	}

	host.Root.Send(host.NewLocalPID("broker"), "by the host")
	if got := kittest.Expect[string](t, probe, patience); got != "by the host" {
		t.Errorf("got %q", got)
	}
	host.Root.Poison(host.NewLocalPID("broker"))
	<-probe.Done()
	first.Shutdown()
	if host.IsStopped() {
		t.Error("got a host that was shut down by its guest")
	}
	host.Shutdown()
}

func TestAddresses(t *testing.T) {
	system, _ := kittest.NewInline(t)
	var got []any
	f := kit.AddressFor("rim/writer", func(message any) { got = append(got, message) })
	kit.RefOf[int](f).Tell(7)
	if f.ID() != "rim/writer" || f.Name() != "writer" || f.String() != f.ID() || got[0] != 7 {
		t.Errorf("got %v at %v", got, f)
	}
	var zero kit.Address
	if !zero.IsZero() || f.IsZero() || zero.ID() != "" || zero.Equal(f) || zero.Done() != nil {
		t.Error("got a zero Address that is somebody")
	}
	a := system.Spawn("a", spec(func(c *kit.Context) {
		for _, nobody := range []kit.Address{zero, f} {
			c.Watch(nobody)
			c.Unwatch(nobody)
			c.Stop(nobody)
			c.Poison(nobody)
		}
		c.Watch(c.Self())
	}))
	system.Stop(zero)
	if err := system.StopAndWait(t.Context(), zero); err != nil {
		t.Error(err)
	}
	system.Stop(a)
	defer func() {
		if recover() == nil {
			t.Error("got no panic for a nil message")
		}
	}()
	f.Tell(nil)
}
