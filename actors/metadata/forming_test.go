package metadata

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/storage/datadir"
)

// said is what a peer says of itself.
func said(state link.State, directory string, founders ...datadir.Founder) standing {
	return standing{state: state, directory: directory, configured: three, founders: founders}
}

func founder(node int32, directory string) datadir.Founder {
	return datadir.Founder{Node: node, Directory: directory}
}

// TestWhatAnEmptyNodeDoes is the table of forming: node 1, on the directory "a".
func TestWhatAnEmptyNodeDoes(t *testing.T) {
	other := said(link.Fresh, "b")
	other.configured = []int32{1, 2}
	hearing := said(link.Fresh, "b")
	hearing.hears = true
	for what, c := range map[string]struct {
		peers     map[int32]standing
		reachable []int32
		want      string
	}{
		"alone":              {nil, nil, "wait"},
		"has not answered":   {map[int32]standing{2: said(link.Fresh, "b")}, []int32{2, 3}, "wait"},
		"one more is empty":  {map[int32]standing{2: said(link.Fresh, "b")}, []int32{2}, "[{1 a} {2 b} {3 -}]"},
		"all are empty":      {map[int32]standing{2: said(link.Fresh, "b"), 3: said(link.Fresh, "c")}, []int32{2, 3}, "[{1 a} {2 b} {3 c}]"},
		"empty and gone":     {map[int32]standing{2: said(link.Fresh, "b")}, nil, "wait"},
		"a member":           {map[int32]standing{2: said(link.Fresh, "b"), 3: said(link.Member, "c")}, []int32{2, 3}, "join"},
		"a founder saw it":   {map[int32]standing{3: said(link.Founded, "c", founder(1, "a"), founder(2, "-"), founder(3, "c"))}, []int32{3}, "[{1 a} {2 -} {3 c}]"},
		"a founder saw none": {map[int32]standing{3: said(link.Founded, "c", founder(1, "-"), founder(2, "b"), founder(3, "c"))}, []int32{3}, "wait"},
		"a founder saw none, one more is empty": {map[int32]standing{
			2: said(link.Fresh, "b"), 3: said(link.Founded, "c", founder(1, "-"), founder(2, "b"), founder(3, "c")),
		}, []int32{2, 3}, "[{1 a} {2 b} {3 -}]"},
		"a founder saw another directory": {map[int32]standing{
			2: said(link.Fresh, "b"), 3: said(link.Founded, "c", founder(1, "old"), founder(2, "b"), founder(3, "c")),
		}, []int32{2, 3}, "wait"},
		"a founder saw another directory of the other": {map[int32]standing{
			2: said(link.Fresh, "b"), 3: said(link.Founded, "c", founder(1, "-"), founder(2, "old"), founder(3, "c")),
		}, []int32{2, 3}, "wait"},
		"the other hears of a cluster": {map[int32]standing{2: hearing}, []int32{2}, "wait"},
		"configured differently":       {map[int32]standing{2: other}, []int32{2}, "wait"},
	} {
		f := forming{node: 1, directory: "a", configured: three, peers: c.peers}
		got := "wait"
		switch v := f.decide(c.reachable); {
		case v.join:
			got = "join"
		case v.found != nil:
			got = fmt.Sprint(v.found)
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", what, got, c.want)
		}
	}
}

// TestMajorityIsOfTheConfigured is for every size of cluster.
func TestMajorityIsOfTheConfigured(t *testing.T) {
	for size := int32(1); size <= 7; size++ {
		f := forming{node: 1, directory: "1", peers: map[int32]standing{}}
		for node := int32(1); node <= size; node++ {
			f.configured = append(f.configured, node)
		}
		var reachable []int32
		for seen := int32(1); seen <= size; seen++ {
			if seen > 1 {
				peer := said(link.Fresh, fmt.Sprint(seen))
				peer.configured = f.configured
				f.peers[seen] = peer
				reachable = append(reachable, seen)
			}
			v := f.decide(reachable)
			if founds := v.found != nil; founds != (2*seen > size) {
				t.Errorf("%d of %d are empty: founds %v", seen, size, founds)
			}
			if v.found != nil && !slices.Equal(nodesOf(v.found), f.configured) {
				t.Errorf("%d of %d are empty: founders %v", seen, size, v.found)
			}
		}
	}
}
