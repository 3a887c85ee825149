package lab

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// aloneTime is for how long a client leaves a node alone that did not answer.
const aloneTime = 250 * time.Millisecond

// dialer opens the connections of one client. From a node that is frozen every connection is accepted, by its
// kernel, and nothing comes over it. As the Java client does (reconnect.backoff.ms), it is left alone for a
// while then, as if it refused. franz-go by itself tries a new connection at once for each request that it
// has for the node, one after the other, and waits for its answer time each time: a look for leaders that
// comes last is late by all of them.
type dialer struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu    sync.Mutex
	alone map[string]time.Time // by address: until when
}

func (d *dialer) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	wait := time.Until(d.alone[address])
	d.mu.Unlock()
	if wait > 0 {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	conn, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn, dialer: d, address: address}, nil
}

// connection knows whether anything has come over it.
type connection struct {
	net.Conn
	dialer  *dialer
	address string
	heard   atomic.Bool
}

func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.heard.Store(true)
	}
	return n, err
}

func (c *connection) Close() error {
	if !c.heard.Load() {
		c.dialer.mu.Lock()
		c.dialer.alone[c.address] = time.Now().Add(aloneTime)
		c.dialer.mu.Unlock()
	}
	return c.Conn.Close()
}
