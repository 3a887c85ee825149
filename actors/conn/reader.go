package conn

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
)

// Sizes of the reader's steps.
const (
	// headSize is what an idle connection keeps: enough for most requests that carry no records, which
	// then take one read.
	headSize = 512
	// firstStep is what a client gets for a request of any size before it has sent a byte of it.
	firstStep = 64 << 10
	// maxTrust is what a client gets at once after it has sent as much before.
	maxTrust = 4 << 20
	// growth is by how much the buffer of a large request grows whenever it is full.
	growth = 4
	// minRate is the slowest sender that is borne with, in bytes per second, on top of MaxStall.
	minRate = 128 << 10
)

// reader is the goroutine that reads the requests of one connection. It takes from the broker's byte budget
// before it takes memory, and waits there: the client is held back by TCP, nobody else is.
//
// A client that announces a hundred megabytes and then dawdles must not keep a hundred megabytes of the
// budget. So a large request gets its memory in steps, the next one when the last is full: what a client
// holds is at most four times what it has sent. A client that has proved to send requests of some size gets
// that much at once, up to maxTrust, so that producers at work pay no copying. A step that does not
// fill up in time closes the connection.
//
// Two half-read requests may wait for memory that the other holds. Waiting with memory in hand is
// therefore bounded by MaxBudgetWait; waiting with empty hands is not.
type reader struct {
	socket   net.Conn
	to       kit.Address
	budget   *kit.Budget     // of the broker
	share    *kit.Budget     // of this connection
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
		frame, err := r.frame()
		if err != nil {
			<-r.credits
			return err
		}
		r.metrics.bytesIn.Add(float64(4 + len(frame)))
		r.to.Tell(received{frame: frame, cost: r.cost(len(frame))})
	}
}

// frame reads the next request. Its size has been taken from the budget, and belongs to the caller.
func (r *reader) frame() ([]byte, error) {
	if err := r.awaitPrefix(); err != nil {
		return nil, err
	}
	prefix := [4]byte(r.head[r.from:])
	size, err := protocol.FrameSize(prefix, r.settings.MaxRequestBytes)
	if err != nil {
		return nil, &strangerError{prefix: prefix, cause: err}
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
func (r *reader) body(size int) ([]byte, error) {
	step := min(size, max(firstStep, r.trust))
	if err := r.acquire(r.stop, step); err != nil {
		return nil, err
	}
	frame := make([]byte, step)
	got := copy(frame, r.head[r.from:r.end])
	r.from += got
	for {
		if err := r.fill(frame[got:]); err != nil {
			r.cost(len(frame)).release()
			return nil, err
		}
		if len(frame) == size {
			r.trust = min(max(r.trust, size), maxTrust)
			return frame, nil
		}
		got = len(frame)
		grown := min(size, growth*len(frame))
		if err := r.acquireMore(grown - len(frame)); err != nil {
			r.cost(len(frame)).release()
			return nil, err
		}
		frame = append(make([]byte, 0, grown), frame...)[:grown]
	}
}

// fill reads all of buf.
func (r *reader) fill(buf []byte) error {
	if len(buf) == 0 {
		return nil
	}
	patience := r.settings.MaxStall + time.Duration(len(buf))*time.Second/minRate
	if err := r.allow(patience, 0); err != nil {
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

func (r *reader) cost(n int) *cost { return &cost{broker: r.budget, own: r.share, bytes: int64(n)} }

// acquire takes n bytes of the connection's share and of the broker's budget.
func (r *reader) acquire(until context.Context, n int) error {
	bytes := int64(n)
	if r.share.TryAcquire(bytes) {
		if r.budget.TryAcquire(bytes) {
			return nil
		}
		r.share.Release(bytes)
	}
	r.metrics.budgetWaits.Inc()
	begun := time.Now()
	defer func() { r.metrics.budgetWaitSeconds.Add(time.Since(begun).Seconds()) }()
	if err := r.share.Acquire(until, bytes); err != nil {
		return err
	}
	if err := r.budget.Acquire(until, bytes); err != nil {
		r.share.Release(bytes)
		return err
	}
	return nil
}

// acquireMore takes n more bytes for a request that holds some already.
func (r *reader) acquireMore(n int) error {
	until, cancel := context.WithTimeout(r.stop, r.settings.MaxBudgetWait)
	defer cancel()
	if err := r.acquire(until, n); err != nil {
		return fmt.Errorf("%w: %w", errNoMemory, err)
	}
	return nil
}

var (
	errNoMemory = errors.New("no memory for the rest of a request")
	errReader   = errors.New("reader failed")
)

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
