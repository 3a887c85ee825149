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

// RealClock is the clock of the machine, or the virtual one inside a testing/synctest bubble.
type RealClock struct{}

// Now implements Clock.
func (RealClock) Now() time.Time { return time.Now() }

// AfterFunc implements Clock.
func (RealClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

// SetClock is a clock that can be set wrong, as those of machines are set right: it jumps, and what waits
// for a time goes on waiting as long as it would have. It is for tests.
type SetClock struct {
	of    Clock
	ahead atomic.Int64 // nanoseconds
}

// NewSetClock returns a clock that goes as another one does.
func NewSetClock(of Clock) *SetClock { return &SetClock{of: of} }

// Jump sets the clock forward, or back if the time is negative, and returns how far it is ahead of the other
// one then. Any goroutine may call it.
func (c *SetClock) Jump(by time.Duration) time.Duration {
	return time.Duration(c.ahead.Add(int64(by)))
}

// Now implements Clock. What is measured between two of its times has the jump in it, which makes it harder
// to live with than the clock of a machine.
func (c *SetClock) Now() time.Time { return c.of.Now().Add(time.Duration(c.ahead.Load())) }

// AfterFunc implements Clock.
func (c *SetClock) AfterFunc(d time.Duration, f func()) Timer { return c.of.AfterFunc(d, f) }
