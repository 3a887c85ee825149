package metadata

import (
	"maps"
	"slices"

	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/storage/datadir"
)

// unseen stands for the directory of a founder that was not there when the others founded the cluster. No
// directory has this id.
const unseen = "-"

// standing is how far a node has come with belonging to a cluster, as it says itself.
type standing struct {
	state      link.State
	directory  string // id of its data directory
	cluster    string
	founders   []datadir.Founder
	configured []int32 // ascending
}

// forming decides how a node with an empty directory comes to a cluster. It knows no actor.
//
//	what the node hears                                 what it does
//	a peer is a member of a cluster                     joins it: it is new, or was wiped
//	a peer founds, and has seen this directory empty    founds with it, as the same founders
//	a peer founds, and has seen another directory       waits: that one may have voted. The cluster will take it in
//	most configured nodes have empty directories        founds with them
//	else                                                waits
//
// A cluster that exists has members on most of its nodes, so most of them cannot be empty; and one that is
// being founded has no vote of a directory that was lost, since it is not the one that was seen.
type forming struct {
	node       int32
	directory  string
	configured []int32 // ascending, this node among them
	peers      map[int32]standing
}

// verdict is what a node with an empty directory does next. The zero value: wait.
type verdict struct {
	found []datadir.Founder // found a cluster with them
	join  bool              // join the cluster of a peer
}

// decide looks at the peers that can be reached.
func (f *forming) decide(alive func(node int32) bool) verdict {
	fresh := map[int32]string{f.node: f.directory}
	replaced := false
	for _, node := range slices.Sorted(maps.Keys(f.peers)) {
		peer := f.peers[node]
		switch {
		case !alive(node):
		case peer.state == link.Member:
			return verdict{join: true}
		case peer.state == link.Founded:
			switch seen := directoryOf(peer.founders, f.node); seen {
			case f.directory:
				return verdict{found: peer.founders}
			case "", unseen:
			default:
				replaced = true
			}
		case peer.state == link.Fresh && slices.Equal(peer.configured, f.configured):
			fresh[node] = peer.directory
		}
	}
	if replaced {
		return verdict{}
	}
	return f.majority(fresh)
}

// majority founds with all configured nodes if most of them are empty.
func (f *forming) majority(fresh map[int32]string) verdict {
	founders := make([]datadir.Founder, 0, len(f.configured))
	seen := 0
	for _, node := range f.configured {
		directory, here := fresh[node]
		if here {
			seen++
		} else {
			directory = unseen
		}
		founders = append(founders, datadir.Founder{Node: node, Directory: directory})
	}
	if 2*seen <= len(f.configured) || !slices.Contains(f.configured, f.node) {
		return verdict{}
	}
	return verdict{found: founders}
}

// directoryOf returns the directory that a founder was seen on, "" if the node is none of them.
func directoryOf(founders []datadir.Founder, node int32) string {
	for _, founder := range founders {
		if founder.Node == node {
			return founder.Directory
		}
	}
	return ""
}

// nodesOf returns the nodes of founders, ascending.
func nodesOf(founders []datadir.Founder) []int32 {
	nodes := make([]int32, len(founders))
	for n, founder := range founders {
		nodes[n] = founder.Node
	}
	slices.Sort(nodes)
	return nodes
}
