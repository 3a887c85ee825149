package kit_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

func TestBudgetServesInTheOrderOfAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := kit.NewBudget(10)
		if !b.TryAcquire(8) {
			t.Fatal("got no bytes of an empty budget")
		}
		served := make(chan int64, 3)
		for _, n := range []int64{9, 2, 3} {
			go func() {
				if err := b.Acquire(t.Context(), n); err != nil {
					t.Error(err)
				}
				served <- n
			}()
			synctest.Wait() // so that they queue in this order
		}
		if b.TryAcquire(1) {
			t.Error("got bytes past those who wait")
		}
		if len(served) != 0 {
			t.Error("got somebody served ahead of the one who waits for 9 bytes")
		}
		b.Release(8)
		synctest.Wait()
		if got := <-served; got != 9 {
			t.Errorf("got %d served first, want 9", got)
		}
		b.Release(9)
		synctest.Wait()
		if len(served) != 2 || b.Used() != 5 {
			t.Errorf("got %d bytes used, want 5", b.Used())
		}
		b.Release(5)
	})
}

func TestBudgetRefusesWhatCanNeverFit(t *testing.T) {
	b := kit.NewBudget(10)
	err := b.Acquire(t.Context(), 11)
	var tooLarge *kit.TooLargeError
	if !errors.As(err, &tooLarge) || tooLarge.Want != 11 || tooLarge.Total != b.Total() {
		t.Errorf("got %v, want a TooLargeError", err)
	}
	if b.TryAcquire(11) || b.Used() != 0 {
		t.Error("got 11 of 10 bytes")
	}
}

func TestBudgetWaitEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := kit.NewBudget(10)
		b.TryAcquire(6)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		large, small := make(chan error, 1), make(chan error, 1)
		go func() { large <- b.Acquire(ctx, 5) }()
		synctest.Wait() // so that it is the first in line
		go func() { small <- b.Acquire(t.Context(), 4) }()
		if err := <-large; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		if err := <-small; err != nil || b.Used() != 10 {
			t.Errorf("got %v, %d used, want the next in line served when the first gives up", err, b.Used())
		}
	})
}

func TestBudgetReleaseOfTooMuchIsABug(t *testing.T) {
	for _, n := range []int64{1, -1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("got no panic for Release(%d)", n)
				}
			}()
			kit.NewBudget(10).Release(n)
		}()
	}
}

func TestBudgetIsNeverOverdrawn(t *testing.T) {
	const total = 1000
	b := kit.NewBudget(total)
	var group sync.WaitGroup
	for seed := range uint64(8) {
		group.Go(func() {
			random := rand.New(rand.NewPCG(seed, 0))
			for range 500 {
				n := random.Int64N(total + 1)
				if random.IntN(2) == 0 {
					if err := b.Acquire(t.Context(), n); err != nil {
						t.Error(err)
					}
				} else if !b.TryAcquire(n) {
					continue
				}
				if used := b.Used(); used > total {
					t.Errorf("got %d bytes used of %d", used, total)
				}
				b.Release(n)
			}
		})
	}
	group.Wait()
	if b.Used() != 0 {
		t.Errorf("got %d bytes used at the end, want 0", b.Used())
	}
}
