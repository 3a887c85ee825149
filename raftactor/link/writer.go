package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"google.golang.org/grpc"

	"github.com/chronik-go/chronik/raftactor/link/wire"
)

// write sends what comes into an outbox until the session ends. If it fails it ends the session. A stream
// says only that it has ended when it is sent to; receive is asked for the reason, if nobody else reads.
func (d *dialer) write(
	ctx context.Context, s *session, outbox *wire.Outbox, beat wire.Beat, stream grpc.ClientStream,
	receive func(any) error,
) {
	defer func() {
		if reason := recover(); reason != nil {
			s.cancel(fmt.Errorf("writer failed: %v\n%s", reason, debug.Stack()))
		}
	}()
	err := outbox.Send(ctx, stream, beat, func(bytes int) { d.peer.bytesSent.Add(uint64(bytes)) })
	switch {
	case !errors.Is(err, io.EOF):
		s.cancel(plain(err))
	case receive != nil:
		s.cancel(plain(receive(new(wire.Frame))))
	}
}
