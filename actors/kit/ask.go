package kit

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// asks numbers the short-lived processes of Ask and StopAndWait.
var asks atomic.Uint64

// inbox is a process that hands what it gets to a function.
type inbox struct {
	onUser   func(any)
	onSystem func(any)
}

func (p inbox) SendUserMessage(_ *actor.PID, message any) {
	if p.onUser != nil {
		_, message, _ = actor.UnwrapEnvelope(message)
		p.onUser(message)
	}
}

func (p inbox) SendSystemMessage(_ *actor.PID, message any) {
	if p.onSystem != nil {
		p.onSystem(message)
	}
}

func (p inbox) Stop(*actor.PID) {}

// open registers an inbox until done is called.
func (s *System) open(p inbox) (a Address, done func()) {
	pid, _ := s.actors.ProcessRegistry.Add(p, "ask-"+strconv.FormatUint(asks.Add(1), 36))
	return Address{s, pid}, func() { s.actors.ProcessRegistry.Remove(pid) }
}

// watch calls gone once, when an actor is terminated.
func (s *System) watch(a Address, gone func()) {
	var once atomic.Bool
	var done func()
	var self Address
	self, done = s.open(inbox{onSystem: func(message any) {
		if _, ok := message.(*actor.Terminated); ok && !once.Swap(true) {
			gone()
			done()
		}
	}})
	watch := &actor.Watch{Watcher: self.pid}
	if process, ok := s.actors.ProcessRegistry.Get(a.pid); ok {
		process.SendSystemMessage(a.pid, watch)
		return
	}
	if !once.Swap(true) {
		gone()
		done()
	}
}

// Ask sends a question and waits for the answer, which must be a T. It is for the rim: main and tests.
// The context bounds the wait.
func Ask[T any](ctx context.Context, s *System, to Address, build func(replyTo Address) any) (T, error) {
	answers := make(chan any, 1)
	self, done := s.open(inbox{onUser: func(message any) {
		select {
		case answers <- message:
		default: // somebody answers twice; the first answer counts
		}
	}})
	defer done()
	to.Tell(build(self))
	var none T
	select {
	case answer := <-answers:
		if typed, ok := answer.(T); ok {
			return typed, nil
		}
		return none, fmt.Errorf("ask %s: got %T, want %T", to.ID(), answer, none)
	case <-ctx.Done():
		return none, fmt.Errorf("ask %s: %w", to.ID(), ctx.Err())
	}
}
