package conn

import (
	"time"
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
