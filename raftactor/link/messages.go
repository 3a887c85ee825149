package link

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// Service says whom a call or a notice is for on the other node.
type Service uint8

// Services. Their numbers go over the wire.
const (
	ServiceMetadata Service = 1
	ServiceLeaders  Service = 2
	ServiceGroups   Service = 3 // the host of the raft groups
	ServiceKafka    Service = 4 // requests of Kafka between brokers
)

// Dial tells a link to connect now, with the shortest back-off from now on. Instance may say which process
// runs on the other node: a link to another one, which must be dead, is given up.
type Dial struct{ Instance uint64 }

// Leaving tells a link that its peer is about to stop: the end of the connection is nothing to worry about.
type Leaving struct{}

// SetAddress tells a link where the peer is reached from now on. A link that is up stays.
type SetAddress struct{ Address string }

// Call asks a service of the other node. Answered with Returned, once.
type Call struct {
	Node    int32
	Service Service
	Body    []byte
	Timeout time.Duration // from the arrival at the link; 0: DefaultTimeout
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m Call) Refuse(err error) { m.ReplyTo.Tell(Returned{Token: m.Token, Err: err}) }

// Returned answers Call. Err is ErrDown, ErrBusy or kit.ErrStopped if nothing has happened, ErrLost or
// ErrTimeout if it is open what has happened, or a RemoteError with what the other node says.
type Returned struct {
	Token uint64
	Body  []byte // belongs to the receiver
	Err   error
}

// IsReply implements kit.Reply.
func (Returned) IsReply() {}

// Notice tells a service of the other node. It is lost when the link is down or its queue is full; those
// that arrive do so in order.
type Notice struct {
	Service Service
	Body    []byte
}

// Incoming brings a Call to a service of this node. It must be answered with Answer.
type Incoming struct {
	From    int32
	Service Service
	Timeout time.Duration // how long the asker waited from when it asked
	Body    []byte        // belongs to the receiver
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m Incoming) Refuse(err error) { m.ReplyTo.Tell(Answer{Token: m.Token, Err: err}) }

// Answer answers Incoming. Of Err the text goes to the other node.
type Answer struct {
	Token uint64
	Body  []byte
	Err   error
}

// IsReply implements kit.Reply.
func (Answer) IsReply() {}

// Noticed brings a Notice to a service of this node.
type Noticed struct {
	From    int32
	Service Service
	Body    []byte // belongs to the receiver
}

// Up tells Config.Events that the link is up. Peers knew it before.
type Up struct {
	Node  int32
	Hello Hello
}

// Down tells Config.Events that a link that was up is down. Peers knew it before.
type Down struct {
	Node int32
	Err  error
}

// Greeted tells the events of the server that a peer's hello was accepted.
type Greeted struct{ Hello Hello }

// Refused tells the events of a link or of the server that a peer and this node do not fit together. It is
// told again only when the reason changes.
type Refused struct {
	Node int32
	Err  error
}

// expire is the time to look which calls have waited long enough.
type expire struct{}

// retry says that the back-off is over.
type retry struct{ attempt uint64 }

// opened brings a connection whose hello was answered well.
type opened struct {
	attempt uint64
	session *session
}

// ended says that an attempt or a connection is over.
type ended struct {
	attempt uint64
	err     error
}

// returned brings the answer to the call of a number.
type returned struct {
	attempt, number uint64
	body            []byte
	err             error
}
