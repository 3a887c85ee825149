package kit

import "time"

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
