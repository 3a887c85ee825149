package conn

import (
	"context"
	"net"
	"strconv"
	"sync"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/fetch"
	"github.com/chronik-go/chronik/actors/request/write"
)

// Shared is what all connections of a broker have in common. It is built once and never changes.
type Shared struct {
	Env      *request.Env
	Budget   *kit.Budget // memory for requests that are not answered
	Sessions *fetch.Sessions
	Metrics  *Metrics
	Settings Settings

	once   sync.Once
	second *kit.Budget // see memory
}

// spare returns the memory for one more request, beside the budget.
func (s *Shared) spare(settings *Settings) *kit.Budget {
	s.once.Do(func() { s.second = kit.NewBudget(int64(settings.MaxRequestBytes)) })
	return s.second
}

// Actor is one client connection. See the package comment for its card.
type Actor struct {
	shared   *Shared
	settings Settings
	socket   net.Conn
	writer   *writer
	client   request.Client

	stop    context.Context // done when the connection closes: the reader waits no more
	end     context.CancelFunc
	credits chan struct{} // one for each request in flight
	share   *kit.Budget   // what this connection may hold of the broker's budget

	phase    phase
	slots    slots
	held     []held        // produce requests whose appends are not proposed yet, see produce.go
	parked   []received    // requests that wait until replies have left, oldest first
	ready    []fetch.Frame // replies in order that were not given to the writer
	queued   int64         // memory of all replies that have not been sent
	writing  bool          // a flush is under way
	reading  bool          // the reader is at work
	replied  bool          // a reply has left
	fetching int           // fetches under way
	fetcher  kit.Address   // child that answers fetches, zero until the first
	spawned  uint64        // children so far, for their names
	timer    kit.Timer     // of draining and lingering
}

// phase is how far the end of a connection has come.
//
//	phase      event                            next
//	serving    end of stream, Drain             draining
//	draining   last reply sent                  lingering
//	lingering  end of stream                    closed
//	any        error, patience ended            closed
//	closed     reader and writer are done       the actor stops
type phase uint8

const (
	serving   phase = iota
	draining        // no further request is begun; those in flight get their replies
	lingering       // our side is shut; the client reads what is on its way and closes
	closed
)

// maxBatch bounds how many messages one turn takes; the replies of a turn leave in one write.
const maxBatch = 128

// Spec returns how to spawn the actor of an accepted socket, which belongs to it from then on.
func Spec(shared *Shared, socket net.Conn, listener string, log *zerolog.Logger) kit.Spec {
	return kit.Spec{
		New:     func() kit.Actor { return newActor(shared, socket, listener) },
		Mailbox: kit.Batched(maxBatch),
		Log:     log,
	}
}

func newActor(shared *Shared, socket net.Conn, listener string) *Actor {
	settings := shared.Settings.withDefaults()
	a := &Actor{
		shared: shared, settings: settings, socket: socket,
		writer:  newWriter(socket, settings.MaxWriteStall, shared.Metrics),
		client:  request.Client{Host: HostOf(socket.RemoteAddr()), Listener: listener},
		credits: make(chan struct{}, settings.MaxInFlight),
		share:   kit.NewBudget(settings.MaxHeldBytes),
	}
	a.stop, a.end = context.WithCancel(context.Background())
	return a
}

// HostOf returns the host of a client's address.
func HostOf(address net.Addr) string {
	if host, _, err := net.SplitHostPort(address.String()); err == nil {
		return host
	}
	return address.String()
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case kit.Batch:
		a.onBatch(c, m.Messages)
	case kit.ChildFailed:
		a.onChildFailed(c, m)
		a.proceed(c)
	case kit.Stopping:
		a.onStopping()
	}
}

// onBatch handles the messages of a turn. If one of them makes the actor fail, the rest still gives back
// what it brought: nobody else will see it.
func (a *Actor) onBatch(c *kit.Context, messages []any) {
	handled, whole := 0, false
	defer func() {
		if whole {
			return
		}
		if culprit, ok := messages[handled].(received); ok {
			culprit.Refuse(kit.ErrStopped)
		}
		for _, message := range messages[handled+1:] {
			if m, ok := message.(kit.Refusable); ok {
				m.Refuse(kit.ErrStopped)
			}
		}
	}()
	for handled = range messages {
		a.on(c, messages[handled])
	}
	a.proceed(c)
	whole = true
}

func (a *Actor) on(c *kit.Context, message any) {
	switch m := message.(type) {
	case received:
		a.onReceived(c, m)
	case write.Verified:
		a.onVerified(c, m)
	case write.Done:
		a.onWritten(c, m)
	case fetch.Done:
		a.onFetched(m)
	case request.Done:
		a.onCalled(m)
	case flushed:
		a.onFlushed(c, m)
	case readEnded:
		a.onReadEnded(c, m)
	case Drain:
		a.drain(c, m.Within)
	case patienceEnded:
		a.close(c, endedDrained, nil)
	}
}

// onStarted starts the reader, which is the connection's only goroutine while it is idle.
func (a *Actor) onStarted(c *kit.Context) {
	a.shared.Metrics.connections.Inc()
	r := &reader{
		socket: a.socket, to: c.Self(), credits: a.credits, stop: a.stop,
		memory: memory{
			broker: a.shared.Budget, own: a.share, spare: a.shared.spare(&a.settings), stop: a.stop,
			longest: a.settings.MaxBudgetWait, metrics: a.shared.Metrics,
		},
		settings: &a.settings, metrics: a.shared.Metrics,
	}
	a.reading = true
	go r.run()
}

// spawn makes a child for a request. A client is free to use one correlation id again and again, so the
// name also counts.
func (a *Actor) spawn(c *kit.Context, kind string, correlation int32, spec kit.Spec) kit.Address {
	a.spawned++
	name := make([]byte, 0, 32)
	name = append(append(name, kind...), '-')
	name = strconv.AppendUint(name, uint64(uint32(correlation)), 10)
	name = strconv.AppendUint(append(name, '.'), a.spawned, 10)
	return c.Spawn(string(name), spec)
}
