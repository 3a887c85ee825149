package wire

import "fmt"

// State says how far a node has come with belonging to a cluster.
type State uint8

const (
	// Fresh is a node that has never heard of a cluster: its data directory is empty.
	Fresh State = iota + 1
	// Founded is a node that has decided to found a cluster with the Founders of its hello, and has not
	// heard yet that the cluster exists.
	Founded
	// Member is a node that belongs to a cluster.
	Member
)

// String returns the state in lower case.
func (s State) String() string {
	switch s {
	case Fresh:
		return "fresh"
	case Founded:
		return "founded"
	case Member:
		return "member"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// Founder is a node that was fresh when a cluster was founded.
type Founder struct {
	Node      int32
	Directory string // id of its data directory at that time
}

// Hello is what nodes tell each other before anything else.
type Hello struct {
	Node      int32
	Directory string // id of the data directory
	Cluster   string // id of the cluster, "" if it is not known
	State     State
	Founders  []Founder // whom a Founded node saw fresh
	Raft      string    // host:port at which peers reach the node
	Build     string    // version of the program, for people
	Feature   int32     // level of what the nodes of a cluster have to agree on
	Instance  uint64    // random, another one in each process
}

// Limits of a hello, for decoding: one that is larger is damaged or not from us.
const (
	maxHelloString = 1024
	maxFounders    = 64
)

// helloSize returns at most how many bytes a hello takes.
func helloSize(h *Hello) int {
	n := 64 + len(h.Directory) + len(h.Cluster) + len(h.Raft) + len(h.Build)
	for _, f := range h.Founders {
		n += 10 + len(f.Directory)
	}
	return n
}

func appendHello(b []byte, h *Hello) []byte {
	b = appendInt32(b, h.Node)
	b = appendString(b, h.Directory)
	b = appendString(b, h.Cluster)
	b = append(b, byte(h.State))
	b = appendUvarint(b, uint64(len(h.Founders)))
	for _, f := range h.Founders {
		b = appendInt32(b, f.Node)
		b = appendString(b, f.Directory)
	}
	b = appendString(b, h.Raft)
	b = appendString(b, h.Build)
	b = appendInt32(b, h.Feature)
	return appendUvarint(b, h.Instance)
}

func decodeHello(r *reader) *Hello {
	h := &Hello{
		Node: r.int32(), Directory: r.string(maxHelloString), Cluster: r.string(maxHelloString),
		State: State(r.byte()),
	}
	count := r.uvarint()
	if count > maxFounders || h.State < Fresh || h.State > Member {
		r.fail()
		return h
	}
	for range count {
		h.Founders = append(h.Founders, Founder{Node: r.int32(), Directory: r.string(maxHelloString)})
	}
	h.Raft, h.Build = r.string(maxHelloString), r.string(maxHelloString)
	h.Feature, h.Instance = r.int32(), r.uvarint()
	return h
}
