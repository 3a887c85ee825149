package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/chronik-go/chronik/raftactor/link/wire"
)

// write sends what comes into an outbox until the session ends. If it fails it ends the session. A stream
// says only that it has ended when it is sent to; receive is asked for the reason, if nobody else reads.
func (d *dialer) write(
	ctx context.Context, s *session, outbox *wire.Outbox, stream wire.Sender, receive func(any) error,
) {
	defer func() {
		if reason := recover(); reason != nil {
			s.cancel(fmt.Errorf("writer failed: %v\n%s", reason, debug.Stack()))
		}
	}()
	err := outbox.Send(ctx, stream, func(bytes int) { d.peer.bytesSent.Add(uint64(bytes)) })
	switch {
	case !errors.Is(err, io.EOF):
		s.cancel(plain(err))
	case receive != nil:
		s.cancel(plain(receive(new(wire.Frame))))
	}
}
