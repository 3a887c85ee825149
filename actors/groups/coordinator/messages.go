package coordinator

import (
	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
)

// List asks for the groups of this coordinator. Answered with Listed.
type List struct {
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable: its groups are somewhere else now, and listed there.
func (m List) Refuse(error) { m.ReplyTo.Tell(Listed{Token: m.Token}) }

// Listed answers List. Code is COORDINATOR_LOAD_IN_PROGRESS while the log is being read.
type Listed struct {
	Token  uint64
	Code   protocol.Code
	Groups []*consumers.Summary
}

// IsReply implements kit.Reply.
func (Listed) IsReply() {}

// tick says that a group wants to be woken.
type tick struct{}

// cleanup says that it is time to look for what has expired.
type cleanup struct{}

// readOn makes the actor read the next piece of the log.
type readOn struct{}

// followOn makes the actor look for markers that were written.
type followOn struct{}

// heal makes the actor read a group again that has failed.
type heal struct{ group string }
