package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
)

// Options say what is served and where. The functions are called by any goroutine.
type Options struct {
	Address  string // HOST:PORT; port 0 takes a free one
	APIKey   string // empty: changes from loopback only
	Pprof    bool
	Gatherer prometheus.Gatherer
	Ready    func() error // nil when Kafka clients are served, else the reason
	Status   func() Status
	Cluster  func() ClusterStatus // nil: nothing is known of other nodes
	// Change makes an AddNode, a RemoveNode or a Rebalance, on whichever node it takes, and returns when it is
	// made, ErrUnderWay when it goes on, or why it is not possible. It may be asked again for the same. Nil:
	// there is no such call.
	Change func(ctx context.Context, change any) error
	// Tree returns the live actors and the time; nil: nobody may look at them.
	Tree func() ([]kit.Node, time.Time)
	// Faults are armed and listed by calls; nil: there are no such calls.
	Faults *kit.Faults
	// Clock is set wrong by calls; nil: there is no such call.
	Clock *kit.SetClock
	// Listen opens the address; nil: TCP.
	Listen func(ctx context.Context, network, address string) (net.Listener, error)
	Owner  kit.Address // told Opened or Failed
	Log    zerolog.Logger
}

// Spec returns how to make the admin actor.
func Spec(options Options) kit.Spec {
	return kit.Spec{New: func() kit.Actor { return newServer(options) }, Log: &options.Log}
}

// server is the actor.
type server struct {
	options  Options
	handler  http.Handler
	listener net.Listener // nil while nothing is open; kept from the first moment on: no failure leaks it
	http     *http.Server // nil until it serves
	opening  int          // counts openings, so that the end of an earlier one is told apart
	restarts kit.Restarts
}

func newServer(options Options) *server {
	if options.Listen == nil {
		options.Listen = (&net.ListenConfig{}).Listen
	}
	return &server{
		options:  options,
		handler:  newHandler(options),
		restarts: kit.Restarts{Limit: 5, Within: time.Minute, Min: 50 * time.Millisecond, Max: 5 * time.Second},
	}
}

// Receive implements kit.Actor.
func (s *server) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		s.open(c)
	case reopen:
		s.open(c)
	case served:
		s.onServed(c, m)
	case kit.Stopping:
		s.close(c)
	}
}

// open listens and leaves the accepting to a goroutine of its own. An address that cannot be listened on
// is no passing thing: the owner hears of it and nothing is tried again.
func (s *server) open(c *kit.Context) {
	listener, err := s.options.Listen(context.Background(), "tcp", s.options.Address)
	if err != nil {
		s.options.Owner.Tell(Failed{Err: listenError(s.options.Address, err)})
		return
	}
	s.listener = listener
	s.opening++
	s.http = newHTTPServer(s.handler, c.Log())
	go serve(s.http, bound(listener), c.Self(), s.opening)
	s.options.Owner.Tell(Opened{Addr: listener.Addr()})
}

func (s *server) onServed(c *kit.Context, m served) {
	if m.opening != s.opening || errors.Is(m.err, http.ErrServerClosed) {
		return
	}
	s.close(c)
	wait, again := s.restarts.Failed(c.Now())
	if !again {
		s.options.Owner.Tell(Failed{Err: fmt.Errorf("HTTP listener on %s: %w", s.options.Address, m.err)})
		return
	}
	c.Log().Warn().Err(m.err).Dur("again_in", wait).Msg("HTTP listener ended")
	c.After(wait, reopen{})
}

// close cuts what is under way: a scrape is asked again, and draining would have to wait.
func (s *server) close(c *kit.Context) {
	if s.http != nil {
		if err := s.http.Close(); err != nil {
			c.Log().Debug().Err(err).Msg("closing the HTTP listener")
		}
	}
	if s.listener != nil {
		_ = s.listener.Close() // the server has closed it, unless it had not begun to serve
	}
	s.http, s.listener = nil, nil
}
