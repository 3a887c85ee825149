package kit

import (
	"container/heap"
	"time"
)

// Pending is the table of questions that an actor has asked and of when it stops waiting for each. Take
// makes a second answer to the same question fall through. The zero value is empty and ready; whoever adds
// bounds the number with Len.
type Pending[K comparable, V any] struct {
	entries map[K]*pendingEntry[K, V]
	order   pendingHeap[K, V]
	added   uint64
}

type pendingEntry[K comparable, V any] struct {
	key      K
	value    V
	deadline time.Time
	number   uint64 // order of adding, which decides between equal deadlines
	at       int    // in the heap
}

// Add notes a question. One with the same key is replaced.
func (p *Pending[K, V]) Add(key K, value V, deadline time.Time) {
	p.Take(key)
	if p.entries == nil {
		p.entries = make(map[K]*pendingEntry[K, V])
	}
	p.added++
	entry := &pendingEntry[K, V]{key: key, value: value, deadline: deadline, number: p.added}
	p.entries[key] = entry
	heap.Push(&p.order, entry)
}

// Get returns a question that stays open.
func (p *Pending[K, V]) Get(key K) (V, bool) {
	if entry, ok := p.entries[key]; ok {
		return entry.value, true
	}
	var none V
	return none, false
}

// Take removes a question, or returns false if nobody waits for it (any more).
func (p *Pending[K, V]) Take(key K) (V, bool) {
	entry, ok := p.entries[key]
	if !ok {
		var none V
		return none, false
	}
	delete(p.entries, key)
	heap.Remove(&p.order, entry.at)
	return entry.value, true
}

// Expire removes and returns the questions whose deadline is not after now, the oldest deadline first.
func (p *Pending[K, V]) Expire(now time.Time) []V {
	var expired []V
	for len(p.order) > 0 && !p.order[0].deadline.After(now) {
		value, _ := p.Take(p.order[0].key)
		expired = append(expired, value)
	}
	return expired
}

// Drain removes and returns all questions, the oldest deadline first.
func (p *Pending[K, V]) Drain() []V {
	all := make([]V, 0, len(p.order))
	for len(p.order) > 0 {
		value, _ := p.Take(p.order[0].key)
		all = append(all, value)
	}
	return all
}

// Len returns the number of open questions.
func (p *Pending[K, V]) Len() int { return len(p.order) }

// Next returns the earliest deadline, the zero time if nothing is open.
func (p *Pending[K, V]) Next() time.Time {
	if len(p.order) == 0 {
		return time.Time{}
	}
	return p.order[0].deadline
}

type pendingHeap[K comparable, V any] []*pendingEntry[K, V]

func (h pendingHeap[K, V]) Len() int { return len(h) }

func (h pendingHeap[K, V]) Less(i, j int) bool {
	if !h[i].deadline.Equal(h[j].deadline) {
		return h[i].deadline.Before(h[j].deadline)
	}
	return h[i].number < h[j].number
}

func (h pendingHeap[K, V]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *pendingHeap[K, V]) Push(x any) {
	entry := x.(*pendingEntry[K, V])
	entry.at = len(*h)
	*h = append(*h, entry)
}

// Pop implements heap.Interface.
func (h *pendingHeap[K, V]) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
