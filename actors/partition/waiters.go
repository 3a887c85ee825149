package partition

import (
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
)

// maxWaiters bounds the waiters of one replica. One more is woken at once, which costs its asker a
// second look and nothing else.
const maxWaiters = 100_000

// waiterKey names a waiter: who asked, and under which of his tokens.
type waiterKey struct {
	id    string
	token uint64
}

// waiter is one fetch that waits for the high watermark, or the last stable offset, to pass an offset.
type waiter struct {
	key     waiterKey
	offset  protocol.Offset
	stable  bool
	gone    bool // it waits no longer, and is in line until the next wake-up
	replyTo kit.Address
}

// waiters is the set of those who wait, in the order in which they came: they are woken in an order that does
// not differ from run to run, and nobody has to sort them. It knows no actor.
type waiters struct {
	line   []waiter
	places map[waiterKey]int // in line
}

// add registers a waiter, replacing an older one of the same key. It declines past the bound.
func (w *waiters) add(m Wait) bool {
	key := waiterKey{m.ReplyTo.ID(), m.Token}
	one := waiter{key: key, offset: m.Offset, stable: m.Stable, replyTo: m.ReplyTo}
	if place, known := w.places[key]; known {
		w.line[place] = one
		return true
	}
	if len(w.places) >= maxWaiters {
		return false
	}
	if w.places == nil {
		w.places = make(map[waiterKey]int)
	}
	w.places[key] = len(w.line)
	w.line = append(w.line, one)
	return true
}

// remove takes a waiter out; an unknown one is ignored, since its wake-up may be under way.
func (w *waiters) remove(m Unwait) {
	key := waiterKey{m.ReplyTo.ID(), m.Token}
	place, known := w.places[key]
	if !known {
		return
	}
	delete(w.places, key)
	w.line[place] = waiter{gone: true}
	if len(w.line) > 2*len(w.places)+spareWaiters {
		w.close(func(*waiter) bool { return false })
	}
}

// spareWaiters is how many places of those who have left the line may have for nothing.
const spareWaiters = 16

// passed removes and wakes everybody who waits for an offset that he can see by now, in a log with that end
// and that last stable offset.
func (w *waiters) passed(end, stable protocol.Offset) {
	w.close(func(one *waiter) bool { return one.offset < stable || !one.stable && one.offset < end })
}

// wakeAll removes and wakes everybody.
func (w *waiters) wakeAll() { w.close(func(*waiter) bool { return true }) }

// close wakes those who are due and closes the ranks of the others. What is empty is given back, since ten
// thousand idle replicas should cost nothing.
func (w *waiters) close(due func(*waiter) bool) {
	left := 0
	for i := range w.line {
		one := &w.line[i]
		switch {
		case one.gone:
		case due(one):
			delete(w.places, one.key)
			one.replyTo.Tell(Woken{Token: one.key.token})
		case left == i:
			left++
		default:
			w.places[one.key] = left
			w.line[left] = *one
			left++
		}
	}
	if left == 0 {
		w.line, w.places = nil, nil
		return
	}
	clear(w.line[left:])
	w.line = w.line[:left]
}

func (w *waiters) empty() bool { return len(w.places) == 0 }
