package metadata

import (
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
	hears      bool    // of a cluster, from a peer that can be reached
}

// forming decides how a node with an empty directory comes to a cluster. It knows no actor.
//
//	what the node hears                                 what it does
//	nothing yet from a peer that can be reached         waits: it will answer
//	a peer is a member of a cluster                     joins it: it is new, or was wiped
//	a peer founds, and has seen this directory empty    founds with it, as the same founders
//	a peer founds, and has seen another directory here  waits to be taken in: that one may have voted
//	most configured nodes have empty directories        founds with them
//	else                                                waits
//
// Of the empty ones these do not count: one that was seen by a founder with another directory, since its vote
// may have been given; and one that hears of a cluster of which this node does not hear.
//
// A cluster that exists has members on most of its nodes, so most of them cannot be empty, unless most of
// what it had is lost. If founders lose their disks before the cluster has grown beyond them, too few may
// be left to vote: then nothing is formed, rather than two clusters.
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
	lost  bool              // wait: a founder has seen this node with another directory
}

// decide looks at the peers that can be reached, in ascending order.
func (f *forming) decide(reachable []int32) verdict {
	var founding []standing
	for _, node := range reachable {
		peer, told := f.peers[node]
		switch {
		case !told:
			return verdict{}
		case peer.state == link.Member:
			return verdict{join: true}
		case peer.state == link.Founded:
			founding = append(founding, peer)
		}
	}
	for _, peer := range founding {
		if directoryOf(peer.founders, f.node) == f.directory {
			return verdict{found: peer.founders}
		}
	}
	if replaced(founding, f.node, f.directory) {
		return verdict{lost: true}
	}
	fresh := map[int32]string{f.node: f.directory}
	for _, node := range reachable {
		peer := f.peers[node]
		counts := peer.state == link.Fresh && slices.Equal(peer.configured, f.configured) &&
			(!peer.hears || len(founding) > 0) && !replaced(founding, node, peer.directory)
		if counts {
			fresh[node] = peer.directory
		}
	}
	return f.majority(fresh)
}

// hears tells whether one of the peers that can be reached knows of a cluster.
func (f *forming) hears(reachable []int32) bool {
	return slices.ContainsFunc(reachable, func(node int32) bool {
		state := f.peers[node].state
		return state == link.Founded || state == link.Member
	})
}

// replaced tells whether a node was seen by a founder with a directory that it does not have any more.
func replaced(founding []standing, node int32, directory string) bool {
	return slices.ContainsFunc(founding, func(peer standing) bool {
		seen := directoryOf(peer.founders, node)
		return seen != "" && seen != unseen && seen != directory
	})
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
