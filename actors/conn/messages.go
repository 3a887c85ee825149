package conn

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// Drain asks a connection to take no further request, to answer those that have arrived, and to close: at
// the latest after Within. The connection answers by ending.
type Drain struct {
	Within time.Duration
}

// received brings one request from the reader. Its size has been taken from the budget.
type received struct {
	frame []byte
	cost  *cost
}

// Refuse gives the memory back when the connection is gone.
func (m received) Refuse(error) { m.cost.release() }

// readEnded says that the reader is done, and why. It comes once and last.
type readEnded struct {
	err error
}

// flushed says that the writer is done with what it was given. It has released the frames.
type flushed struct {
	bytes int64 // memory that the replies took
	err   error
}

// patienceEnded says that a draining or lingering connection has had its time.
type patienceEnded struct{}

// cost is what one request holds of the broker's budget and of its connection's share. It has one owner at
// a time: the reader, the message on its way, the connection.
type cost struct {
	broker, own *kit.Budget
	bytes       int64
}

// release gives it back, once.
func (c *cost) release() {
	if c.bytes > 0 {
		c.own.Release(c.bytes)
		c.broker.Release(c.bytes)
		c.bytes = 0
	}
}
