package link

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/link/wire"
	"github.com/chronik-go/chronik/storage/wal"
)

// CatchUp asks the node for what a replica of the group lacks that has have, on a connection of its own. It
// waits for the first piece, and the source's Next waits for each further one, until ctx ends or the link to
// the node goes down. Errors: ErrDown, ErrBusy (too many are served there: later), RemoteError, or what
// happened to the connection. It is for goroutines at the rim.
func (p *Peers) CatchUp(ctx context.Context, node int32, group wal.GroupID, have []byte) (
	applier.Source, error,
) {
	one := p.peer(node)
	if one == nil {
		return nil, ErrDown
	}
	s := one.session.Load()
	if s == nil {
		return nil, ErrDown
	}
	address, _ := one.address.Load().(string)
	conn, err := connect(address, &p.options)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	r := &remote{ctx: ctx, cancel: cancel, conn: conn}
	go r.follow(s)
	if err := r.open(p.self.Hello(), group, have); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// remote is a source on another node.
type remote struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	conn   *connection
	stream grpc.ClientStream
	frame  wire.Frame
	first  bool // frame holds the first piece
	ended  error
}

// open asks, and waits for the first piece: so a refusal is known before anything is thrown away for it.
func (r *remote) open(hello Hello, group wal.GroupID, have []byte) error {
	stream, err := r.conn.NewStream(r.ctx, &wire.CatchUpStream, wire.CatchUpMethod)
	if err != nil {
		return r.explain(err)
	}
	r.stream = stream
	request := wire.Frame{Items: []wire.Item{{Kind: wire.Request, Hello: &hello, Group: group, Body: have}}}
	if err := stream.SendMsg(&request); err != nil && !errors.Is(err, io.EOF) {
		return r.explain(err)
	}
	_ = stream.CloseSend() // like the EOF of SendMsg it says only that receiving tells why
	err = r.receive()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	r.first, r.ended = err == nil, err
	return nil
}

// Next implements applier.Source.
func (r *remote) Next() ([]byte, error) {
	if r.ended != nil {
		return nil, r.ended
	}
	if !r.first {
		if r.ended = r.receive(); r.ended != nil {
			return nil, r.ended
		}
	}
	r.first = false
	return r.frame.Items[0].Body, nil
}

func (r *remote) receive() error {
	if err := r.stream.RecvMsg(&r.frame); err != nil {
		return r.explain(err)
	}
	switch items := r.frame.Items; {
	case len(items) == 1 && items[0].Kind == wire.Piece:
		return nil
	case len(items) == 1 && items[0].Kind == wire.Refuse:
		return RemoteError{Text: items[0].Text}
	default:
		return errors.New("peer has answered the request for data with something else")
	}
}

// explain finds the reason behind an error of the stream. The end of a stream that was not cut is io.EOF.
func (r *remote) explain(err error) error {
	switch cause := context.Cause(r.ctx); {
	case errors.Is(err, io.EOF):
		return io.EOF
	case cause != nil:
		return cause
	case status.Code(err) == codes.ResourceExhausted:
		return fmt.Errorf("%w: %w", ErrBusy, plain(err))
	}
	return plain(err)
}

// Close implements applier.Source.
func (r *remote) Close() {
	r.cancel(context.Canceled)
	_ = r.conn.Close() // it fails only if it is closed already
}
