package server

import (
	"net"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/raftactor/link/wire"
)

// Transport is the side of a link.Transport on which nodes are reached. Door and guests are called outside of
// the turns of actors, never two at the same time.
type Transport interface {
	// Listen lets those who dial the address come to the door, until Shut.
	Listen(address string, door *Door) (net.Addr, error)
	Shut(door *Door)
}

// Door is where peers come in over a Transport.
type Door struct{ handler *handler }

// Guest is a peer that has come in: the end of its connection on this side.
type Guest struct{ session *session }

// onDoor opens the door in the place of a socket.
func (a *Actor) onDoor(c *kit.Context) {
	a.handler = newHandler(a.config, *c.Log())
	door := &Door{a.handler}
	address, err := a.config.Transport.Listen(a.config.Address, door)
	if err != nil {
		a.config.Events.Tell(Bound{Err: err})
		c.Stop(c.Self())
		return
	}
	a.door = door
	a.config.Events.Tell(Bound{Addr: address})
}

// Enter takes the hello of a peer. It returns the answer, none for an attempt that its peer has given up, and
// the guest if it may stay. Then notify is called whenever there is something for it, and hangUp when this
// side ends the connection.
func (d *Door) Enter(greet wire.Item, notify, hangUp func()) (answer []wire.Item, guest *Guest) {
	s := newSession(d.handler, nil, func(error) { hangUp() })
	s.outbox.Notify(notify)
	one, admitted := d.handler.welcome(s, &greet)
	if one.Kind != 0 {
		answer = []wire.Item{one}
	}
	if !admitted {
		return answer, nil
	}
	d.handler.config.Events.Tell(link.Greeted{Hello: *greet.Hello})
	return answer, &Guest{s}
}

// Receive takes what a guest says on either of its streams. An error ends the connection.
func (g *Guest) Receive(items []wire.Item) error {
	if g.session.over.Load() {
		return errReplaced
	}
	return g.session.handle(items)
}

// Answers returns what waits for a guest and counts as sent now.
func (g *Guest) Answers() []wire.Item { return g.session.outbox.Take() }

// Leave says that the connection is lost.
func (g *Guest) Leave() {
	g.session.outbox.Close()
	g.session.handler.leave(g.session)
}

// Share asks for what a replica elsewhere lacks, as CatchUp does. It is answered with applier.Shared, or the
// error says why not.
func (d *Door) Share(request wire.Item, replyTo kit.Address) error {
	if err := d.handler.check(request.Hello); err != nil {
		return err
	}
	d.handler.config.Share(request.Group, request.Body, replyTo)
	return nil
}
