package expressions

import (
	"errors"

	"github.com/chronik-go/chronik/actors/kit"
)

// Follow asks what an expression matches. Who is told Matched at once, and again when that changes, until it
// leaves or stops.
type Follow struct {
	Expression string
	Who        kit.Address
}

// ErrAway is the error of a Matched for an expression that nobody looks after at the moment: ask again soon.
var ErrAway = errors.New("nobody looks after regular expressions at the moment")

// Refuse implements kit.Refusable.
func (m Follow) Refuse(error) { m.Who.Tell(Matched{Expression: m.Expression, Err: ErrAway}) }

// Leave ends Follow.
type Leave struct {
	Expression string
	Who        kit.Address
}

// Matched tells which topics an expression matches, in the order of their names. Topics is never changed.
type Matched struct {
	Expression string
	Topics     []string
	// Err is ErrAway, or a *protocol.Error with INVALID_REGULAR_EXPRESSION. Then nobody follows it.
	Err error
}

// IsReply implements kit.Reply: who asked may be gone.
func (Matched) IsReply() {}

// tell is the end of the pause between two times that changes are told.
type tell struct{}

// resubscribe is the end of the wait for a new metadata actor.
type resubscribe struct{}
