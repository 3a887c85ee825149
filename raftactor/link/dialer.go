package link

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/link/wire"
)

// helloTimeout bounds the way from nothing to an answered hello.
const helloTimeout = time.Second

var errHelloTimeout = fmt.Errorf("peer has not answered the hello within %v", helloTimeout)

// dialer is one attempt to connect and, if it succeeds, the life of the connection. It has a goroutine, which
// becomes the reader, and one writer for each stream.
type dialer struct {
	attempt uint64
	node    int32
	address string
	peers   *Peers
	peer    *peer
	to      kit.Address // of the actor
}

// run connects and tells the actor opened, if it came to that, and in any case ended.
func (d *dialer) run(parent context.Context) {
	var err error
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("dialer failed: %v\n%s", reason, debug.Stack())
		}
		d.to.Tell(ended{attempt: d.attempt, err: err})
	}()
	err = d.serve(parent)
}

func (d *dialer) serve(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	conn, err := connect(d.address, &d.peers.options)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it fails only if it is closed already
	late := time.AfterFunc(helloTimeout, func() { cancel(errHelloTimeout) })
	defer late.Stop()
	control, bulk, welcome, err := d.greet(ctx, conn)
	if !late.Stop() {
		return errHelloTimeout
	}
	if err != nil {
		return err
	}
	s := d.session(*welcome, cancel, time.Now)
	s.done = ctx.Done()
	s.watch = &watch{session: s, limit: d.peers.options.Silence}
	pings, leave, err := d.peers.pulse.join(s.watch)
	if err != nil {
		return err
	}
	defer leave()
	d.to.Tell(opened{attempt: d.attempt, session: s})
	var writers sync.WaitGroup
	beat := wire.Beat{Time: pings, Items: func() []wire.Item { return d.peer.beat(s) }}
	s.control.Add(s.ping())
	writers.Go(func() { d.write(ctx, s, s.control, beat, control, nil) })
	writers.Go(func() { d.write(ctx, s, s.bulk, wire.Beat{}, bulk, bulk.RecvMsg) })
	r := &reader{session: s, peer: d.peer, to: d.to}
	err = r.run(control)
	cause := context.Cause(ctx) // why the session was ended from here, rather than what that led to
	cancel(err)
	writers.Wait()
	if cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// greet opens both streams. The hello is the newest, and so is the one that the peer's is checked against.
func (d *dialer) greet(ctx context.Context, conn *connection) (
	control, bulk grpc.ClientStream, _ *Hello, _ error,
) {
	control, err := conn.NewStream(ctx, &wire.ControlStream, wire.ControlMethod)
	if err != nil {
		return nil, nil, nil, plain(err)
	}
	if err := control.SendMsg(&wire.Frame{Items: []wire.Item{d.hello()}}); err != nil {
		return nil, nil, nil, plain(err)
	}
	var answer wire.Frame
	if err := control.RecvMsg(&answer); err != nil {
		return nil, nil, nil, plain(err)
	}
	welcome, number, err := d.welcome(answer.Items)
	if err != nil {
		return nil, nil, nil, err
	}
	if bulk, err = conn.NewStream(ctx, &wire.BulkStream, wire.BulkMethod); err != nil {
		return nil, nil, nil, plain(err)
	}
	join := wire.Frame{Items: []wire.Item{{Kind: wire.Join, Number: number}}}
	if err := bulk.SendMsg(&join); err != nil {
		return nil, nil, nil, plain(err)
	}
	return control, bulk, welcome, nil
}

// hello returns what is said first.
func (d *dialer) hello() wire.Item {
	hello := d.peers.self.Hello()
	return wire.Item{Kind: wire.Greet, Hello: &hello, Number: d.peers.dials.Add(1)}
}

// welcome judges the answer to the hello.
func (d *dialer) welcome(answer []wire.Item) (*Hello, uint64, error) {
	switch {
	case len(answer) == 1 && answer[0].Kind == wire.Refuse:
		return nil, 0, refusal{fmt.Errorf("node %d at %s refuses this node: %s", d.node, d.address, answer[0].Text)}
	case len(answer) != 1 || answer[0].Kind != wire.Welcome:
		return nil, 0, errors.New("peer has answered the hello with something else")
	}
	hello := answer[0].Hello
	if err := Check(d.peers.self.Hello(), *hello); err != nil {
		return nil, 0, refusal{err}
	}
	if hello.Node != d.node {
		return nil, 0, refusal{fmt.Errorf("%s is the address of node %d according to [[peers]], but node %d "+
			"answers: correct [[peers]], or the node_id there", d.address, d.node, hello.Node)}
	}
	return hello, answer[0].Number, nil
}

// session returns what is known of a connection whose hello was answered well.
func (d *dialer) session(hello Hello, cancel context.CancelCauseFunc, now func() time.Time) *session {
	return &session{
		attempt: d.attempt, hello: hello, cancel: cancel, now: now, born: now(),
		control: wire.NewOutbox(controlQueue), bulk: wire.NewOutbox(d.peers.options.Queue),
	}
}

// follow ends a source when the link to its node goes down: pings on the link are what tells a frozen node.
func (r *remote) follow(s *session) {
	select {
	case <-s.done:
		r.cancel(ErrDown)
	case <-r.ctx.Done():
	}
}
