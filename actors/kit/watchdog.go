package kit

import (
	"reflect"
	"sync/atomic"
	"time"
)

// The watchdog finds actors that hold a message for too long, also those that will never let go of it. It
// looks from outside, since the turn itself cannot be relied on to end.
//
// To read the clock twice for each message would cost more than most messages do. So the watchdog counts
// ticks, and a turn only notes when tick or type of message have changed since it last did: two loads and two
// comparisons otherwise. What is held is known exactly, since when to within a tick.

// looks is how often the watchdog looks within the time that it allows.
const looks = 8

// held is what an actor has in hand.
type held struct {
	tick atomic.Uint64 // of the watchdog when that was noted
	kind atomic.Value  // reflect.Type of the message
	left atomic.Int64  // messages that the turn had taken and not begun
}

// note is called right before a message is handled.
func (h *held) note(tick uint64, message any, m *mailbox) {
	if b, ok := message.(Batch); ok && len(b.Messages) > 0 {
		message = b.Messages[0]
	}
	kind := reflect.TypeOf(message)
	if h.tick.Load() == tick && h.kind.Load() == any(kind) {
		return
	}
	h.tick.Store(tick)
	h.kind.Store(kind)
	h.left.Store(int64(len(m.current) - m.next))
}

// holding returns the type of the message in hand, "" before the first one.
func (h *held) holding() string {
	if kind, ok := h.kind.Load().(reflect.Type); ok {
		return kind.String()
	}
	return ""
}

// watchdog looks at the actors at work while there are any, and not at all else.
type watchdog struct {
	tick    atomic.Uint64
	system  *System
	workers *workers
	after   time.Duration
	every   time.Duration

	// Under the lock of the workers.
	timer   Timer // nil while nobody is at work
	stopped bool
}

// sight is what the watchdog knows of a worker's turn.
type sight struct {
	number uint64 // of the turn
	first  uint64 // tick at which it was seen first
	told   uint64 // tick of the message that was told of, plus one; 0: of none
}

func newWatchdog(s *System, w *workers, after time.Duration) *watchdog {
	d := &watchdog{system: s, workers: w, after: after, every: max(after/looks, time.Millisecond)}
	d.tick.Store(1)
	return d
}

// wake starts the ticks. The lock is held.
func (d *watchdog) wake() {
	if d.timer == nil && !d.stopped {
		d.timer = d.system.clock.AfterFunc(d.every, d.look)
	}
}

func (d *watchdog) stop() {
	d.stopped = true
	if d.timer != nil {
		d.timer.Stop()
	}
}

// slow is an actor that holds a message for too long.
type slow struct {
	cell *cell
	kind string
	held time.Duration
}

func (d *watchdog) look() {
	for _, one := range d.find(d.tick.Add(1)) {
		one.cell.kind.slow.Inc()
		one.cell.log.Warn().Str("actor", one.cell.path()).Str("holding", one.kind).Dur("for", one.held).
			Int("waiting", one.cell.mailbox.UserMessageCount()).Msg("actor holds a message")
	}
}

// find returns the actors that hold a message for too long and were not found before. It counts from where
// the turn was first seen, too: an actor that has just begun a turn after a long rest has noted nothing yet.
func (d *watchdog) find(now uint64) (found []slow) {
	d.workers.mu.Lock()
	defer d.workers.mu.Unlock()
	busy := false
	for w := range d.workers.all {
		c := w.who.cell()
		if c == nil {
			continue
		}
		busy = true
		if w.seen.number != w.number {
			w.seen = sight{number: w.number, first: now}
		}
		noted := c.held.tick.Load()
		since := now - max(noted, w.seen.first-1)
		if since >= looks && w.seen.told != noted+1 {
			w.seen.told = noted + 1
			found = append(found, slow{c, c.held.holding(), time.Duration(since) * d.every})
		}
	}
	d.timer = nil
	if busy && !d.stopped {
		d.timer = d.system.clock.AfterFunc(d.every, d.look)
	}
	return found
}

// working returns the cells whose turn it is, and for how many ticks each has held its message.
func (d *watchdog) working() map[*cell]uint64 {
	working := make(map[*cell]uint64)
	d.workers.mu.Lock()
	defer d.workers.mu.Unlock()
	now := d.tick.Load()
	for w := range d.workers.all {
		if c := w.who.cell(); c != nil {
			working[c] = now - min(now, c.held.tick.Load())
		}
	}
	return working
}
