package coordinators

import (
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
)

// Answered answers a request to a coordinator. Result is nil if Code refuses the request as a whole.
type Answered struct {
	Token  uint64
	Code   protocol.Code
	Result any
}

// IsReply implements kit.Reply: the client may be gone.
func (Answered) IsReply() {}

// List asks a manager for the coordinators on this node, each of which lists what it has. Answered with
// Listed.
type List struct {
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m List) Refuse(err error) { m.ReplyTo.Tell(Listed{Token: m.Token, Err: err}) }

// Listed answers List.
type Listed struct {
	Token        uint64
	Coordinators []kit.Address
	Err          error
}

// IsReply implements kit.Reply.
func (Listed) IsReply() {}

// Look is the manager's own tick.
type Look struct{}

// Resubscribe is the end of the wait for a new metadata actor.
type Resubscribe struct{}
