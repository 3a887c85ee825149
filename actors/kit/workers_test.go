package kit

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// freeNow returns how many free workers there are.
func (p *workers) freeNow() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.free)
}

// busy runs n turns at the same time, and returns when all are over and their workers free.
func busy(p *workers, n int) {
	var all sync.WaitGroup
	gate := make(chan struct{})
	for range n {
		all.Add(1)
		p.Schedule(Address{}, func() { defer all.Done(); <-gate })
	}
	close(gate)
	all.Wait()
	synctest.Wait()
}

func TestWorkersAreUsedAgainAndLeaveWhenNobodyNeedsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &workers{}
		busy(p, 10)
		if got := p.freeNow(); got != 10 {
			t.Errorf("got %d free workers, want 10", got)
		}
		for range 20 { // two of them are needed again and again
			busy(p, 2)
			time.Sleep(sweepEvery / 4)
		}
		synctest.Wait()
		if got := p.freeNow(); got != 2 {
			t.Errorf("got %d free workers, want the 2 that are needed", got)
		}
		time.Sleep(3 * sweepEvery)
		synctest.Wait()
		if got := p.freeNow(); got != 0 || p.sweeper != nil {
			t.Errorf("got %d free workers and a sweeper, want nothing", got)
		}
	}) // fails if a goroutine is left
}

func TestOnlySomeTurnsRunAtOnceAndTheOthersInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &workers{}
		gate, begun := make(chan struct{}), make(chan int, 3*maxBusy)
		for i := range 3 * maxBusy {
			p.Schedule(Address{}, func() { begun <- i; <-gate })
		}
		for released := 0; ; released++ {
			synctest.Wait()
			if got, want := len(begun), min(maxBusy+released, cap(begun)); got != want {
				t.Fatalf("%d turns have ended and %d begun, want %d", released, got, want)
			}
			if released == cap(begun) {
				break
			}
			gate <- struct{}{}
		}
		close(begun)
		seen := make(map[int]bool)
		for i := range begun {
			if at := len(seen); at >= maxBusy && i != at {
				t.Errorf("turn %d began in the place of turn %d", i, at)
			}
			seen[i] = true
		}
		if got := p.freeNow(); len(seen) != cap(begun) || got != maxBusy {
			t.Errorf("got %d turns and %d free workers, want %d and %d", len(seen), got, cap(begun), maxBusy)
		}
		p.finish()
	})
}

func TestFinishRacesWithEverything(t *testing.T) {
	for range 200 {
		p := &workers{}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 50 {
					done := make(chan struct{})
					p.Schedule(Address{}, func() { close(done) })
					<-done
					p.sweep()
				}
			})
		}
		all.Go(p.finish)
		all.Wait()
		p.finish()
		if got := p.freeNow(); got != 0 {
			t.Fatalf("got %d free workers after the end, want none", got)
		}
	}
}
