package kit

import (
	"slices"
	"time"
)

// strike is one fault at one message. It runs in the turn of the actor that it hits.
type strike struct {
	faults *Faults
	rule   *rule
	at     int // of the message in its Batch
	drop   bool
}

func (s *strike) handle(c *cell, message any) {
	switch {
	case s.drop:
		s.lose(c, message)
	case s.rule.Point == Before:
		s.hit(typeIn(message, s.at))
		c.user.Receive(&c.context)
	case s.rule.Point == Middle:
		s.within(c, message)
	default:
		what := typeIn(message, s.at)
		c.user.Receive(&c.context)
		if s.rule.Do == Drop {
			s.faults.follow(s.rule, c)
		} else {
			s.passed(c, message)
			s.hit(what)
		}
	}
}

// passed keeps a message that has been handled from being refused when the actor fails. A Batch keeps account
// of its messages itself.
func (s *strike) passed(c *cell, message any) {
	if _, batched := message.(Batch); !batched && s.rule.Do == Panic {
		c.context.message = nil
	}
}

// hit panics or stalls.
func (s *strike) hit(what string) {
	if s.rule.Do == Stall {
		s.stall()
		return
	}
	panic(&Injected{Fault: s.rule.id, Point: s.rule.Point, Where: what})
}

// stall keeps the turn. It is the one place where a turn waits for nothing, which is what it is for.
func (s *strike) stall() {
	var end <-chan time.Time
	if s.rule.For > 0 {
		timer := time.NewTimer(s.rule.For)
		defer timer.Stop()
		end = timer.C
	}
	select {
	case <-end:
	case <-s.rule.over:
	}
}

// within sets a trap for the actor and springs it at the end if the actor went past it.
func (s *strike) within(c *cell, message any) {
	t := &trap{strike: s, left: s.rule.Step, what: typeIn(message, s.at)}
	c.wrong().trap = t
	defer func() { c.mishap.trap = nil }()
	if b, ok := message.(Batch); ok {
		b.trap, b.trapAt = t, s.at
	}
	c.user.Receive(&c.context)
	if !t.sprung {
		s.passed(c, message)
		t.spring()
	}
}

// lose takes a message out, or all there is.
func (s *strike) lose(c *cell, message any) {
	lost := message
	b, batched := message.(Batch)
	if batched {
		lost = b.Messages[s.at]
		b.Messages = slices.Delete(b.Messages, s.at, s.at+1)
	}
	if m, ok := lost.(Refusable); ok {
		c.system.refuse(c.kind, m, refusedError{who: c.path(), failed: true})
	}
	if batched && len(b.Messages) > 0 {
		c.user.Receive(&c.context)
	}
}

// typeIn returns the type of a message, or of the one at a place in a Batch.
func typeIn(message any, at int) string {
	if b, ok := message.(Batch); ok {
		message = b.Messages[at]
	}
	return typeOf(message)
}

// trap is a strike that waits for the actor in the middle of its turn.
type trap struct {
	*strike
	left   int
	what   string
	sprung bool
}

// step counts a use of the Context.
func (t *trap) step() {
	if t.left--; t.left <= 0 {
		t.spring()
	}
}

func (t *trap) spring() {
	if !t.sprung {
		t.sprung = true
		t.hit(t.what)
	}
}
