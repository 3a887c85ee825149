package conn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// errNoMemory ends a connection whose half-read request got no memory in time.
var errNoMemory = errors.New("no memory for the rest of a request")

// spareAfter is how long a half-read request waits for the broker's budget before it asks for the spare.
const spareAfter = 250 * time.Millisecond

// memory is where a reader takes the memory for requests from.
//
// A large request gets it in steps, so two half-read requests may wait for what the other holds. That would
// last until both are given up, and producers with large requests would run into it whenever they are too
// many for the budget. So there is a spare, the size of one request, beside the budget: one half-read
// request at a time is completed out of it, is answered, and frees what it held of the budget, too.
type memory struct {
	broker  *kit.Budget // of all connections
	own     *kit.Budget // of this connection
	spare   *kit.Budget // taken whole
	stop    context.Context
	longest time.Duration // that a half-read request waits
	metrics *Metrics
}

// cost is what one request holds. It has one owner at a time: the reader, the message on its way, the
// connection.
type cost struct {
	from   *memory
	broker int64
	own    int64
	spare  bool
}

// begin takes the first n bytes of a request, and waits for them with empty hands as long as it takes.
func (m *memory) begin(n int) (*cost, error) {
	c := &cost{from: m}
	bytes := int64(n)
	if !m.own.TryAcquire(bytes) {
		if err := m.wait(m.own, m.stop, bytes); err != nil {
			return nil, err
		}
	}
	c.own = bytes
	if !m.broker.TryAcquire(bytes) {
		if err := m.wait(m.broker, m.stop, bytes); err != nil {
			c.release()
			return nil, err
		}
	}
	c.broker = bytes
	return c, nil
}

// grow takes n more bytes. On an error the request keeps what it had.
func (c *cost) grow(n int) error {
	until, cancel := context.WithTimeout(c.from.stop, c.from.longest)
	defer cancel()
	bytes := int64(n)
	if !c.from.own.TryAcquire(bytes) {
		if err := c.from.wait(c.from.own, until, bytes); err != nil {
			return fmt.Errorf("%w: %w", errNoMemory, err)
		}
	}
	c.own += bytes
	if c.spare {
		return nil
	}
	if c.from.broker.TryAcquire(bytes) {
		c.broker += bytes
		return nil
	}
	return c.growLate(until, bytes)
}

// growLate waits for the budget and, after a while, for the spare too, and takes what comes first. It keeps
// its place in the queue for the budget: the spare goes from one to the next only as fast as requests arrive,
// and many who wait for nothing else would wait past their time while the budget is free again.
func (c *cost) growLate(until context.Context, bytes int64) error {
	either, cancel := context.WithCancel(until)
	defer cancel()
	spared := beside(func() bool {
		defer cancel()
		return c.from.awaitSpare(either)
	})
	err := c.from.wait(c.from.broker, either, bytes)
	if _, hopeless := errors.AsType[*kit.TooLargeError](err); !hopeless {
		cancel() // the spare has come first, or is not needed any more
	}
	c.spare = <-spared
	switch {
	case err == nil:
		c.broker += bytes
		c.releaseSpare()
	case !c.spare:
		return fmt.Errorf("%w: %w", errNoMemory, err)
	}
	return nil
}

// awaitSpare tells whether it has taken the spare.
func (m *memory) awaitSpare(until context.Context) bool {
	patience := time.NewTimer(spareAfter)
	defer patience.Stop()
	select {
	case <-patience.C:
		return m.spare.Acquire(until, m.spare.Total()) == nil
	case <-until.Done():
		return false
	}
}

// wait takes bytes of a budget and counts the time that takes.
func (m *memory) wait(budget *kit.Budget, until context.Context, bytes int64) error {
	m.metrics.budgetWaits.Inc()
	begun := time.Now()
	err := budget.Acquire(until, bytes)
	m.metrics.budgetWaitSeconds.Add(time.Since(begun).Seconds())
	return err
}

// release gives everything back, once.
func (c *cost) release() {
	if c.own > 0 {
		c.from.own.Release(c.own)
		c.own = 0
	}
	if c.broker > 0 {
		c.from.broker.Release(c.broker)
		c.broker = 0
	}
	c.releaseSpare()
}

func (c *cost) releaseSpare() {
	if c.spare {
		c.from.spare.Release(c.from.spare.Total())
		c.spare = false
	}
}
