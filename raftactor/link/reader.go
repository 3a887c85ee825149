package link

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/chronik-go/chronik/raftactor/link/wire"
)

var errClosed = errors.New("peer has closed the connection")

// run reads until the stream ends and returns why it did. It runs on the goroutine of the dialer.
func (r *reader) run(stream grpc.ClientStream) error {
	var frame wire.Frame
	for {
		switch err := stream.RecvMsg(&frame); {
		case errors.Is(err, io.EOF):
			return errClosed
		case err != nil:
			return plain(err)
		}
		now := r.session.age()
		r.session.watch.heard(now)
		r.peer.bytesReceived.Add(uint64(frame.Size))
		for i := range frame.Items {
			if err := r.handle(&frame.Items[i], now); err != nil {
				return err
			}
		}
		clear(frame.Items)
	}
}

func (r *reader) handle(item *wire.Item, now time.Duration) error {
	switch item.Kind {
	case wire.Pong:
		r.peer.measure(now - time.Duration(item.Number))
	case wire.Return:
		m := returned{attempt: r.session.attempt, number: item.Number, body: item.Body}
		if item.Failed {
			m.err = RemoteError{Text: item.Text}
		}
		r.to.Tell(m)
	case wire.Refuse:
		return refusal{fmt.Errorf("the peer says: %s", item.Text)}
	default:
		return fmt.Errorf("got an item of kind %d from the peer, which does not belong here", item.Kind)
	}
	return nil
}

// Heard takes a pong that came with a ping of the node. One of an earlier connection says nothing.
func (p *Peers) Heard(node int32, number uint64) {
	one := p.peer(node)
	if one == nil {
		return
	}
	s := one.session.Load()
	if s == nil {
		return
	}
	now := s.age()
	if sent := time.Duration(number); sent <= now && now-sent < p.options.Silence {
		s.watch.heard(now)
	}
}

// ping returns a ping with the time, which comes back.
func (s *session) ping() wire.Item {
	return wire.Item{Kind: wire.Ping, Number: uint64(s.age())}
}

// watch ends a session whose peer is silent: if nothing has come for the limit, and still nothing in the last
// part of that while this process was running. The second saves the links of a process that was frozen
// itself: time has passed for it, but it has not read.
type watch struct {
	session *session
	limit   time.Duration
	last    atomic.Int64 // when something arrived last, in nanoseconds since the session was born
	looks   atomic.Int64 // since then
}

func (w *watch) heard(now time.Duration) {
	w.last.Store(int64(now))
	w.looks.Store(0)
}

// quiet returns for how long nothing has come.
func (w *watch) quiet() time.Duration { return w.session.age() - time.Duration(w.last.Load()) }

// look is called in each beat of this process. What a peer sends comes a moment after a beat, so half a beat
// is let off: one that has been silent for the limit is found at its end and not a beat later.
func (w *watch) look() {
	looks, quiet := w.looks.Add(1), w.quiet()
	if quiet >= w.limit-pingEvery/2 && time.Duration(looks)*pingEvery > w.limit*2/5 {
		w.session.cancel(fmt.Errorf("%w for %v", errSilent, quiet.Round(time.Millisecond)))
	}
}

// measure smooths the round trips as TCP does.
func (p *peer) measure(sample time.Duration) {
	old := time.Duration(p.rtt.Load())
	if old == 0 {
		old = sample
	}
	p.rtt.Store(int64(max(1, old+(sample-old)/8)))
}
