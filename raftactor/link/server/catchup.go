package server

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/link/wire"
)

// What may be sent at once after a pause: a tenth of a second's worth, but a whole piece in any case.
const (
	burstsPerSecond = 10
	minBurst        = 1 << 20
)

// CatchUp implements wire.Server: it sends a source from its beginning to its end.
func (h *handler) CatchUp(stream grpc.ServerStream) error {
	var request wire.Frame
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	if len(request.Items) != 1 || request.Items[0].Kind != wire.Request {
		return errNoHello
	}
	item := &request.Items[0]
	if err := h.check(item.Hello); err != nil {
		h.refuse(item.Hello.Node, err)
		return decline(stream, err)
	}
	if h.config.CatchUp == nil {
		return decline(stream, errors.New("there is nothing to be had here"))
	}
	select {
	case h.catchUps <- struct{}{}:
		defer func() { <-h.catchUps }()
	default:
		return status.Error(codes.ResourceExhausted, "as many replicas as may catch up at once do so already")
	}
	source, err := h.config.CatchUp(stream.Context(), item.Hello.Node, item.Group, item.Body)
	if err != nil {
		return decline(stream, err)
	}
	defer source.Close()
	return h.send(stream, source)
}

func (h *handler) send(stream grpc.ServerStream, source applier.Source) error {
	for {
		piece, err := source.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return decline(stream, err)
		}
		if err := h.throttle(stream.Context(), len(piece)); err != nil {
			return err
		}
		if err := stream.SendMsg(&wire.Frame{Items: []wire.Item{{Kind: wire.Piece, Body: piece}}}); err != nil {
			return err
		}
	}
}

// throttle waits until so many bytes may be sent.
func (h *handler) throttle(ctx context.Context, bytes int) error {
	for bytes > 0 {
		n := min(bytes, h.limiter.Burst())
		if err := h.limiter.WaitN(ctx, n); err != nil {
			return err
		}
		bytes -= n
	}
	return nil
}

// decline tells the asker why there is nothing, or nothing more, for it.
func decline(stream grpc.ServerStream, err error) error {
	return stream.SendMsg(&wire.Frame{Items: []wire.Item{{Kind: wire.Refuse, Text: err.Error()}}})
}
