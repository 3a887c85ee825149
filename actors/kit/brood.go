package kit

import (
	"cmp"
	"slices"
	"time"
)

// brood is the table of an actor's living children. Most actors that have any have one or two: a Raft group
// its applier, a connection the requests under way. A map for these would take 300 bytes for each of ten
// thousand groups, and would be the slower way to come and go for those that live for a request.
//
// The actor's turns write under the lock of its cell and read without it; all others read under it.
type brood struct {
	few      []*cell           // up to fewChildren
	many     map[string]*cell  // instead, once there have been more
	failures map[string]record // of children by name, at most failureNames
}

// record is what a parent remembers of the children of one name that failed.
type record struct {
	failures, restarts int
	reason             string // of the last failure
	at                 time.Time
}

const fewChildren = 8

// find returns the child of a name, nil if there is none. The table itself may be nil.
func (b *brood) find(name string) *cell {
	if b == nil {
		return nil
	}
	for _, child := range b.few {
		if child.name() == name {
			return child
		}
	}
	return b.many[name]
}

func (b *brood) add(child *cell) {
	if one, failed := b.failures[child.name()]; failed {
		one.restarts++
		b.failures[child.name()] = one
	}
	if b.many == nil && len(b.few) < fewChildren {
		b.few = append(b.few, child)
		return
	}
	if b.many == nil {
		b.many = make(map[string]*cell)
		for _, other := range b.few {
			b.many[other.name()] = other
		}
		b.few = nil
	}
	b.many[child.name()] = child
}

func (b *brood) remove(child *cell) {
	for i, other := range b.few {
		if other == child {
			last := len(b.few) - 1
			b.few[i], b.few[last] = b.few[last], nil
			b.few = b.few[:last]
			return
		}
	}
	delete(b.many, child.name())
}

// all returns the children, in the order they were spawned where there are many.
func (b *brood) all() []*cell {
	if b == nil {
		return nil
	}
	cells := make([]*cell, 0, len(b.few)+len(b.many))
	cells = append(cells, b.few...)
	for _, child := range b.many {
		cells = append(cells, child)
	}
	if b.many != nil {
		slices.SortFunc(cells, func(a, b *cell) int { return cmp.Compare(a.number, b.number) })
	}
	return cells
}

// failed notes the failure of a child. What it remembers is bounded, since names may be new each time.
func (b *brood) failed(name, reason string, at time.Time) {
	if b.failures == nil {
		b.failures = make(map[string]record)
	}
	one, known := b.failures[name]
	if known || len(b.failures) < failureNames {
		one.failures++
		one.reason, one.at = reason, at
		b.failures[name] = one
	}
}

// failureNames bounds how many names of failed children a parent remembers for the tree.
const failureNames = 256
