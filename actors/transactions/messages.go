package transactions

import "github.com/chronik-go/chronik/actors/kit"

// List asks for the coordinators on this node, each of which lists its own ids. Answered with Listed.
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

// look is the manager's own tick.
type look struct{}

// resubscribe is the end of the wait for a new metadata actor.
type resubscribe struct{}
