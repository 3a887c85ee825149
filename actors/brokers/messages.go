package brokers

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
)

// Ask has a broker answer a Kafka request. It is answered with Answered, once and within Timeout. Who asks
// must not change the request any more.
type Ask struct {
	Node    int32
	Request kmsg.Request  // its version is set
	Timeout time.Duration // 0: link.DefaultTimeout
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m Ask) Refuse(err error) { m.ReplyTo.Tell(Answered{Token: m.Token, Err: err}) }

// Answered answers Ask. Without a response Err is one of package link, or kit.ErrStopped; unless it is
// link.ErrDown or link.ErrBusy it is open whether the other broker has done what it was asked.
type Answered struct {
	Token    uint64
	Response kmsg.Response // belongs to the receiver
	Err      error
}

// IsReply implements kit.Reply.
func (Answered) IsReply() {}

// Handled brings the answer of this node to a request that was begun with Options.Handle.
type Handled struct {
	Number   uint64
	Response kmsg.Response
}

// IsReply implements kit.Reply.
func (Handled) IsReply() {}

// expire is the time to look which questions have waited long enough.
type expire struct{}
