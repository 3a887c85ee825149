package memnet

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// Network is a set of addresses. Nothing is shared between networks. Any goroutine may use it.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*listener
	lastPort  int
}

// New returns a network where nobody listens.
func New() *Network { return &Network{listeners: make(map[string]*listener), lastPort: firstPort} }

// firstPort is where the search for a free port begins.
const firstPort = 40_000

// backlog is how many connections wait to be accepted; one more waits to be dialled.
const backlog = 128

// address is the HOST:PORT of one end.
type address string

// Network implements net.Addr.
func (address) Network() string { return "memory" }

// String implements net.Addr.
func (a address) String() string { return string(a) }

// Listen takes an address, or fails with EADDRINUSE. The network's name does not matter.
func (n *Network) Listen(_ context.Context, _, at string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "memory", Addr: address(at), Err: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if port == "0" {
		at = n.free(host)
	}
	if n.listeners[at] != nil {
		return nil, &net.OpError{Op: "listen", Net: "memory", Addr: address(at), Err: syscall.EADDRINUSE}
	}
	l := &listener{
		network: n, at: address(at), waiting: make(chan net.Conn, backlog), closed: make(chan struct{}),
	}
	n.listeners[at] = l
	return l, nil
}

// free returns an address of the host that nobody has.
func (n *Network) free(host string) string {
	for {
		n.lastPort++
		at := net.JoinHostPort(host, strconv.Itoa(n.lastPort))
		if n.listeners[at] == nil {
			return at
		}
	}
}

// DialContext connects to who listens at an address, or fails with ECONNREFUSED. It has the form that
// kgo.Dialer and net.Dialer have.
func (n *Network) DialContext(ctx context.Context, _, at string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[at]
	n.lastPort++
	from := address(net.JoinHostPort("memory", strconv.Itoa(n.lastPort)))
	n.mu.Unlock()
	refused := &net.OpError{Op: "dial", Net: "memory", Addr: address(at), Err: syscall.ECONNREFUSED}
	if l == nil {
		return nil, refused
	}
	ours, theirs := pipe(from, l.at)
	select {
	case <-l.closed:
	case l.waiting <- theirs:
		if l.orphaned() {
			break
		}
		return ours, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("dial %s: %w", at, ctx.Err())
	}
	_ = ours.Close() // nobody has seen it
	return nil, refused
}

// listener hands out connections that were dialled.
type listener struct {
	network *Network
	at      address
	waiting chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case conn := <-l.waiting:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.at }

// Close frees the address and closes the connections that nobody has accepted.
func (l *listener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		delete(l.network.listeners, string(l.at))
		l.network.mu.Unlock()
		close(l.closed)
		l.orphaned()
	})
	return nil
}

// orphaned closes what waits at a closed listener. Close calls it and so does everybody who has left a
// connection there, so that one that came too late is not forgotten.
func (l *listener) orphaned() bool {
	select {
	case <-l.closed:
	default:
		return false
	}
	for {
		select {
		case conn := <-l.waiting:
			_ = conn.Close() // nobody holds it
		default:
			return true
		}
	}
}
