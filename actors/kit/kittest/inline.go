package kittest

import (
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
)

// Inline is a dispatcher that runs the turns on the goroutine of whoever caused them, in the order in which
// they were caused, one message per turn. A turn caused by a turn runs after it, never inside it.
type Inline struct {
	mu      sync.Mutex
	turns   []func()
	running bool
}

// Schedule implements kit.Dispatcher. While another goroutine is running turns it only leaves the turn there.
func (d *Inline) Schedule(_ kit.Address, turn func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.turns = append(d.turns, turn)
	if d.running {
		return
	}
	d.running = true
	for len(d.turns) > 0 {
		next := d.turns[0]
		d.turns = d.turns[1:]
		d.mu.Unlock()
		next()
		d.mu.Lock()
	}
	d.running = false
}

// Throughput implements kit.Dispatcher.
func (d *Inline) Throughput() int { return 1 }

// NewInline returns a system whose actors run inline; a Tell from the test returns when nothing is left to
// do. Time is that of the returned Clock. The system ends with the test.
func NewInline(t testing.TB) (*kit.System, *Clock) {
	t.Helper()
	clock := NewClock()
	system := kit.NewSystem(kit.SystemConfig{Logger: logger(t), Clock: clock, Dispatcher: &Inline{}})
	t.Cleanup(system.Shutdown)
	return system, clock
}

// logger writes to the log of the test.
func logger(t testing.TB) zerolog.Logger {
	return zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
}
