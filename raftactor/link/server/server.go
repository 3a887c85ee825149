package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/raftactor/link/wire"
)

// helloTimeout bounds how long a stream may be open without saying whose it is.
const helloTimeout = time.Second

var (
	errNoHello  = errors.New("no hello came")
	errReplaced = errors.New("another connection of the same node has taken the place of this one")
	errBulk     = errors.New("the bulk stream has ended")
	errStale    = errors.New("a later connection of the same node is here already")
)

// serve accepts connections until the server is stopped. gRPC's own goroutines serve them.
func serve(server *grpc.Server, listener net.Listener, to kit.Address) {
	if err := server.Serve(listener); err != nil {
		to.Tell(stopped{err})
	}
}

// handler serves the streams, each on a goroutine of its own.
type handler struct {
	config   Config
	log      zerolog.Logger
	limiter  *rate.Limiter
	catchUps chan struct{} // holds a token for each that is served
	readers  sync.WaitGroup

	mu       sync.Mutex
	number   uint64 // of the last session
	sessions map[int32]*session
	refused  map[int32]string // what a node was told last
}

func newHandler(config Config, log zerolog.Logger) *handler {
	if config.Rate <= 0 {
		config.Rate = DefaultRate
	}
	if config.CatchUps <= 0 {
		config.CatchUps = DefaultCatchUps
	}
	return &handler{
		config: config, log: log,
		limiter:  rate.NewLimiter(rate.Limit(config.Rate), max(minBurst, config.Rate/burstsPerSecond)),
		catchUps: make(chan struct{}, config.CatchUps),
		sessions: make(map[int32]*session), refused: make(map[int32]string),
	}
}

// join waits until nobody reads any more. All connections are closed by then.
func (h *handler) join() { h.readers.Wait() }

// guard keeps a panic in a stream from ending the process, as gRPC would have it.
func (h *handler) guard(
	server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, serve grpc.StreamHandler,
) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			h.log.Error().Any("reason", reason).Bytes("stack", debug.Stack()).Msg("stream of a peer failed")
			err = status.Error(codes.Internal, "stream failed")
		}
	}()
	return serve(server, stream)
}

// Control implements wire.Server. The handler's goroutine becomes the writer; the reader has its own, because
// reading can only be ended by returning from here.
func (h *handler) Control(stream grpc.ServerStream) error {
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	s := newSession(h, stream, cancel)
	h.readers.Go(func() { s.read(ctx, stream) })
	greet, err := s.await(ctx)
	if err != nil {
		return err
	}
	answer, admitted := h.welcome(s, &greet)
	if !admitted && answer.Kind == 0 {
		return errStale
	}
	if admitted {
		defer h.leave(s)
	}
	if err := stream.SendMsg(&wire.Frame{Items: []wire.Item{answer}}); err != nil || !admitted {
		return err
	}
	close(s.admitted)
	h.config.Events.Tell(link.Greeted{Hello: *greet.Hello})
	err = s.outbox.Send(ctx, &s.stream, wire.Beat{}, func(int) {})
	s.outbox.Close()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return err
}

// welcome returns the answer to a hello, and whether the session is the one of its node now. There is no
// answer to one that was given up.
func (h *handler) welcome(s *session, greet *wire.Item) (answer wire.Item, admitted bool) {
	if err := h.check(greet.Hello); err != nil {
		h.refuse(greet.Hello.Node, err)
		return wire.Item{Kind: wire.Refuse, Text: err.Error()}, false
	}
	if !h.admit(s, greet) {
		return wire.Item{}, false
	}
	self := h.config.Self.Hello()
	return wire.Item{Kind: wire.Welcome, Hello: &self, Number: s.number}, true
}

// Bulk implements wire.Server. It reads on the handler's goroutine: when the session ends, the peer closes
// the connection, and what comes until then is ignored.
func (h *handler) Bulk(stream grpc.ServerStream) error {
	var frame wire.Frame
	if err := stream.RecvMsg(&frame); err != nil {
		return err
	}
	if len(frame.Items) != 1 || frame.Items[0].Kind != wire.Join {
		return errNoHello
	}
	s := h.find(frame.Items[0].Number)
	if s == nil {
		return errReplaced
	}
	defer s.cancel(errBulk) // however this ends, so does the session
	for {
		if err := stream.RecvMsg(&frame); err != nil {
			return err
		}
		if s.over.Load() {
			return errReplaced
		}
		if err := s.handle(frame.Items); err != nil {
			s.cancel(err)
			return err
		}
		clear(frame.Items)
	}
}

// check decides whether a node may speak to this one.
func (h *handler) check(hello *link.Hello) error {
	local := h.config.Self.Hello()
	if err := link.Check(local, *hello); err != nil {
		return err
	}
	if h.config.Known != nil && !h.config.Known(hello.Node) {
		return fmt.Errorf("node %d (%s) is not a peer of node %d: add it to [[peers]], or to the cluster with "+
			"cluster add-node", hello.Node, hello.Raft, local.Node)
	}
	return nil
}

// refuse says once for each cause what does not fit.
func (h *handler) refuse(node int32, err error) {
	h.mu.Lock()
	again := h.refused[node] == err.Error()
	if len(h.refused) < maxRefused || h.refused[node] != "" {
		h.refused[node] = err.Error()
	}
	h.mu.Unlock()
	if !again {
		h.log.Error().Err(err).Int32("peer", node).Msg("refused a peer")
		h.config.Events.Tell(link.Refused{Node: node, Err: err})
	}
}

// maxRefused bounds the memory for nodes that do not belong here.
const maxRefused = 1024

// admit makes a session the one of its node, and ends the one before. It declines one that its peer has given
// up for a later one: a process that was frozen finds all attempts of its peers at once, in any order.
func (h *handler) admit(s *session, greet *wire.Item) bool {
	hello := greet.Hello
	h.mu.Lock()
	defer h.mu.Unlock()
	if old := h.sessions[hello.Node]; old != nil {
		if old.instance == hello.Instance && old.attempt > greet.Number {
			return false
		}
		old.end(errReplaced)
	}
	delete(h.refused, hello.Node)
	h.number++
	s.number, s.node, s.instance, s.attempt = h.number, hello.Node, hello.Instance, greet.Number
	s.replyTo = kit.AddressFor(fmt.Sprintf("peer-%d", hello.Node), s.answer)
	h.sessions[hello.Node] = s
	return true
}

func (h *handler) leave(s *session) {
	s.end(nil)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sessions[s.node] == s {
		delete(h.sessions, s.node)
	}
}

func (h *handler) find(number uint64) *session {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		if s.number == number {
			return s
		}
	}
	return nil
}
