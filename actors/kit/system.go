package kit

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// SystemConfig says how to make a System. The zero value is usable.
type SystemConfig struct {
	Name       string // in logs; a process may hold several systems
	Logger     zerolog.Logger
	Metrics    prometheus.Registerer // nil: counted, but shown to nobody
	Clock      Clock                 // nil: RealClock
	Dispatcher Dispatcher            // nil: a goroutine for each busy actor
	// OnFailure hears of the failure of a top-level actor, which is being stopped. It runs in the last turn
	// of that actor and must not wait for it.
	OnFailure func(who Address, reason any)
	// Trace sees each message right before it is handled, in the turn of the actor. It is for simulations.
	Trace func(who Address, message any)
	// Faults makes actors fail on purpose; nil, which costs nothing: none ever does. It is for tests.
	Faults *Faults
	// SlowAfter is how long an actor may hold one message before that is logged and counted; 0: nobody
	// looks. It works with the system's own Dispatcher only.
	SlowAfter time.Duration
	// ShutdownTimeout bounds Shutdown; 0 stands for 30 s.
	ShutdownTimeout time.Duration
}

const defaultShutdownTimeout = 30 * time.Second

// System is a set of actors with one clock, one dispatcher and one log. Nothing is shared between systems.
type System struct {
	actors     *actor.ActorSystem
	owned      bool
	log        zerolog.Logger
	sampled    zerolog.Logger // for what repeats
	metrics    *metrics
	clock      Clock
	dispatcher Dispatcher
	onFailure  func(who Address, reason any)
	hooks      *hooks // nil: handling a message is nothing but that
	watchdog   *watchdog
	patience   time.Duration
	spawned    atomic.Uint64
	closing    atomic.Bool
	top        top
	nests      *sync.Pool // of *nest; the runtime keeps pools for a while, and with this one no system
}

// NewSystem makes a system of its own.
func NewSystem(config SystemConfig) *System {
	log := config.Logger.Level(max(config.Logger.GetLevel(), zerolog.WarnLevel))
	actors := actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
			return slog.New(zerolog.NewSlogHandler(log))
		}),
		// The first dead letter of an interval starts a goroutine that lives for the interval. A Stop for a
		// child that has just ended is a dead letter to protoactor and nothing to us.
		actor.WithDeadLetterThrottleInterval(time.Nanosecond),
	)
	s := Attach(actors, config)
	s.owned = true
	return s
}

// Attach makes a system inside one that belongs to a host application, as a subtree of its own. Shutdown
// leaves the host's actors alone.
func Attach(actors *actor.ActorSystem, config SystemConfig) *System {
	s := &System{
		actors: actors, log: config.Logger, metrics: newMetrics(config.Metrics), clock: config.Clock,
		dispatcher: config.Dispatcher, onFailure: config.OnFailure, hooks: newHooks(config.Trace, config.Faults),
		patience: config.ShutdownTimeout,
	}
	if config.Name != "" {
		s.log = s.log.With().Str("system", config.Name).Logger()
	}
	s.sampled = s.log.Sample(&zerolog.BurstSampler{Burst: deadLetterBurst, Period: time.Second})
	if s.clock == nil {
		s.clock = RealClock{}
	}
	if s.dispatcher == nil {
		own := &workers{}
		if config.SlowAfter > 0 {
			s.watchdog = newWatchdog(s, own, config.SlowAfter)
			own.watchdog = s.watchdog
		}
		s.dispatcher = own
	}
	if s.patience == 0 {
		s.patience = defaultShutdownTimeout
	}
	s.nests = &sync.Pool{New: func() any { return newNest() }}
	s.top.nest = newNest(actor.WithGuardian(guardian{s}))
	return s
}

// deadLetterBurst is how many dead letters are logged per second; the metrics count them all.
const deadLetterBurst = 10

// Now returns the time of the system's clock.
func (s *System) Now() time.Time { return s.clock.Now() }

// Spawn makes a top-level actor.
func (s *System) Spawn(name string, spec Spec) Address {
	c := newCell(s, nil, name, spec)
	s.top.hatch(c, func(props *actor.Props) (*actor.PID, error) {
		return s.actors.Root.SpawnNamed(props, name)
	})
	c.mailbox.begin()
	return Address{c}
}

// Stop stops an actor after the message that it handles; what it has queued is refused. Actors use
// Context.Stop.
func (s *System) Stop(a Address) {
	if c := a.cell(); c != nil {
		c.mailbox.PostSystemMessage(stopMessage)
	}
}

// StopAndWait stops an actor after what it has queued and waits until it and its children are gone. It is
// for the rim. The error is that of the context.
func (s *System) StopAndWait(ctx context.Context, a Address) error {
	c := a.cell()
	if c == nil {
		return nil
	}
	c.mailbox.post(poison{})
	s.Drive()
	select {
	case <-c.done():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", c.path(), ctx.Err())
	}
}

// Shutdown stops all actors, the youngest at the top first, and waits for each. What does not end in time
// is reported and left behind.
func (s *System) Shutdown() {
	s.closing.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	cells := s.top.all()
	for _, c := range slices.Backward(cells) {
		c.mailbox.PostSystemMessage(stopMessage)
		s.Drive()
		select {
		case <-c.done():
		case <-ctx.Done():
			s.log.Error().Str("actor", c.path()).Dur("waited", s.patience).Msg("actor does not stop")
		}
	}
	if workers, ok := s.dispatcher.(*workers); ok {
		workers.finish()
	}
	if s.owned && !s.actors.IsStopped() {
		s.actors.Shutdown()
	}
}

// Drive lets a Driver run what there is to run; other dispatchers do so by themselves.
func (s *System) Drive() {
	if driver, ok := s.dispatcher.(Driver); ok {
		driver.Drive()
	}
}
