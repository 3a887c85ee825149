package kittest

import (
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// Probe is an actor that keeps what it is told.
type Probe struct {
	kit.Address
	messages chan any
}

// probeLimit bounds what a probe keeps; more makes its actor wait.
const probeLimit = 100_000

// NewProbe spawns a probe.
func NewProbe(s *kit.System, name string) *Probe {
	p := &Probe{messages: make(chan any, probeLimit)}
	p.Address = s.Spawn(name, kit.Spec{New: func() kit.Actor { return p }})
	return p
}

// Receive implements kit.Actor.
func (p *Probe) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started, kit.Stopping, kit.Stopped:
	default:
		p.messages <- m
	}
}

// Next returns the next message, or fails the test after the time-out.
func (p *Probe) Next(t testing.TB, timeout time.Duration) any {
	t.Helper()
	select {
	case m := <-p.messages:
		return m
	case <-time.After(timeout):
		t.Fatalf("%s: got nothing within %v, want a message", p.ID(), timeout)
		return nil
	}
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

// ExpectNone fails the test if anything has arrived. The caller must know that nothing is under way any
// more, for instance because a later answer of the same actor has arrived.
func (p *Probe) ExpectNone(t testing.TB) {
	t.Helper()
	select {
	case m := <-p.messages:
		t.Fatalf("%s: got %T %+v, want nothing", p.ID(), m, m)
	default:
	}
}
