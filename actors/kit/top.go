package kit

import (
	"slices"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// top is the table of the actors without a parent. Unlike the children of an actor they may be spawned by
// anybody.
type top struct {
	mu    sync.Mutex
	nest  *nest
	cells []*cell // in the order they were spawned
}

func (t *top) hatch(c *cell, spawn func(*actor.Props) (*actor.PID, error)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nest.hatch(c, spawn)
	t.cells = append(t.cells, c)
}

func (t *top) remove(c *cell) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cells = slices.DeleteFunc(t.cells, func(other *cell) bool { return other == c })
}

func (t *top) find(pid *actor.PID) *cell {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.cells {
		if c.pid == pid {
			return c
		}
	}
	return nil
}

func (t *top) all() []*cell {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.cells)
}
