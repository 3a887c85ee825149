package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/link/wire"
	"github.com/chronik-go/chronik/storage/wal"
)

// Transport connects nodes in the place of gRPC. There is one in simulations of clusters, where nothing may
// have a goroutine or a time of its own. What the two ends of a connection say and make of it is the same;
// a transport only carries items from one to the other, in order, or breaks the connection.
//
// It is called in the turns of actors, and calls ends outside of them, never two at the same time.
type Transport interface {
	// Dial begins to connect an end with the node at an address. It does not call the end before it returns.
	Dial(address string, end *End)
	// HangUp ends the connection of an end, or the attempt to get one. The end is not called any more.
	HangUp(end *End)
	// Now is the time by which silence and round trips are measured.
	Now() time.Time
	// Pull is Peers.Pull, with the request that CatchUp would send to the node at the address.
	Pull(address string, request wire.Item, arrived func([]byte), ended func(error)) applier.Stream
}

// End is the end of a connection over a Transport on the side of the node that has dialled.
type End struct {
	dialer    *dialer
	transport Transport
	session   *session // nil until the hello is answered
	over      bool
}

// over begins an attempt over a transport and returns how to give it up.
func (d *dialer) over(transport Transport) (abandon context.CancelFunc) {
	end := &End{dialer: d, transport: transport}
	transport.Dial(d.address, end)
	return end.hangUp
}

func (e *End) hangUp() {
	if !e.over {
		e.over = true
		e.transport.HangUp(e)
	}
}

// Node returns the node that is to be reached.
func (e *End) Node() int32 { return e.dialer.node }

// Greet returns what goes to the other node first.
func (e *End) Greet() wire.Item { return e.dialer.hello() }

// Welcome takes the answer to Greet. If there is an error the transport gives it back with Fail; else the
// link is up, and notify is called whenever there is something to be sent.
func (e *End) Welcome(answer []wire.Item, notify func()) error {
	hello, _, err := e.dialer.welcome(answer)
	if err != nil {
		return err
	}
	s := e.dialer.session(*hello, e.cancel, e.transport.Now)
	s.watch = &watch{session: s, limit: e.dialer.peers.options.Silence}
	s.control.Notify(notify)
	s.bulk.Notify(notify)
	e.session = s
	e.dialer.to.Tell(opened{attempt: e.dialer.attempt, session: s})
	s.control.Add(s.ping())
	return nil
}

// cancel ends the session from this side. The actor has given it up, or hears of it.
func (e *End) cancel(err error) {
	if e.over {
		return
	}
	e.hangUp()
	e.dialer.to.Tell(ended{attempt: e.dialer.attempt, err: err})
}

// Control returns what waits on the control stream and counts as sent now; the other node takes it with
// Receive of its guest.
func (e *End) Control() []wire.Item { return e.session.control.Take() }

// Bulk is Control of the stream for appends.
func (e *End) Bulk() []wire.Item { return e.session.bulk.Take() }

// Receive takes what has come back on the control stream. An error ends the connection.
func (e *End) Receive(items []wire.Item) error {
	r := reader{session: e.session, peer: e.dialer.peer, to: e.dialer.to}
	now := e.session.age()
	e.session.watch.heard(now)
	for i := range items {
		if err := r.handle(&items[i], now); err != nil {
			return err
		}
	}
	return nil
}

// Beat is called each BeatEvery: it sends a ping, or fails if the peer has been silent for too long.
func (e *End) Beat() error {
	if quiet := e.session.watch.quiet(); quiet >= e.session.watch.limit {
		return fmt.Errorf("peer is silent for %v", quiet.Round(time.Millisecond))
	}
	for _, item := range e.dialer.peer.beat(e.session) {
		e.session.control.Add(item)
	}
	return nil
}

// BeatEvery is the time between two beats.
const BeatEvery = pingEvery

// HelloTimeout is how long a transport waits for the answer to a hello before it fails the attempt.
const HelloTimeout = helloTimeout

// Fail says that the attempt has failed, or that the connection is lost. The end is not called after it.
func (e *End) Fail(err error) {
	if err == nil {
		err = errors.New("connection is lost")
	}
	if !e.over {
		e.over = true
		e.dialer.to.Tell(ended{attempt: e.dialer.attempt, err: err})
	}
}

// HasTransport tells whether there are Pulls in the place of CatchUps.
func (p *Peers) HasTransport() bool { return p.options.Transport != nil }

// Pull is CatchUp over a Transport. It does not wait: pieces come to arrived, as many as the stream is asked
// for, and their end, with nil or the reason why there are no more, to ended.
func (p *Peers) Pull(
	node int32, group wal.GroupID, have []byte, arrived func([]byte), ended func(error),
) applier.Stream {
	address := ""
	if one := p.peer(node); one != nil && one.session.Load() != nil {
		address, _ = one.address.Load().(string)
	}
	hello := p.self.Hello()
	request := wire.Item{Kind: wire.Request, Hello: &hello, Group: group, Body: have}
	return p.options.Transport.Pull(address, request, arrived, ended)
}
