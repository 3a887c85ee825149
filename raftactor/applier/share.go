package applier

import (
	"github.com/chronik-go/chronik/actors/kit"
)

// Have asks what the machine holds. Answered with Held.
type Have struct {
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m Have) Refuse(err error) { m.ReplyTo.Tell(Held{Token: m.Token, Err: err}) }

// Held answers Have with what Sharer.Have returned.
type Held struct {
	Token uint64
	Have  []byte
	Err   error
}

// IsReply implements kit.Reply.
func (Held) IsReply() {}

// Share asks for the state of the machine, for a replica that holds Have. Answered with Shared.
type Share struct {
	Have    []byte
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m Share) Refuse(err error) { m.ReplyTo.Tell(Shared{Token: m.Token, Err: err}) }

// Shared answers Share. Source leads to the state at Index, under the membership ConfState; whoever gets it
// closes it.
type Shared struct {
	Token       uint64
	Source      Source
	Index, Term uint64
	ConfState   []byte
	Err         error
}

// IsReply implements kit.Reply.
func (Shared) IsReply() {}

// Take brings the machine a piece of another replica's state. Answered with Taken.
type Take struct {
	Piece   []byte
	First   bool
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m Take) Refuse(err error) { m.ReplyTo.Tell(Taken{Token: m.Token, Err: err}) }

// Taken answers Take.
type Taken struct {
	Token uint64
	Err   error
}

// IsReply implements kit.Reply.
func (Taken) IsReply() {}

// Finish says that the last piece was taken. Answered with Finished when the state is durable.
type Finish struct {
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m Finish) Refuse(err error) { m.ReplyTo.Tell(Finished{Token: m.Token, Err: err}) }

// Finished answers Finish. Machine is what the machine is opened with after a restart.
type Finished struct {
	Token   uint64
	Machine []byte
	Err     error
}

// IsReply implements kit.Reply.
func (Finished) IsReply() {}

// Position tells the applier that the state that its machine was brought to stands for an index: the
// checkpoint that says so is durable.
type Position struct {
	Index, Term uint64
	ConfState   []byte
}

func (a *Actor) have(m Have) { m.ReplyTo.Tell(Held{Token: m.Token, Have: a.machine.Have()}) }

func (a *Actor) share(m Share) {
	source, err := a.machine.Share(m.Have)
	m.ReplyTo.Tell(Shared{
		Token: m.Token, Source: source, Index: a.index, Term: a.term, ConfState: a.conf, Err: err,
	})
}

func (a *Actor) take(m Take) {
	m.ReplyTo.Tell(Taken{Token: m.Token, Err: a.machine.Restore(m.Piece, m.First)})
}

func (a *Actor) finish(m Finish) {
	machine, err := a.machine.Restored()
	m.ReplyTo.Tell(Finished{Token: m.Token, Machine: machine, Err: err})
}

// position follows a state that was installed. Entries that had been handed over before it may still have
// come in between.
func (a *Actor) position(m Position) {
	if m.Index > a.index {
		a.index, a.term, a.conf = m.Index, m.Term, m.ConfState
	}
}
