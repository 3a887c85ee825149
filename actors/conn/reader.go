package conn

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
	"unsafe"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
)

// Sizes of the reader's steps.
const (
	// headSize is what an idle connection keeps: enough for most requests that carry no records, which
	// then take one read.
	headSize = 512
	// firstStep is what a client gets for a request of any size before it has sent a byte of it. Ten thousand
	// clients that announce requests and send nothing hold 40 MiB of the budget by that.
	firstStep = 4 << 10
	// maxTrust is what a client gets at once after it has sent as much before.
	maxTrust = 16 << 20
	// growth is by how much the buffer of a large request grows whenever it is full.
	growth = 4
)

// reader is the goroutine that reads the requests of one connection. It takes from the broker's byte budget
// before it takes memory, and waits there: the client is held back by TCP, nobody else is.
//
// A client that announces a hundred megabytes and then dawdles must not keep a hundred megabytes of the
// budget. So a large request gets its memory in steps, the next one when the last is full: what a client
// holds is at most four times what it has sent. A client that has proved to send requests of some size gets
// that much at once, up to maxTrust, so that producers at work pay no copying. A step that does not
// fill up within MaxStall closes the connection.
type reader struct {
	socket   net.Conn
	to       kit.Address
	memory   memory
	credits  chan struct{}   // filled by one per request in flight
	stop     context.Context // done when the connection closes
	settings *Settings
	metrics  *Metrics

	head      [headSize]byte
	from, end int // head[from:end] has arrived and was not used
	trust     int // largest request so far, up to maxTrust
	deadline  time.Time
}

// run reads until the connection ends and says why.
func (r *reader) run() {
	defer func() {
		if reason := recover(); reason != nil {
			r.to.Tell(readEnded{err: fmt.Errorf("%w: %v", errReader, reason)})
		}
	}()
	r.to.Tell(readEnded{err: r.read()})
}

func (r *reader) read() error {
	for {
		select {
		case r.credits <- struct{}{}:
		case <-r.stop.Done():
			return net.ErrClosed
		}
		frame, held, err := r.frame()
		if err != nil {
			<-r.credits
			return err
		}
		r.metrics.bytesIn.Add(float64(4 + len(frame)))
		r.to.Tell(received{frame: frame, cost: held})
	}
}

// frame reads the next request. The frame and what it holds of the budget belong to the caller.
func (r *reader) frame() ([]byte, *cost, error) {
	if err := r.awaitPrefix(); err != nil {
		return nil, nil, err
	}
	prefix := [4]byte(r.head[r.from:])
	size, err := protocol.FrameSize(prefix, r.settings.MaxRequestBytes)
	if err != nil {
		return nil, nil, &strangerError{prefix: prefix, cause: err}
	}
	r.from += len(prefix)
	return r.body(size)
}

// awaitPrefix reads until the size of a request has arrived. Between requests there is time; a connection
// with requests in flight is not idle however long they take.
func (r *reader) awaitPrefix() error {
	for r.end-r.from < 4 {
		if r.from > 0 {
			r.end = copy(r.head[:], r.head[r.from:r.end])
			r.from = 0
		}
		if err := r.allow(r.settings.MaxIdle, r.settings.MaxIdle/8); err != nil {
			return err
		}
		n, err := r.socket.Read(r.head[r.end:])
		r.end += n
		if errors.Is(err, os.ErrDeadlineExceeded) && r.end == 0 && len(r.credits) > 1 {
			continue
		}
		if err != nil && r.end-r.from < 4 {
			return err
		}
	}
	return nil
}

// body reads a request of known size.
func (r *reader) body(size int) ([]byte, *cost, error) {
	held, err := r.memory.begin(min(size, max(firstStep, r.trust), int(r.memory.broker.Total())))
	if err != nil {
		return nil, nil, err
	}
	frame, err := r.fillFrame(held, size)
	if err != nil {
		held.release()
		return nil, nil, err
	}
	r.trust = min(max(r.trust, size), maxTrust)
	return frame, held, nil
}

// fillFrame reads into memory that grows with what has arrived.
func (r *reader) fillFrame(held *cost, size int) ([]byte, error) {
	frame := unzeroed(int(held.own))
	got := copy(frame, r.head[r.from:r.end])
	r.from += got
	for {
		if err := r.fill(frame[got:]); err != nil {
			return nil, err
		}
		got = len(frame)
		if got == size {
			return frame, nil
		}
		next := min(size, growth*got)
		if err := held.grow(next - got); err != nil {
			return nil, err
		}
		larger := unzeroed(next)
		copy(larger, frame)
		frame = larger
	}
}

// unzeroed returns n bytes, one at least, that hold anything. A frame is filled or dropped, so to clear it
// first is for nothing, and costs a fifth of the way through the socket. The builder of strings is what the
// standard library has for memory that nobody clears.
func unzeroed(n int) []byte {
	var b strings.Builder
	b.Grow(n)
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), n)
}

// fill reads all of buf.
func (r *reader) fill(buf []byte) error {
	if len(buf) == 0 {
		return nil
	}
	if err := r.allow(r.settings.MaxStall, 0); err != nil {
		return err
	}
	for got := 0; got < len(buf); {
		n, err := r.socket.Read(buf[got:])
		got += n
		if err != nil && got < len(buf) {
			return err
		}
	}
	return nil
}

// allow sets the read deadline, unless the present one is within slack of the wanted: a timer is not moved
// for every request of a busy connection.
func (r *reader) allow(patience, slack time.Duration) error {
	wanted := time.Now().Add(patience)
	if slack > 0 && !r.deadline.After(wanted) && wanted.Sub(r.deadline) < slack {
		return nil
	}
	r.deadline = wanted
	return r.socket.SetReadDeadline(wanted)
}

// beside lets f wait for one thing while the reader waits for another and then for f.
func beside(f func() bool) <-chan bool {
	done := make(chan bool, 1)
	go func() { done <- f() }()
	return done
}

// errReader says that the reader's goroutine panicked.
var errReader = errors.New("reader failed")

// strangerError says that the peer does not speak Kafka, or speaks of impossible sizes.
type strangerError struct {
	prefix [4]byte
	cause  error
}

// Error implements error. What usually knocks on a wrong port is named, as that is what an operator wants
// to know.
func (e *strangerError) Error() string {
	guess := ""
	switch {
	case e.prefix[0] == 0x16 && e.prefix[1] == 0x03:
		guess = " (looks like TLS on a plaintext listener)"
	case isText(e.prefix):
		guess = fmt.Sprintf(" (looks like %q of another protocol)", e.prefix[:])
	}
	return e.cause.Error() + guess
}

// Unwrap returns what is wrong with the size.
func (e *strangerError) Unwrap() error { return e.cause }

// isText tells whether the prefix is the beginning of a text protocol, like "GET ".
func isText(prefix [4]byte) bool {
	for _, b := range prefix {
		if b < ' ' || b > '~' {
			return false
		}
	}
	return binary.BigEndian.Uint32(prefix[:]) != 0
}
