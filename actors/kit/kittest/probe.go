package kittest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// Probe is an actor that keeps what it is told, for the test to look at. It can also be the parent of the
// actor under test, and then sees its ChildFailed and Terminated.
type Probe struct {
	kit.Address
	system *kit.System

	mu       sync.Mutex
	messages []any
	arrived  chan struct{} // holds one when there may be messages
}

// NewProbe spawns a probe at the top of the system.
func NewProbe(s *kit.System, name string) *Probe {
	p := &Probe{system: s, arrived: make(chan struct{}, 1)}
	p.Address = s.Spawn(name, kit.Spec{New: func() kit.Actor { return p }})
	return p
}

// What the test has the probe do in its own turn.
type (
	watch   struct{ who kit.Address }
	unwatch struct{ who kit.Address }
	spawn   struct {
		name    string
		spec    kit.Spec
		replyTo kit.Address
	}
)

// Receive implements kit.Actor.
func (p *Probe) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started, kit.Stopping, kit.Stopped:
	case watch:
		c.Watch(m.who)
	case unwatch:
		c.Unwatch(m.who)
	case spawn:
		m.replyTo.Tell(c.Spawn(m.name, m.spec))
	default:
		p.keep(m)
	}
}

func (p *Probe) keep(message any) {
	p.mu.Lock()
	p.messages = append(p.messages, message)
	p.mu.Unlock()
	select {
	case p.arrived <- struct{}{}:
	default:
	}
}

// Watch has the probe watch an actor; it will keep the kit.Terminated.
func (p *Probe) Watch(a kit.Address) { p.Tell(watch{a}) }

// Unwatch takes a Watch back.
func (p *Probe) Unwatch(a kit.Address) { p.Tell(unwatch{a}) }

// Spawn makes an actor a child of the probe.
func (p *Probe) Spawn(t testing.TB, name string, spec kit.Spec) kit.Address {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	child, err := kit.Ask[kit.Address](ctx, p.system, p.Address, func(replyTo kit.Address) any {
		return spawn{name: name, spec: spec, replyTo: replyTo}
	})
	if err != nil {
		t.Fatalf("spawn %s: %v", name, err)
	}
	return child
}

// Next returns the oldest message that has not been looked at, or fails the test after the time-out.
func (p *Probe) Next(t testing.TB, timeout time.Duration) any {
	t.Helper()
	p.system.Drive()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		if m, ok := p.take(); ok {
			return m
		}
		select {
		case <-p.arrived:
		case <-timer.C:
			t.Fatalf("%s: got nothing within %v, want a message", p.ID(), timeout)
		}
	}
}

func (p *Probe) take() (any, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.messages) == 0 {
		return nil, false
	}
	m := p.messages[0]
	p.messages = p.messages[1:]
	return m, true
}

// All returns what has arrived and not been looked at.
func (p *Probe) All() []any {
	p.system.Drive()
	p.mu.Lock()
	defer p.mu.Unlock()
	messages := p.messages
	p.messages = nil
	return messages
}

// Expect returns the next message, which must be a T, or fails the test.
func Expect[T any](t testing.TB, p *Probe, timeout time.Duration) T {
	t.Helper()
	m := p.Next(t, timeout)
	typed, ok := m.(T)
	if !ok {
		t.Fatalf("%s: got %T %+v, want %T", p.ID(), m, m, typed)
	}
	return typed
}

// ExpectNone fails the test if anything has arrived. The caller knows that nothing is under way any more:
// the system is Inline or Seeded, synctest.Wait has returned, or a later answer of the same actor has come.
func (p *Probe) ExpectNone(t testing.TB) {
	t.Helper()
	p.system.Drive()
	if m, ok := p.take(); ok {
		t.Fatalf("%s: got %T %+v, want nothing", p.ID(), m, m)
	}
}
