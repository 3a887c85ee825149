package link

import (
	"fmt"
	"sync/atomic"

	"github.com/chronik-go/chronik/raftactor/link/wire"
)

// Hello is what nodes tell each other before anything else.
type Hello = wire.Hello

// Founder is a node that was fresh when a cluster was founded.
type Founder = wire.Founder

// State says how far a node has come with belonging to a cluster.
type State = wire.State

// States.
const (
	Fresh   = wire.Fresh
	Founded = wire.Founded
	Member  = wire.Member
)

// Feature is the level of what the nodes of a cluster have to agree on, as this program has it.
const Feature int32 = 1

// Self holds the hello of this node. Anybody may read it, on any goroutine; links and server send the
// newest.
type Self struct{ hello atomic.Pointer[Hello] }

// NewSelf returns a Self with the first hello.
func NewSelf(hello Hello) *Self {
	s := new(Self)
	s.Publish(hello)
	return s
}

// Hello returns the newest hello. Its Founders are read only.
func (s *Self) Hello() Hello { return *s.hello.Load() }

// Publish replaces the hello.
func (s *Self) Publish(hello Hello) { s.hello.Store(&hello) }

// Check decides whether a node may speak with one that has sent a hello. Its errors are sentences for the
// people who run the two: local is the node that says it.
func Check(local, remote Hello) error {
	switch {
	case remote.Node == local.Node && remote.Instance == local.Instance:
		return fmt.Errorf("node %d has reached itself: the address of one of its peers is its own, correct "+
			"[[peers]]", local.Node)
	case remote.Node == local.Node:
		return fmt.Errorf("node %d at %s and node %d at %s have the same node_id: give one of them another",
			local.Node, local.Raft, remote.Node, remote.Raft)
	case local.Cluster != "" && remote.Cluster != "" && local.Cluster != remote.Cluster:
		return fmt.Errorf("node %d belongs to cluster %s and node %d to cluster %s: correct [[peers]], or empty "+
			"the data directory of the node that is in the wrong one",
			local.Node, local.Cluster, remote.Node, remote.Cluster)
	case remote.Feature != local.Feature:
		return fmt.Errorf("node %d (build %s) has feature level %d and node %d (build %s) has %d: run builds of "+
			"the same level", local.Node, local.Build, local.Feature, remote.Node, remote.Build, remote.Feature)
	}
	return nil
}
