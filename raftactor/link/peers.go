package link

import (
	"cmp"
	"context"
	"crypto/tls"
	"maps"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/wal"
)

// Options say how a node speaks to its peers.
type Options struct {
	Queue   int64                 // bytes that may wait for one peer; 0 for DefaultQueue
	Silence time.Duration         // without anything from a peer it counts as down; 0 for DefaultSilence
	TLS     *tls.Config           // nil: no TLS; see LoadTLS
	Metrics prometheus.Registerer // nil: no metrics
	// Dial connects to a peer; nil: TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Transport connects nodes in the place of gRPC; nil: there is none.
	Transport Transport
}

// Defaults of Options.
const (
	DefaultQueue   = 64 << 20
	DefaultSilence = 500 * time.Millisecond
)

// Peers knows all links of this node. Any goroutine may use it; the links keep it up to date.
type Peers struct {
	self    *Self
	options Options
	table   atomic.Pointer[map[int32]*peer] // replaced, never changed
	pulse   pulse
	dials   atomic.Uint64 // attempts of all links, so that peers know which is later
}

// NewPeers returns a table without links.
func NewPeers(self *Self, options Options) *Peers {
	if options.Queue <= 0 {
		options.Queue = DefaultQueue
	}
	if options.Silence <= 0 {
		options.Silence = DefaultSilence
	}
	p := &Peers{self: self, options: options}
	p.table.Store(&map[int32]*peer{})
	if options.Metrics != nil {
		options.Metrics.MustRegister(collector{p})
	}
	return p
}

// Self returns the holder of this node's hello.
func (p *Peers) Self() *Self { return p.self }

// Send sends messages of a group to the node, after those that were sent before by the same goroutine:
// appends among themselves, and all others among themselves. It never waits. It returns false if at least one
// message was dropped because the link is down or has too much waiting. What is sent may still be lost. The
// messages and their entries are read until they are sent, and must not change any more.
func (p *Peers) Send(node int32, group wal.GroupID, messages []*raftpb.Message) bool {
	one := p.peer(node)
	return one != nil && one.send(group, messages)
}

// Alive returns whether the link to the node is up. The node itself is alive.
func (p *Peers) Alive(node int32) bool {
	if node == p.self.Hello().Node {
		return true
	}
	one := p.peer(node)
	return one != nil && one.session.Load() != nil
}

// Closed returns when the connection to the node ended that was the last one, if the link is down and if it
// ended as it does when a process ends. It is zero if the link is up, never was, or is down because nothing
// came any more.
func (p *Peers) Closed(node int32) time.Time {
	if one := p.peer(node); one != nil {
		if at := one.closed.Load(); at != 0 {
			return time.Unix(0, at)
		}
	}
	return time.Time{}
}

// Hello returns what the node said when its link came up, or false if the link is down.
func (p *Peers) Hello(node int32) (Hello, bool) {
	if one := p.peer(node); one != nil {
		if s := one.session.Load(); s != nil {
			return s.hello, true
		}
	}
	return Hello{}, false
}

// Link returns the address of the link to the node, the zero address if there is none.
func (p *Peers) Link(node int32) kit.Address {
	if one := p.peer(node); one != nil {
		return one.link
	}
	return kit.Address{}
}

// Nodes returns the nodes to which there are links, up or not, in ascending order.
func (p *Peers) Nodes() []int32 { return slices.Sorted(maps.Keys(*p.table.Load())) }

// Status is the state of one link.
type Status struct {
	Node                     int32
	Phase                    Phase
	Address                  string
	RTT                      time.Duration // of pings, smoothed; 0 before the first
	QueueBytes               int64
	Drops                    uint64 // messages of raft and notices that were not sent
	Connects                 uint64 // how often the link came up
	BytesSent, BytesReceived uint64
	LastError                string // why it was down last, "" if it never was
}

// Phase says what a link does.
type Phase string

// Phases.
const (
	Waiting Phase = "waiting" // for its back-off, or for an address
	Dialing Phase = "dialing"
	Linked  Phase = "up"
)

// States returns the state of all links, in ascending order of nodes.
func (p *Peers) States() []Status {
	table := *p.table.Load()
	states := make([]Status, 0, len(table))
	for _, one := range table {
		states = append(states, one.status())
	}
	slices.SortFunc(states, func(a, b Status) int { return cmp.Compare(a.Node, b.Node) })
	return states
}

func (p *Peers) peer(node int32) *peer { return (*p.table.Load())[node] }

// add makes the peer of a link that starts. A link that was built anew gets a new one.
func (p *Peers) add(node int32, link kit.Address) *peer {
	one := &peer{node: node, link: link}
	one.phase.Store(Waiting)
	p.change(func(table map[int32]*peer) { table[node] = one })
	return one
}

// remove forgets the peer of a link that stops.
func (p *Peers) remove(one *peer) {
	p.change(func(table map[int32]*peer) {
		if table[one.node] == one {
			delete(table, one.node)
		}
	})
}

func (p *Peers) change(change func(map[int32]*peer)) {
	for {
		old := p.table.Load()
		table := maps.Clone(*old)
		change(table)
		if p.table.CompareAndSwap(old, &table) {
			return
		}
	}
}

// peer is what others see of a link.
type peer struct {
	node    int32
	link    kit.Address
	session atomic.Pointer[session] // nil while the link is down

	phase     atomic.Value // Phase
	address   atomic.Value // string
	lastError atomic.Value // string
	rtt       atomic.Int64 // nanoseconds
	closed    atomic.Int64 // what Closed returns, in nanoseconds since 1970; 0: zero

	owed  atomic.Uint64 // number of the newest ping of the peer that has no pong yet; 0: none
	pings atomic.Uint64 // of the peer

	drops, connects, bytesSent, bytesReceived atomic.Uint64
}

func isAppend(m *raftpb.Message) bool { return m.GetType() == raftpb.MsgApp }

func isNoAppend(m *raftpb.Message) bool { return m.GetType() != raftpb.MsgApp }

func (p *peer) send(group wal.GroupID, messages []*raftpb.Message) bool {
	s := p.session.Load()
	if s == nil {
		p.drops.Add(uint64(len(messages)))
		return false
	}
	appends := 0
	for _, m := range messages {
		if isAppend(m) {
			appends++
		}
	}
	dropped := 0
	if appends > 0 {
		dropped += s.bulk.AddRaft(group, messages, isAppend)
	}
	if appends < len(messages) {
		dropped += s.control.AddRaft(group, messages, isNoAppend)
	}
	p.drops.Add(uint64(dropped))
	return dropped == 0
}

func (p *peer) status() Status {
	s := Status{
		Node: p.node, RTT: time.Duration(p.rtt.Load()), Drops: p.drops.Load(), Connects: p.connects.Load(),
		BytesSent: p.bytesSent.Load(), BytesReceived: p.bytesReceived.Load(),
	}
	s.Phase, _ = p.phase.Load().(Phase)
	s.Address, _ = p.address.Load().(string)
	s.LastError, _ = p.lastError.Load().(string)
	if session := p.session.Load(); session != nil {
		s.QueueBytes = session.control.Bytes() + session.bulk.Bytes()
	}
	return s
}
