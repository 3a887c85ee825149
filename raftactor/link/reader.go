package link

import (
	"errors"
	"fmt"
	"io"
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
		now := time.Since(r.session.born)
		r.session.heard.Store(int64(now))
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
		r.measure(now - time.Duration(item.Number))
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

// measure smooths the round trips as TCP does.
func (r *reader) measure(sample time.Duration) {
	old := time.Duration(r.peer.rtt.Load())
	if old == 0 {
		old = sample
	}
	r.peer.rtt.Store(int64(max(1, old+(sample-old)/8)))
}
