package partition

import (
	"cmp"

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

func (k waiterKey) compare(other waiterKey) int {
	return cmp.Or(cmp.Compare(k.id, other.id), cmp.Compare(k.token, other.token))
}

// waiter is one fetch that waits for the high watermark, or the last stable offset, to pass an offset.
type waiter struct {
	offset  protocol.Offset
	stable  bool
	replyTo kit.Address
}

// waiters is the set of those who wait. It knows no actor.
type waiters struct {
	all map[waiterKey]waiter
}

// add registers a waiter, replacing an older one of the same key. It declines past the bound.
func (w *waiters) add(m Wait) bool {
	if len(w.all) >= maxWaiters {
		return false
	}
	if w.all == nil {
		w.all = make(map[waiterKey]waiter)
	}
	w.all[waiterKey{m.ReplyTo.ID(), m.Token}] = waiter{m.Offset, m.Stable, m.ReplyTo}
	return true
}

// remove takes a waiter out; an unknown one is ignored, since its wake-up may be under way.
func (w *waiters) remove(m Unwait) {
	delete(w.all, waiterKey{m.ReplyTo.ID(), m.Token})
}

// passed removes and wakes everybody who waits for an offset that he can see by now, in a log with that end
// and that last stable offset.
func (w *waiters) passed(end, stable protocol.Offset) {
	for key, one := range kit.InOrderOf(w.all, waiterKey.compare) {
		if one.offset < stable || !one.stable && one.offset < end {
			delete(w.all, key)
			one.replyTo.Tell(Woken{Token: key.token})
		}
	}
	w.shrink()
}

// wakeAll removes and wakes everybody.
func (w *waiters) wakeAll() {
	for key, one := range kit.InOrderOf(w.all, waiterKey.compare) {
		one.replyTo.Tell(Woken{Token: key.token})
	}
	w.all = nil
}

// shrink gives the map back once nobody waits, since ten thousand idle replicas should cost nothing.
func (w *waiters) shrink() {
	if len(w.all) == 0 {
		w.all = nil
	}
}

func (w *waiters) empty() bool { return len(w.all) == 0 }
