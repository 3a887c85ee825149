package server

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/grpc"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/raftactor/link/wire"
)

// Limits of a session.
const (
	answerQueue = 64 << 20 // bytes of answers that may wait
	maxOpen     = 2048     // calls without an answer; a link has fewer, but may give up on some early
	maxAnswer   = 64 << 20 // bytes of one answer
)

// session is what a peer says on one connection of its own.
type session struct {
	handler  *handler
	number   uint64
	node     int32
	instance uint64 // of the peer's process
	attempt  uint64 // of that process to connect to anybody; grows
	cancel   context.CancelCauseFunc
	over     atomic.Bool
	hello    chan wire.Item // takes one
	admitted chan struct{}  // closed when the hello was accepted
	outbox   *wire.Outbox   // answers
	stream   shared
	replyTo  kit.Address

	mu   sync.Mutex
	open map[uint64]struct{} // calls without an answer
}

// shared is a stream to which two goroutines send.
type shared struct {
	mu     sync.Mutex
	stream grpc.ServerStream
}

// SendMsg implements wire.Sender.
func (s *shared) SendMsg(m any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream.SendMsg(m)
}

// trySend sends unless somebody else does so at the moment.
func (s *shared) trySend(m any) (sent bool, err error) {
	if s.stream == nil || !s.mu.TryLock() {
		return false, nil
	}
	defer s.mu.Unlock()
	return true, s.stream.SendMsg(m)
}

func newSession(h *handler, stream grpc.ServerStream, cancel context.CancelCauseFunc) *session {
	return &session{
		handler: h, cancel: cancel, hello: make(chan wire.Item, 1), admitted: make(chan struct{}),
		outbox: wire.NewOutbox(answerQueue), stream: shared{stream: stream}, open: make(map[uint64]struct{}),
	}
}

func (s *session) end(err error) {
	s.over.Store(true)
	s.cancel(err)
}

// await returns the hello of the peer, or fails if it does not come in time.
func (s *session) await(ctx context.Context) (wire.Item, error) {
	late := time.NewTimer(helloTimeout)
	defer late.Stop()
	select {
	case hello := <-s.hello:
		return hello, nil
	case <-late.C:
		return wire.Item{}, errNoHello
	case <-ctx.Done():
		return wire.Item{}, context.Cause(ctx)
	}
}

// read reads the control stream until it ends, and ends the session then.
func (s *session) read(ctx context.Context, stream grpc.ServerStream) {
	defer func() {
		if reason := recover(); reason != nil {
			s.handler.log.Error().Any("reason", reason).Bytes("stack", debug.Stack()).Msg("reader of a peer failed")
			s.cancel(errors.New("reader failed"))
		}
	}()
	s.cancel(s.receive(ctx, stream))
}

func (s *session) receive(ctx context.Context, stream grpc.ServerStream) error {
	var frame wire.Frame
	if err := stream.RecvMsg(&frame); err != nil {
		return err
	}
	if len(frame.Items) != 1 || frame.Items[0].Kind != wire.Greet {
		return errNoHello
	}
	s.hello <- frame.Items[0]
	select {
	case <-s.admitted:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		if err := stream.RecvMsg(&frame); err != nil {
			return err
		}
		if s.over.Load() {
			return errReplaced
		}
		if err := s.handle(frame.Items); err != nil {
			return err
		}
		clear(frame.Items)
	}
}

// handle hands on what a frame holds. Messages of one group that stand together stay together.
func (s *session) handle(items []wire.Item) error {
	for i := 0; i < len(items); {
		if items[i].Kind == wire.Raft {
			i += s.deliver(items[i:])
			continue
		}
		if err := s.handleOne(&items[i]); err != nil {
			return err
		}
		i++
	}
	return nil
}

// deliver hands on the messages of the first item's group and returns how many items that were.
func (s *session) deliver(items []wire.Item) int {
	n := 1
	for n < len(items) && items[n].Kind == wire.Raft && items[n].Group == items[0].Group {
		n++
	}
	messages := make([]*raftpb.Message, n)
	for i := range messages {
		messages[i] = items[i].Message
	}
	s.handler.config.Deliver(s.node, items[0].Group, messages)
	return n
}

func (s *session) handleOne(item *wire.Item) error {
	switch item.Kind {
	case wire.Ping:
		if peers := s.handler.config.Peers; peers != nil && peers.Owe(s.node, item.Number) {
			return nil
		}
		return s.pong(item.Number)
	case wire.Pong:
		if peers := s.handler.config.Peers; peers != nil {
			peers.Heard(s.node, item.Number)
		}
	case wire.Call:
		s.call(item)
	case wire.Notice:
		service := link.Service(item.Service)
		s.handler.config.Services[service].Tell(link.Noticed{From: s.node, Service: service, Body: item.Body})
	default:
		return fmt.Errorf("got an item of kind %d, which does not belong here", item.Kind)
	}
	return nil
}

// pong answers a ping. The reader sends it itself, if it can at once: most of the time pings are all there
// is, and to wake the writer for each would be a good part of what an idle link costs.
func (s *session) pong(number uint64) error {
	item := wire.Item{Kind: wire.Pong, Number: number}
	sent, err := s.stream.trySend(&wire.Frame{Items: []wire.Item{item}})
	if !sent {
		s.outbox.Add(item)
	}
	return err
}

// call hands on a call and remembers that its answer is due.
func (s *session) call(item *wire.Item) {
	service := link.Service(item.Service)
	to, known := s.handler.config.Services[service]
	s.mu.Lock()
	_, twice := s.open[item.Number]
	tooMany := len(s.open) >= maxOpen
	if known && !tooMany {
		s.open[item.Number] = struct{}{}
	}
	s.mu.Unlock()
	switch {
	case !known:
		s.fail(item.Number, fmt.Sprintf("there is no service %d here", item.Service))
	case tooMany:
		s.fail(item.Number, link.ErrBusy.Error())
	case !twice:
		to.Tell(link.Incoming{
			From: s.node, Service: service, Timeout: item.Timeout, Body: item.Body, ReplyTo: s.replyTo,
			Token: item.Number,
		})
	}
}

// answer takes the Answer to a call, on the goroutine of whoever gives it. A second one is ignored.
func (s *session) answer(message any) {
	m, ok := message.(link.Answer)
	if !ok {
		return
	}
	s.mu.Lock()
	_, due := s.open[m.Token]
	delete(s.open, m.Token)
	s.mu.Unlock()
	switch {
	case !due:
	case m.Err != nil:
		s.fail(m.Token, m.Err.Error())
	case len(m.Body) > maxAnswer:
		s.fail(m.Token, fmt.Sprintf("answer of %d bytes is larger than %d", len(m.Body), maxAnswer))
	default:
		s.outbox.Add(wire.Item{Kind: wire.Return, Number: m.Token, Body: m.Body})
	}
}

func (s *session) fail(number uint64, text string) {
	s.outbox.Add(wire.Item{Kind: wire.Return, Number: number, Failed: true, Text: text})
}
