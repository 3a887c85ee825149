package kit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// ErrStopped is what messages are refused with when their receiver is gone.
var ErrStopped = errors.New("actor has stopped")

// Refusable is a message that must be answered even when it cannot be delivered. Refuse runs on any
// goroutine; it tells the asker and does nothing else.
type Refusable interface{ Refuse(err error) }

// SystemConfig says how to make a System. The zero value is usable.
type SystemConfig struct {
	Name       string
	Logger     zerolog.Logger
	Metrics    prometheus.Registerer // nil: counted, but shown to nobody
	Clock      Clock                 // nil: the real one
	Dispatcher actor.Dispatcher      // nil: a goroutine per busy actor
	// OnFailure hears of the failure of a top-level actor, which is stopped.
	OnFailure func(who Address, reason any)
}

// System is an actor system.
type System struct {
	actors  *actor.ActorSystem
	root    *actor.RootContext
	config  SystemConfig
	clock   Clock
	log     zerolog.Logger
	metrics *metrics
	tree    tree
}

// NewSystem makes an actor system.
func NewSystem(config SystemConfig) *System {
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
	return Attach(actor.NewActorSystem(actor.WithLoggerFactory(quiet)), config)
}

// Attach makes a System of an actor system that belongs to somebody else. Shutdown leaves that one alone.
func Attach(actors *actor.ActorSystem, config SystemConfig) *System {
	s := &System{actors: actors, root: actors.Root, config: config, clock: config.Clock, log: config.Logger}
	if s.clock == nil {
		s.clock = RealClock{}
	}
	s.metrics = newMetrics(config.Metrics)
	s.tree.paths = make(map[string]struct{})
	actors.EventStream.Subscribe(func(event any) {
		if dead, ok := event.(*actor.DeadLetterEvent); ok {
			s.refuse(dead.Message)
		}
	})
	return s
}

// Spawn makes a top-level actor.
func (s *System) Spawn(name string, spec Spec) Address {
	s.tree.add(name)
	pid, err := s.root.SpawnNamed(s.props(spec).Configure(actor.WithGuardian(guardian{s})), name)
	if err != nil {
		panic(fmt.Sprintf("BUG: got %v for %s, want a free name", err, name))
	}
	return Address{s, pid}
}

// StopAndWait stops an actor after what it has queued, and waits until it and its children are gone.
func (s *System) StopAndWait(ctx context.Context, a Address) error {
	if a.pid == nil {
		return nil
	}
	gone := make(chan struct{})
	s.watch(a, func() { close(gone) })
	s.root.Poison(a.pid)
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", a.ID(), ctx.Err())
	}
}

// Shutdown stops what is left of the system.
func (s *System) Shutdown() { s.actors.Shutdown() }

// props translates a Spec.
func (s *System) props(spec Spec) *actor.Props {
	c := &Context{system: s, spec: spec}
	c.mailbox = &mailbox{system: s, batch: spec.Mailbox.batch}
	options := []actor.PropsOption{
		actor.WithMailbox(func() actor.Mailbox { return c.mailbox }),
		actor.WithSupervisor(strategy{s, spec.Children}),
	}
	if s.config.Dispatcher != nil {
		options = append(options, actor.WithDispatcher(s.config.Dispatcher))
	}
	produce := func() actor.Actor {
		c.user = spec.New()
		return c
	}
	return actor.PropsFromProducer(produce, options...)
}

// Receive implements protoactor's Actor; nobody else calls it.
func (c *Context) Receive(inner actor.Context) {
	if due, ok := inner.Message().(tickDue); ok {
		c.onTick(due)
		return
	}
	c.receive(inner)
}

// guardian supervises the top-level actors.
type guardian struct{ system *System }

func (g guardian) HandleFailure(_ *actor.ActorSystem, parent actor.Supervisor, child *actor.PID,
	_ *actor.RestartStatistics, reason, message any,
) {
	cause := newFailure(reason)
	g.system.onFailure(child, cause, message)
	parent.StopChildren(child)
	if g.system.config.OnFailure != nil {
		g.system.config.OnFailure(Address{g.system, child}, cause.reason)
	}
}
