package kit

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// Budget is an amount of memory that many share. It is fair: who asks first is served first, so a large
// request is not starved by small ones. It is the weighted semaphore of golang.org/x/sync, which is fair
// already, with a count of what is taken and an error for what can never fit.
type Budget struct {
	semaphore *semaphore.Weighted
	total     int64
	used      atomic.Int64
}

// TooLargeError says that a request can never fit a budget. The asker must be refused, not kept waiting.
type TooLargeError struct{ Want, Total int64 } // bytes

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%d bytes wanted of a budget of %d", e.Want, e.Total)
}

// NewBudget returns a budget of so many bytes.
func NewBudget(bytes int64) *Budget {
	return &Budget{semaphore: semaphore.NewWeighted(bytes), total: bytes}
}

// TryAcquire takes n bytes if they are free and nobody waits. Actors may call it.
func (b *Budget) TryAcquire(n int64) bool {
	mustNotBeNegative(n)
	if !b.semaphore.TryAcquire(n) {
		return false
	}
	b.used.Add(n)
	return true
}

// Acquire takes n bytes and waits for them if need be. Only goroutines at the rim may call it. It fails with
// a *TooLargeError, or with the context's error when that ends first.
func (b *Budget) Acquire(ctx context.Context, n int64) error {
	mustNotBeNegative(n)
	if n > b.total {
		return &TooLargeError{Want: n, Total: b.total}
	}
	if err := b.semaphore.Acquire(ctx, n); err != nil {
		return fmt.Errorf("wait for %d bytes: %w", n, err)
	}
	b.used.Add(n)
	return nil
}

// Release gives n bytes back; more than was taken is a bug.
func (b *Budget) Release(n int64) {
	mustNotBeNegative(n)
	if left := b.used.Add(-n); left < 0 {
		panic(fmt.Sprintf("BUG: got %d bytes released too many, want none", -left))
	}
	b.semaphore.Release(n)
}

// Used returns the bytes taken.
func (b *Budget) Used() int64 { return b.used.Load() }

// Total returns the size of the budget in bytes.
func (b *Budget) Total() int64 { return b.total }

func mustNotBeNegative(n int64) {
	if n < 0 {
		panic(fmt.Sprintf("BUG: got %d bytes, want none or more", n))
	}
}
