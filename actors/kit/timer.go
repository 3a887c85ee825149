package kit

import "time"

// Timer can be stopped by the actor that started it. Stop returns whether that prevented the message (of
// Every: any further one). Once it has returned the message is not handed over, even if the timer had gone
// off and the message was in the queue; only the Batch under way may hold it already.
type Timer interface{ Stop() bool }

// timer is the queued form of a timer that went off; the actor sees only its message.
//
// It is in its cell's list from start until it is handed over or stopped, so that the end of the actor also
// ends its timers. All fields belong to the actor's turns but cell, which the clock's goroutine reads.
type timer struct {
	cell           *cell
	clock          Timer
	message        any
	every          time.Duration // 0: once
	running        bool
	previous, next *timer
}

// After tells the actor itself a message, once, after d.
func (c *Context) After(d time.Duration, message any) Timer { return c.cell.start(d, 0, message) }

// Every tells the actor itself a message again and again. The next one is armed when the one before is
// handed over, so they never pile up in front of an actor that is slow or stalled. If d is a second or more
// they come with a Beat, so that a node at rest wakes once for many actors; the first may be half a second
// early or late then.
func (c *Context) Every(d time.Duration, message any) Timer {
	return c.cell.start(toBeat(c.Now(), d), d, message)
}

// Beat is where in a second what is not urgent begins. To go to sleep and to wake is most of what a node at
// rest costs, and it wakes at these moments anyway: pings of links, which come more often, fall on them too.
const Beat = time.Millisecond

// toBeat returns d, if that is a second or more the time until the beat that is nearest to its end.
func toBeat(now time.Time, d time.Duration) time.Duration {
	if d < time.Second {
		return d
	}
	return now.Add(d - Beat).Round(time.Second).Add(Beat).Sub(now)
}

func (c *cell) start(d, every time.Duration, message any) Timer {
	if message == nil {
		panic("BUG: got a nil message for a timer, want a value")
	}
	t := &timer{cell: c, message: message, every: every}
	if c.phase >= stopping {
		return t // it would never go off
	}
	t.link()
	t.arm(d)
	return t
}

func (t *timer) arm(d time.Duration) { t.clock = t.cell.system.clock.AfterFunc(d, t.goOff) }

// goOff runs on a goroutine of the clock. An actor that has stopped meanwhile misses nothing.
func (t *timer) goOff() { t.cell.mailbox.post(t) }

// ring returns the message for the actor, nil if the timer was stopped while it was queued.
func (t *timer) ring() any {
	switch {
	case !t.running:
		return nil
	case t.every > 0:
		t.arm(toBeat(t.cell.system.clock.Now(), t.every))
	default:
		t.unlink()
	}
	return t.message
}

// Stop implements Timer.
func (t *timer) Stop() bool {
	if !t.running {
		return false
	}
	t.clock.Stop()
	t.unlink()
	return true
}

func (t *timer) link() {
	t.running = true
	t.next = t.cell.timers
	if t.next != nil {
		t.next.previous = t
	}
	t.cell.timers = t
}

func (t *timer) unlink() {
	t.running = false
	if t.previous != nil {
		t.previous.next = t.next
	} else {
		t.cell.timers = t.next
	}
	if t.next != nil {
		t.next.previous = t.previous
	}
	t.previous, t.next = nil, nil
}

// stopTimers ends all timers of an actor that is stopping.
func (c *cell) stopTimers() {
	for c.timers != nil {
		c.timers.Stop()
	}
}
