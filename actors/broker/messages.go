package broker

import (
	"net"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// Await asks for one Ready when the node serves or has failed to.
type Await struct {
	ReplyTo kit.Address
}

// Refuse implements kit.Refusable.
func (m Await) Refuse(err error) { m.ReplyTo.Tell(Ready{Err: err}) }

// Ready answers Await.
type Ready struct {
	Kafka net.Addr // of the Kafka listener
	Admin net.Addr // of the HTTP listener, nil when it is off
	Err   error    // why the node does not serve
}

// Stop asks the node to finish what is under way, to checkpoint and to stop. Answered with Stopped.
type Stop struct {
	Within  time.Duration // for the requests under way
	ReplyTo kit.Address
}

// Refuse implements kit.Refusable.
func (m Stop) Refuse(err error) { m.ReplyTo.Tell(Stopped{Err: err}) }

// Stopped answers Stop when all parts are gone.
type Stopped struct {
	Err error
}

// electionOver is the end of the wait for leaders at the start.
type electionOver struct{}

// rebuild is the end of the wait before a failed child is built again.
type rebuild struct{ name string }
