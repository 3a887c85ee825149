package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// bufferBytes is how much a direction holds that was written and not read.
const bufferBytes = 64 << 10

// stream is one direction of a connection.
type stream struct {
	mu      sync.Mutex
	data    []byte
	ended   bool          // nothing more is written
	cut     bool          // nothing more is read
	changed chan struct{} // closed and replaced whenever anything above changes
}

func newStream() *stream { return &stream{changed: make(chan struct{})} }

// change wakes all who wait. The lock is held.
func (s *stream) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// take reads what there is. If it returns a channel, the caller has to wait for that and try again.
func (s *stream) take(to []byte) (n int, wait <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.cut:
		return 0, nil, net.ErrClosed
	case len(s.data) > 0:
		n = copy(to, s.data)
		left := copy(s.data, s.data[n:])
		if s.data = s.data[:left]; left == 0 {
			s.data = nil // an idle connection keeps no buffer
		}
		s.change()
		return n, nil, nil
	case s.ended:
		return 0, nil, io.EOF
	case len(to) == 0:
		return 0, nil, nil
	}
	return 0, s.changed, nil
}

// put writes as much as there is room for; the channel is as that of take.
func (s *stream) put(from []byte) (n int, wait <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended || s.cut:
		return 0, nil, io.ErrClosedPipe
	case len(from) == 0:
		return 0, nil, nil
	}
	if n = min(len(from), bufferBytes-len(s.data)); n == 0 {
		return 0, s.changed, nil
	}
	s.data = append(s.data, from[:n]...)
	s.change()
	return n, nil, nil
}

// end says that nothing more comes; what was written can be read.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.change()
}

// abandon says that nobody reads any more.
func (s *stream) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut, s.data = true, nil
	s.change()
}

// conn is one end of a connection.
type conn struct {
	in, out       *stream
	local, remote address
	reads, writes deadline
}

// pipe returns the two ends of a new connection.
func pipe(from, to address) (client, server net.Conn) {
	there, back := newStream(), newStream()
	one := &conn{in: back, out: there, local: from, remote: to}
	other := &conn{in: there, out: back, local: to, remote: from}
	one.reads.init()
	one.writes.init()
	other.reads.init()
	other.writes.init()
	return one, other
}

// Read implements net.Conn.
func (c *conn) Read(to []byte) (int, error) {
	for {
		over := c.reads.over()
		select {
		case <-over:
			return 0, os.ErrDeadlineExceeded
		default:
		}
		n, wait, err := c.in.take(to)
		if wait == nil {
			return n, err
		}
		select {
		case <-wait:
		case <-over:
		}
	}
}

// Write implements net.Conn.
func (c *conn) Write(from []byte) (written int, err error) {
	for {
		over := c.writes.over()
		select {
		case <-over:
			return written, os.ErrDeadlineExceeded
		default:
		}
		n, wait, err := c.out.put(from[written:])
		written += n
		if err != nil || written == len(from) {
			return written, err
		}
		if wait == nil {
			continue
		}
		select {
		case <-wait:
		case <-over:
		}
	}
}

// CloseWrite ends this side's direction, as net.TCPConn has it.
func (c *conn) CloseWrite() error {
	c.out.end()
	return nil
}

// Close implements net.Conn. What was written can still be read at the other end.
func (c *conn) Close() error {
	c.out.end()
	c.in.abandon()
	c.reads.stop()
	c.writes.stop()
	return nil
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(at time.Time) error {
	c.reads.set(at)
	c.writes.set(at)
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(at time.Time) error {
	c.reads.set(at)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(at time.Time) error {
	c.writes.set(at)
	return nil
}

// deadline is a channel that is closed when the time has come. Moving it keeps a channel that is open, so
// whoever waits for it waits for the new time.
type deadline struct {
	mu     sync.Mutex
	timer  *time.Timer
	number uint64 // of the setting
	passed chan struct{}
	closed bool
}

func (d *deadline) init() { d.passed = make(chan struct{}) }

func (d *deadline) over() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.passed
}

func (d *deadline) set(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.closed {
		d.passed, d.closed = make(chan struct{}), false
	}
	left := time.Until(at)
	d.number++
	switch number := d.number; {
	case at.IsZero():
	case left <= 0:
		close(d.passed)
		d.closed = true
	default:
		d.timer = time.AfterFunc(left, func() { d.pass(number) })
	}
}

// pass closes the channel unless the deadline has been moved while the timer was going off.
func (d *deadline) pass(number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.number == number && !d.closed {
		close(d.passed)
		d.closed = true
	}
}

func (d *deadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
