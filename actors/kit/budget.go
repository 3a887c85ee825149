package kit

import (
	"container/list"
	"context"
	"fmt"
	"sync"
)

// TooLargeError says that a request can never fit a budget.
type TooLargeError struct{ Want, Total int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%d bytes wanted of a budget of %d", e.Want, e.Total)
}

// Budget is an amount of memory that many share. It is fair: who asks first is served first, so a large
// request is not starved by small ones.
type Budget struct {
	mu      sync.Mutex
	total   int64
	used    int64
	waiting list.List // of *budgetWaiter
}

type budgetWaiter struct {
	want  int64
	ready chan struct{}
}

// NewBudget returns a budget of so many bytes.
func NewBudget(bytes int64) *Budget { return &Budget{total: bytes} }

// TryAcquire takes n bytes if they are free and nobody waits.
func (b *Budget) TryAcquire(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting.Len() > 0 || b.used+n > b.total {
		return false
	}
	b.used += n
	return true
}

// Acquire takes n bytes and waits for them if need be. Only goroutines at the rim may call it. It fails with
// a TooLargeError, or when the context ends.
func (b *Budget) Acquire(ctx context.Context, n int64) error {
	if n > b.total {
		return &TooLargeError{Want: n, Total: b.total}
	}
	b.mu.Lock()
	if b.waiting.Len() == 0 && b.used+n <= b.total {
		b.used += n
		b.mu.Unlock()
		return nil
	}
	w := &budgetWaiter{want: n, ready: make(chan struct{})}
	element := b.waiting.PushBack(w)
	b.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		return b.giveUp(element, ctx.Err())
	}
}

// giveUp leaves the queue; if the bytes arrived at the same moment they are kept.
func (b *Budget) giveUp(element *list.Element, cause error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := element.Value.(*budgetWaiter)
	select {
	case <-w.ready:
		return nil
	default:
	}
	b.waiting.Remove(element)
	b.serve()
	return fmt.Errorf("wait for %d bytes: %w", w.want, cause)
}

// Release gives n bytes back.
func (b *Budget) Release(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if b.used < 0 {
		panic(fmt.Sprintf("BUG: got %d bytes released too many, want none", -b.used))
	}
	b.serve()
}

// serve hands free bytes to those who wait, in order.
func (b *Budget) serve() {
	for front := b.waiting.Front(); front != nil; front = b.waiting.Front() {
		w := front.Value.(*budgetWaiter)
		if b.used+w.want > b.total {
			return
		}
		b.used += w.want
		b.waiting.Remove(front)
		close(w.ready)
	}
}

// Used returns the bytes taken.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Total returns the size of the budget.
func (b *Budget) Total() int64 { return b.total }
