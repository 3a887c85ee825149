package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/raftactor/link/server"
	"github.com/chronik-go/chronik/storage/wal"
)

func TestMain(m *testing.M) { kittest.VerifyMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// delivery is what a server was given of raft's messages.
type delivery struct {
	from     int32
	group    wal.GroupID
	messages []*raftpb.Message
}

// node is one node with a server, and with links to others once it is told of them.
type node struct {
	t       testing.TB
	id      int32
	system  *kit.System
	self    *link.Self
	peers   *link.Peers
	server  kit.Address
	address string
	config  server.Config

	events   *kittest.Probe // of server and links
	service  *kittest.Probe // link.ServiceMetadata
	returned *kittest.Probe

	mu        sync.Mutex
	delivered func(delivery)
}

func hello(id int32) link.Hello {
	return link.Hello{
		Node: id, Directory: fmt.Sprintf("directory-%d", id), State: link.Fresh, Build: "test", Feature: link.Feature,
		Instance: uint64(id) + 100,
	}
}

func newNode(t testing.TB, id int32, change ...func(*server.Config, *link.Options)) *node {
	t.Helper()
	n := &node{t: t, id: id, system: kit.NewSystem(kit.SystemConfig{Logger: zerolog.Nop()})}
	t.Cleanup(n.system.Shutdown)
	n.self = link.NewSelf(hello(id))
	n.events = kittest.NewProbe(n.system, "events")
	n.service = kittest.NewProbe(n.system, "service")
	n.returned = kittest.NewProbe(n.system, "returned")
	n.delivered = func(delivery) {}
	n.config = server.Config{
		Address: "127.0.0.1:0", Self: n.self, Events: n.events.Address, Log: zerolog.Nop(),
		Services: map[link.Service]kit.Address{link.ServiceMetadata: n.service.Address},
		Deliver:  n.deliver,
	}
	options := link.Options{Silence: patience} // a busy machine is no frozen peer
	for _, f := range change {
		f(&n.config, &options)
	}
	n.peers = link.NewPeers(n.self, options)
	n.serve()
	return n
}

// serve starts the server, at the address it had before if it had one.
func (n *node) serve() {
	n.t.Helper()
	bound := n.bind()
	for until := time.Now().Add(patience); bound.Err != nil; bound = n.bind() {
		// A connection of anybody's may have the port for its own end, for a moment.
		if !errors.Is(bound.Err, syscall.EADDRINUSE) || time.Now().After(until) {
			n.t.Fatal(bound.Err)
		}
		n.stop(n.server)
	}
	n.address = bound.Addr.String()
	n.config.Address = n.address
}

func (n *node) bind() server.Bound {
	n.t.Helper()
	n.server = n.system.Spawn(server.Name, server.Spec(n.config))
	return kittest.Expect[server.Bound](n.t, n.events, patience)
}

func (n *node) deliver(from int32, group wal.GroupID, messages []*raftpb.Message) {
	n.mu.Lock()
	f := n.delivered
	n.mu.Unlock()
	f(delivery{from, group, messages})
}

// onDeliver replaces what is done with messages of raft.
func (n *node) onDeliver(f func(delivery)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delivered = f
}

// stop stops an actor and waits until it is gone.
func (n *node) stop(a kit.Address) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.system.StopAndWait(ctx, a); err != nil {
		n.t.Fatal(err)
	}
}

// dial starts a link to a node at an address.
func (n *node) dial(id int32, address string) kit.Address {
	return n.system.Spawn(link.Name(id), link.Spec(link.Config{
		Node: id, Address: address, Peers: n.peers, Events: n.events.Address, Log: zerolog.Nop(),
	}))
}

// until returns the next event of a type and drops the others that come before.
func until[T any](t testing.TB, p *kittest.Probe) T {
	t.Helper()
	for {
		if m, ok := kittest.Expect[any](t, p, patience).(T); ok {
			return m
		}
	}
}

// pair returns two nodes, the first linked to the second.
func pair(t testing.TB, change ...func(*server.Config, *link.Options)) (a, b *node, l kit.Address) {
	t.Helper()
	a, b = newNode(t, 1, change...), newNode(t, 2, change...)
	l = a.dial(2, b.address)
	until[link.Up](t, a.events)
	return a, b, l
}

// cable is a proxy that can be cut and frozen.
type cable struct {
	listener net.Listener
	to       string

	mu     sync.Mutex
	frozen chan struct{} // closed when it is thawed; nil: it flows
	conns  []net.Conn
}

func newCable(t testing.TB, to string) *cable {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{listener: l, to: to}
	go c.accept()
	t.Cleanup(func() { _ = l.Close(); c.thaw(); c.cut() })
	return c
}

func (c *cable) address() string { return c.listener.Addr().String() }

func (c *cable) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		c.mu.Lock()
		c.conns = append(c.conns, near, far)
		c.mu.Unlock()
		go c.copy(near, far)
		go c.copy(far, near)
	}
}

func (c *cable) copy(to, from net.Conn) {
	defer to.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		c.mu.Lock()
		frozen := c.frozen
		c.mu.Unlock()
		if frozen != nil {
			<-frozen
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

func (c *cable) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = make(chan struct{})
}

func (c *cable) thaw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen != nil {
		close(c.frozen)
		c.frozen = nil
	}
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

// appendTo returns an append with entries of these sizes.
func appendTo(index uint64, sizes ...int) *raftpb.Message {
	kind, to, from, term, logTerm := raftpb.MsgApp, uint64(2), uint64(1), uint64(3), uint64(3)
	before := index - 1
	m := &raftpb.Message{Type: &kind, To: &to, From: &from, Term: &term, LogTerm: &logTerm, Index: &before}
	for i, size := range sizes {
		at, entry := index+uint64(i), raftpb.EntryNormal
		m.Entries = append(m.Entries, &raftpb.Entry{
			Type: &entry, Term: &term, Index: &at, Data: make([]byte, size),
		})
	}
	return m
}

func heartbeat(commit uint64) *raftpb.Message {
	kind, to, from, term := raftpb.MsgHeartbeat, uint64(2), uint64(1), uint64(3)
	return &raftpb.Message{Type: &kind, To: &to, From: &from, Term: &term, Commit: &commit}
}

// pieces is a source of so many pieces of a size.
type pieces struct {
	left, size int
	fail       error
	closed     chan struct{}
}

func (p *pieces) Next() ([]byte, error) {
	if p.left == 0 {
		if p.fail != nil {
			return nil, p.fail
		}
		return nil, io.EOF
	}
	p.left--
	b := make([]byte, p.size)
	b[0] = byte(p.left)
	return b, nil
}

func (p *pieces) Close() { close(p.closed) }

var errBroken = errors.New("segment 12 is damaged")
