package kittest

import (
	"container/heap"
	"sync"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// Clock is a kit.Clock that moves only when it is told to. Timers go off on the goroutine that moves it, in
// the order of their times, and in the order they were started where the times are equal.
type Clock struct {
	mu      sync.Mutex
	now     time.Time
	timers  alarms
	started uint64
	after   func() // runs between two timers
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
	c.started++
	a := &alarm{clock: c, at: c.now.Add(max(d, 0)), number: c.started, call: f}
	heap.Push(&c.timers, a)
	return a
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
	if len(c.timers) == 0 || c.timers[0].at.After(end) {
		c.now = end
		return nil
	}
	a := heap.Pop(&c.timers).(*alarm)
	c.now = a.at
	return a.call
}

// Next returns when the next timer is due, false if there is none.
func (c *Clock) Next() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 {
		return time.Time{}, false
	}
	return c.timers[0].at, true
}

// alarm is a timer of a Clock.
type alarm struct {
	clock  *Clock
	at     time.Time
	number uint64
	call   func()
	place  int // in the heap; -1 when it is not there
}

// Stop implements kit.Timer.
func (a *alarm) Stop() bool {
	a.clock.mu.Lock()
	defer a.clock.mu.Unlock()
	if a.place < 0 {
		return false
	}
	heap.Remove(&a.clock.timers, a.place)
	return true
}

// alarms is a heap.
type alarms []*alarm

func (h alarms) Len() int { return len(h) }

func (h alarms) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].number < h[j].number
}

func (h alarms) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push implements heap.Interface.
func (h *alarms) Push(x any) {
	a := x.(*alarm)
	a.place = len(*h)
	*h = append(*h, a)
}

// Pop implements heap.Interface.
func (h *alarms) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	last.place = -1
	return last
}
