package kit

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Node is an actor in the live supervision tree.
type Node struct {
	Name     string        // "group-7"
	Kind     string        // "group": the name up to the first dash
	Number   uint64        // of this incarnation, in the order in which all actors were spawned
	State    State         // what it is doing
	Waiting  int           // messages in the mailbox
	Handled  uint64        // messages taken out of it so far
	Born     time.Time     // when it was spawned
	Holding  string        // type of the message in hand while it is Busy and somebody looks (SlowAfter)
	HeldFor  time.Duration // for about how long
	Failures int           // how often the parent's child of this name has failed
	Restarts int           // how often it was built again after that
	Failure  string        // why it failed last, "" if it never did
	FailedAt time.Time
	Children []Node // in the order they were spawned
}

// State is what an actor is doing.
type State string

// States. An actor is Busy also while its turn waits for a worker and, when nobody looks (SlowAfter is 0),
// Ready never.
const (
	Idle  State = "idle"
	Ready State = "ready" // has messages and waits for its turn
	Busy  State = "busy"
	Ill   State = "failed"   // has panicked and is about to be stopped
	Going State = "stopping" // waits for its children to be gone
)

// Tree returns the live supervision tree. Each parent's list of children is consistent; the whole is not a
// snapshot, since actors come and go while it is read.
func (s *System) Tree() []Node {
	v := view{dog: s.watchdog}
	if v.dog != nil {
		v.working = v.dog.working()
	}
	cells := s.top.all()
	nodes := make([]Node, len(cells))
	for i, c := range cells {
		nodes[i] = v.node(c)
	}
	return nodes
}

// view is one reading of the tree.
type view struct {
	dog     *watchdog
	working map[*cell]uint64
}

func (v *view) node(c *cell) Node {
	name := c.name()
	n := Node{Name: name, Kind: kindOf(name), Number: c.number, Born: time.Unix(0, c.born)}
	c.mailbox.describe(&n)
	if n.State == Busy && v.dog != nil {
		if ticks, working := v.working[c]; working {
			n.Holding, n.HeldFor = c.held.holding(), time.Duration(ticks)*v.dog.every
			n.Waiting += int(c.held.left.Load())
		} else {
			n.State = Ready
		}
	}
	children, records := c.offspring()
	for i, child := range children {
		one := v.node(child)
		one.Failures, one.Restarts = records[i].failures, records[i].restarts
		one.Failure, one.FailedAt = records[i].reason, records[i].at
		n.Children = append(n.Children, one)
	}
	return n
}

// describe fills in what the mailbox knows.
func (m *mailbox) describe(n *Node) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n.Waiting, n.Handled = len(m.incoming), m.taken
	switch {
	case m.closed:
		n.State = Going
	case m.suspended:
		n.State = Ill
	case m.scheduled:
		n.State = Busy
	default:
		n.State = Idle
	}
}

// offspring returns the children in the order they were spawned, and what is remembered of each name. Any
// goroutine may call it.
func (c *cell) offspring() (children []*cell, records []record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	children = c.children.all()
	slices.SortFunc(children, func(a, b *cell) int { return cmp.Compare(a.number, b.number) })
	records = make([]record, len(children))
	for i, child := range children {
		records[i] = c.children.failures[child.name()]
	}
	return children, records
}

// kindOf returns what actors of one kind have in common: "partition" for "partition-my-topic-3".
func kindOf(name string) string {
	kind, _, _ := strings.Cut(name, "-")
	return kind
}
