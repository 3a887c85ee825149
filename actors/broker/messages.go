package broker

import (
	"net"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/local"
	"github.com/chronik-go/chronik/actors/local/pull"
)

// Await asks for one Ready when the node serves or has failed to. A node that has just failed answers
// kit.ErrStopped; when its host restarts it, the next one answers whoever asks again.
type Await struct {
	ReplyTo kit.Address
}

// Refuse implements kit.Refusable.
func (m Await) Refuse(err error) { m.ReplyTo.Tell(Ready{Err: err}) }

// AnswerTo implements kit.Asking.
func (m Await) AnswerTo(a kit.Address) any {
	if m.ReplyTo.IsZero() {
		m.ReplyTo = a
	}
	return m
}

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

// AnswerTo implements kit.Asking.
func (m Stop) AnswerTo(a kit.Address) any {
	if m.ReplyTo.IsZero() {
		m.ReplyTo = a
	}
	return m
}

// Stopped answers Stop when all parts are gone. Subscribers hear it however the node ends.
type Stopped struct {
	Err error
}

// Subscribe asks for the events of the node's life, until Unsubscribe: Ready when it serves, Failed when it
// cannot go on, Stopped at the end; and with Leaders LeaderChanged, at first for each partition that has a
// leader. What has happened before is told at once.
type Subscribe struct {
	Who     kit.Address
	Leaders bool
}

// AnswerTo implements kit.Asking.
func (m Subscribe) AnswerTo(a kit.Address) any {
	if m.Who.IsZero() {
		m.Who = a
	}
	return m
}

// Unsubscribe ends a Subscribe.
type Unsubscribe struct{ Who kit.Address }

// AnswerTo implements kit.Asking.
func (m Unsubscribe) AnswerTo(a kit.Address) any {
	if m.Who.IsZero() {
		m.Who = a
	}
	return m
}

// Failed says that the node cannot go on, and why. Stopped follows when it is gone.
type Failed struct{ Err error }

// LeaderChanged says who leads a partition.
type LeaderChanged struct {
	Topic     string
	Partition int32
	Leader    int32 // node id, -1: nobody
	Epoch     int32 // of the leader; it only grows
	Here      bool  // this node leads, and takes Produce, Fetch and Watch
}

// The messages to an embedded node that have to do with records. actors/local and actors/local/pull say what
// they promise.
type (
	Produce   = local.Produce
	Produced  = local.Produced
	Producer  = local.Producer
	Request   = local.Request
	Responded = local.Responded
	Unwatch   = local.Unwatch
	Fetch     = pull.Fetch
	Fetched   = pull.Fetched
	Watch     = pull.Watch
	Arrived   = pull.Arrived
	Next      = pull.Next
	Record    = pull.Record
	Header    = pull.Header
)

// electionOver is the end of the wait for leaders at the start.
type electionOver struct{}

// drainLate is the end of the wait for requests under way and for checkpoints.
type drainLate struct{}

// rebuild is the end of the wait before a failed child is built again.
type rebuild struct{ name string }
