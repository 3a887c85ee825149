package kittest

import (
	"sync"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// Clock is a kit.Clock that moves only when it is told to. Timers go off on the goroutine that moves it, in
// the order of their times, and in the order they were started where the times are equal.
type Clock struct {
	mu     sync.Mutex
	now    time.Time
	timers Alarms
	after  func() // runs between two timers
}

// NewClock returns a clock that stands at the beginning of the year 2000, UTC.
func NewClock() *Clock {
	return &Clock{now: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), after: func() {}}
}

// Now implements kit.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc implements kit.Clock.
func (c *Clock) AfterFunc(d time.Duration, f func()) kit.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return clockTimer{c, c.timers.Set(c.now.Add(max(d, 0)), nil, f)}
}

// Advance moves the clock by d. Each timer that is due on the way goes off at its own time, those that are
// started on the way included.
func (c *Clock) Advance(d time.Duration) {
	end := c.Now().Add(d)
	for {
		call := c.due(end)
		if call == nil {
			return
		}
		call()
		c.after()
	}
}

// due moves the clock to the next timer until end and returns its function, or moves it to end.
func (c *Clock) due(end time.Time) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, any := c.timers.Next()
	if !any || at.After(end) {
		c.now = end
		return nil
	}
	c.now = at
	return c.timers.Take()
}

// Next returns when the next timer is due, false if there is none.
func (c *Clock) Next() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.timers.Next()
}

// clockTimer is a timer of a Clock.
type clockTimer struct {
	clock *Clock
	alarm *Alarm
}

// Stop implements kit.Timer.
func (t clockTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.clock.timers.Remove(t.alarm)
}
