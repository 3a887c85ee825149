package listener

import (
	"context"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/conn"
	"github.com/chronik-go/chronik/actors/kit"
)

// Defaults of Options.
const (
	DefaultMaxConnections = 20_000
	DefaultMaxPerHost     = 20_000
)

// Options say how to listen.
type Options struct {
	Name           string // of the listener, as clients and configuration know it
	Address        string // host:port; port 0 takes a free one
	MaxConnections int    // open at once; one more is closed at once. 0 for DefaultMaxConnections
	MaxPerHost     int    // the same for one client address. 0 for DefaultMaxPerHost
	Held           bool   // bind at once, but accept only when told Open; clients wait in the backlog
	Events         kit.Address
	Shared         *conn.Shared
	// Listen opens the address; nil: TCP.
	Listen func(ctx context.Context, network, address string) (net.Listener, error)
	Log    zerolog.Logger
}

// Actor accepts connections at one address. See the package comment for its card.
type Actor struct {
	options   Options
	listener  net.Listener
	accepting bool
	stop      chan struct{}
	open      *atomic.Int64     // sockets accepted and not closed
	hosts     map[string]string // address of a connection's actor → client host
	perHost   map[string]int
	accepted  uint64 // for the names of connections
	failures  int    // accepts that failed since the last one that did not
	drain     *Drain
	timer     kit.Timer
}

// Spec returns how to spawn a listener.
func Spec(options Options) kit.Spec {
	if options.MaxConnections <= 0 {
		options.MaxConnections = DefaultMaxConnections
	}
	if options.Listen == nil {
		options.Listen = (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen
	}
	if options.MaxPerHost <= 0 {
		options.MaxPerHost = DefaultMaxPerHost
	}
	return kit.Spec{
		New: func() kit.Actor {
			return &Actor{
				options: options, stop: make(chan struct{}), open: new(atomic.Int64),
				hosts: make(map[string]string), perHost: make(map[string]int),
			}
		},
		Log: &options.Log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case Open:
		a.onOpen(c)
	case accepted:
		a.onAccepted(c, m)
	case acceptFailed:
		a.onAcceptFailed(c, m)
	case acceptEnded:
		a.onAcceptEnded(m)
	case kit.Terminated:
		a.onTerminated(m)
	case Drain:
		a.onDrain(c, m)
	case drainExpired:
		a.onDrainExpired(c)
	case kit.Stopping:
		a.onStopping()
	}
}

// onStarted binds the address, so that it is known and taken before anything is served there.
func (a *Actor) onStarted(c *kit.Context) {
	bound, err := a.options.Listen(context.Background(), "tcp", a.options.Address)
	if err != nil {
		a.options.Events.Tell(Bound{Name: a.options.Name, Err: err})
		c.Stop(c.Self())
		return
	}
	a.listener = bound
	a.options.Events.Tell(Bound{Name: a.options.Name, Addr: bound.Addr()})
	if !a.options.Held {
		a.onOpen(c)
	}
}

// onOpen starts the accept loop.
func (a *Actor) onOpen(c *kit.Context) {
	if a.accepting || a.listener == nil || a.drain != nil {
		return
	}
	a.accepting = true
	loop := &acceptor{
		listener: a.listener, to: c.Self(), open: a.open, limit: int64(a.options.MaxConnections),
		stop: a.stop, metrics: a.options.Shared.Metrics,
	}
	go loop.run()
	c.Log().Info().Stringer("address", a.listener.Addr()).Msg("listening")
}

// keepAlive finds clients whose machine went away without a word, within about three minutes.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 20 * time.Second, Count: 6}

// onAccepted makes a connection of a socket.
func (a *Actor) onAccepted(c *kit.Context, m accepted) {
	a.failures = 0
	host := conn.HostOf(m.socket.RemoteAddr())
	if a.drain != nil || a.perHost[host] >= a.options.MaxPerHost {
		a.open.Add(-1)
		a.options.Shared.Metrics.Refused(conn.RefusedHost)
		if a.drain != nil {
			conn.Reset(m.socket)
		}
		_ = m.socket.Close() // the client is not told why in any case
		return
	}
	a.accepted++
	number := strconv.FormatUint(a.accepted, 10)
	log := c.Log().With().Str("conn", number).Str("peer", m.socket.RemoteAddr().String()).Logger()
	child := c.Spawn("conn-"+number, conn.Spec(a.options.Shared, m.socket, a.options.Name, &log))
	a.hosts[child.ID()] = host
	a.perHost[host]++
}

// onAcceptFailed says so once until it works again: with no file descriptor left it fails again and again.
func (a *Actor) onAcceptFailed(c *kit.Context, m acceptFailed) {
	a.options.Shared.Metrics.Refused(conn.RefusedAccept)
	if a.failures++; a.failures == 1 {
		c.Log().Error().Err(m.err).Msg("cannot accept connections")
	}
}

// onAcceptEnded makes the actor fail if the loop did: its supervisor builds it anew.
func (a *Actor) onAcceptEnded(m acceptEnded) {
	if m.err != nil {
		panic(m.err)
	}
}

// onTerminated forgets a connection.
func (a *Actor) onTerminated(m kit.Terminated) {
	host, known := a.hosts[m.Who.ID()]
	if !known {
		return
	}
	delete(a.hosts, m.Who.ID())
	a.open.Add(-1)
	if a.perHost[host]--; a.perHost[host] == 0 {
		delete(a.perHost, host)
	}
	a.maybeDrained(0)
}

// onDrain closes the door and asks the connections to finish. A second Drain takes the place of the first.
func (a *Actor) onDrain(c *kit.Context, m Drain) {
	a.maybeDrained(len(a.hosts))
	a.drain = &m
	a.shut()
	for _, child := range c.Children() {
		child.Tell(conn.Drain{Within: m.Within})
	}
	a.timer = c.After(m.Within, drainExpired{})
	if len(a.hosts) == 0 {
		a.maybeDrained(0)
	}
}

// onDrainExpired cuts what is left.
func (a *Actor) onDrainExpired(c *kit.Context) {
	for _, child := range c.Children() {
		c.Stop(child)
	}
	a.maybeDrained(len(a.hosts))
}

// maybeDrained answers a Drain when nobody is left, or when cut says that the rest is cut.
func (a *Actor) maybeDrained(cut int) {
	if a.drain == nil || (len(a.hosts) > 0 && cut == 0) {
		return
	}
	a.drain.ReplyTo.Tell(Drained{Name: a.options.Name, Cut: cut})
	a.drain = &Drain{}
	if a.timer != nil {
		a.timer.Stop()
	}
}

// shut closes the listening socket; the accept loop ends with it.
func (a *Actor) shut() {
	select {
	case <-a.stop:
	default:
		close(a.stop)
		if a.listener != nil {
			_ = a.listener.Close() // the address is free either way
		}
	}
}

func (a *Actor) onStopping() {
	a.shut()
	a.maybeDrained(len(a.hosts))
}
