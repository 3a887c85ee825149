package kit

import (
	"cmp"
	"slices"
	"strings"
)

// Node is an actor in the live supervision tree.
type Node struct {
	Name     string // "group-7"
	Kind     string // "group": the name up to the first dash
	Waiting  int    // messages in the mailbox
	Failures int    // how often the parent's child of this name has failed
	Children []Node // in the order they were spawned
}

// Tree returns the live supervision tree. Each parent's list of children is consistent; the whole is not a
// snapshot, since actors come and go while it is read.
func (s *System) Tree() []Node {
	cells := s.top.all()
	nodes := make([]Node, len(cells))
	for i, c := range cells {
		nodes[i] = c.node()
	}
	return nodes
}

func (c *cell) node() Node {
	name := c.name()
	n := Node{Name: name, Kind: kindOf(name), Waiting: c.mailbox.UserMessageCount()}
	children, failures := c.offspring()
	for i, child := range children {
		n.Children = append(n.Children, child.node())
		n.Children[i].Failures = failures[i]
	}
	return n
}

// offspring returns the children in the order they were spawned, and how often each name has failed. Any
// goroutine may call it.
func (c *cell) offspring() (children []*cell, failures []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	children = c.children.all()
	slices.SortFunc(children, func(a, b *cell) int { return cmp.Compare(a.number, b.number) })
	failures = make([]int, len(children))
	for i, child := range children {
		failures[i] = c.children.failures[child.name()]
	}
	return children, failures
}

// kindOf returns what actors of one kind have in common: "partition" for "partition-my-topic-3".
func kindOf(name string) string {
	kind, _, _ := strings.Cut(name, "-")
	return kind
}
