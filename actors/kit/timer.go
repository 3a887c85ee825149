package kit

import (
	"sync/atomic"
	"time"
)

// Clock is where time comes from.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f on some goroutine after d, unless it is stopped before.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer can be stopped. Stop tells whether that prevented the message.
type Timer interface{ Stop() bool }

// RealClock is the clock of the machine, or the virtual one inside a testing/synctest bubble.
type RealClock struct{}

// Now implements Clock.
func (RealClock) Now() time.Time { return time.Now() }

// AfterFunc implements Clock.
func (RealClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

// tickDue travels from a timer to its actor, which sees only the message.
type tickDue struct {
	timer   *timer
	message any
}

type timer struct {
	every   time.Duration
	stopped atomic.Bool
	inner   atomic.Pointer[Timer]
}

// Stop implements Timer.
func (t *timer) Stop() bool {
	if inner := t.inner.Load(); inner != nil {
		(*inner).Stop()
	}
	return !t.stopped.Swap(true)
}

// After tells the actor itself a message, once, after d.
func (c *Context) After(d time.Duration, message any) Timer {
	t := &timer{}
	c.arm(t, d, message)
	return t
}

// Every tells the actor itself a message again and again. The next one is armed when the one before has
// been handled, so they never pile up in front of an actor that is slow.
func (c *Context) Every(d time.Duration, message any) Timer {
	t := &timer{every: d}
	c.arm(t, d, message)
	return t
}

func (c *Context) arm(t *timer, d time.Duration, message any) {
	self := c.self
	inner := c.system.clock.AfterFunc(d, func() { self.Tell(tickDue{t, message}) })
	t.inner.Store(&inner)
}

// onTick hands over the message of a timer, unless it was stopped after it went off.
func (c *Context) onTick(due tickDue) {
	if due.timer.stopped.Load() {
		return
	}
	if due.timer.every == 0 {
		due.timer.stopped.Store(true)
	} else {
		defer c.arm(due.timer, due.timer.every, due.message)
	}
	c.handle(due.message)
}
