package listener

import (
	"net"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// Bound tells Options.Events once where the listener is reached, or why it is not. After an error the
// listener stops.
type Bound struct {
	Name string
	Addr net.Addr
	Err  error
}

// Open lets a listener that was held accept connections.
type Open struct{}

// Drain asks the listener to accept no more, and its connections to answer the requests that have arrived
// and to close. It is answered once with Drained, at the latest after Within; the listener stays until it
// is stopped.
type Drain struct {
	Within  time.Duration
	ReplyTo kit.Address
}

// Drained answers Drain. Cut is the number of connections that had not finished in time.
type Drained struct {
	Name string
	Cut  int
}

// Refuse answers for a listener that is gone: it has no connections.
func (m Drain) Refuse(error) { m.ReplyTo.Tell(Drained{}) }

// accepted brings a new socket. It has been counted.
type accepted struct {
	socket net.Conn
}

// Refuse closes the socket when the listener is gone.
func (m accepted) Refuse(error) { _ = m.socket.Close() } // there is nobody to tell

// acceptFailed says that accepting failed and goes on after a pause.
type acceptFailed struct {
	err error
}

// acceptEnded says that the accept loop is done, and why.
type acceptEnded struct {
	err error
}

// drainExpired says that connections have had their time.
type drainExpired struct{}
