package conn

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request/fetch"
)

// taken returns a budget of which nothing is left.
func taken(bytes int64) *kit.Budget {
	b := kit.NewBudget(bytes)
	b.TryAcquire(bytes)
	return b
}

// waiting returns a request that holds one byte and grows by two, which neither the budget nor the spare has.
func waiting(broker, spare *kit.Budget) (*cost, <-chan error) {
	m := &memory{
		broker: broker, own: kit.NewBudget(100), spare: spare, stop: context.Background(), longest: time.Minute,
		metrics: NewMetrics(prometheus.NewRegistry(), fetch.NewSessions(0, 1), broker),
	}
	c, done := &cost{from: m}, make(chan error, 1)
	go func() { done <- c.grow(2) }()
	time.Sleep(2 * spareAfter) // of virtual time: it waits for both now
	synctest.Wait()
	return c, done
}

func TestHalfReadRequestTakesTheBudgetOrTheSpare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker, spare := taken(10), taken(5)
		c, done := waiting(broker, spare)
		broker.Release(10)
		if err := <-done; err != nil || c.spare || broker.Used() != 2 {
			t.Errorf("the budget is free: got %v, spare %t, budget %d", err, c.spare, broker.Used())
		}
		c.release()
		if broker.Used() != 0 || spare.Used() != 5 {
			t.Errorf("after the release: budget %d, spare %d", broker.Used(), spare.Used())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		broker, spare := taken(10), taken(5)
		c, done := waiting(broker, spare)
		spare.Release(5)
		if err := <-done; err != nil || !c.spare || broker.Used() != 10 {
			t.Errorf("the spare is free: got %v, spare %t, budget %d", err, c.spare, broker.Used())
		}
		c.release()
		if broker.Used() != 10 || spare.Used() != 0 {
			t.Errorf("after the release: budget %d, spare %d", broker.Used(), spare.Used())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c, done := waiting(taken(10), taken(5))
		if err := <-done; err == nil || c.spare {
			t.Errorf("nothing is free: got %v, spare %t", err, c.spare)
		}
		c.release()
	})
	synctest.Test(t, func(t *testing.T) {
		c, done := waiting(kit.NewBudget(1), taken(5))
		c.from.spare.Release(5)
		if err := <-done; err != nil || !c.spare {
			t.Errorf("more than the budget: got %v, spare %t", err, c.spare)
		}
		c.release()
	})
}
