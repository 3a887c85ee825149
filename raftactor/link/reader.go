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
// itself: time has passed for it, but it has not read. It costs no turn of anybody while the peer answers.
type watch struct {
	session *session
	limit   time.Duration
	timer   *time.Timer  // nil: somebody else looks
	last    atomic.Int64 // when something arrived last, in nanoseconds since the session was born
	warned  atomic.Bool  // the timer has gone off since then
}

// grace is the last part of the limit.
func (w *watch) grace() time.Duration { return w.limit * 2 / 5 }

func newWatch(s *session, limit time.Duration) *watch {
	w := &watch{session: s, limit: limit}
	w.timer = time.AfterFunc(time.Hour, w.check) // set before check can read it
	w.timer.Reset(limit - w.grace())
	return w
}

func (w *watch) heard(now time.Duration) {
	w.last.Store(int64(now))
	if w.timer == nil {
		return
	}
	w.warned.Store(false)
	w.timer.Reset(w.limit - w.grace())
}

func (w *watch) stop() { w.timer.Stop() }

// quiet returns for how long nothing has come.
func (w *watch) quiet() time.Duration { return w.session.age() - time.Duration(w.last.Load()) }

func (w *watch) check() {
	quiet := w.quiet()
	switch {
	case !w.warned.Swap(true):
		w.timer.Reset(max(w.grace(), w.limit-quiet))
	case quiet < w.limit:
		w.timer.Reset(w.limit - quiet)
	default:
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
