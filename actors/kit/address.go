package kit

import "strings"

// Address is where to send messages to. It is a small value that can be copied and compared.
//
//	from                       means
//	Spawn, Self, Parent, Who   one incarnation of an actor; one rebuilt under the same name has another
//	                           Address, so what was meant for the old one never reaches the new one
//	Address.Child              whoever bears the name at the moment
//	AddressFor, Ask            a function at the rim
type Address struct{ to recipient }

// recipient is what stands behind an Address. Implementations are comparable.
type recipient interface {
	// deliver takes the message, or refuses it and returns false.
	deliver(message any) bool
	path() string
}

// AddressFor returns an Address that hands its messages to deliver, on the goroutine of the sender. It is
// for the rim and for tests: deliver must not block and must be safe for concurrent use.
func AddressFor(id string, deliver func(message any)) Address {
	return Address{&function{id: id, call: deliver}}
}

type function struct {
	id   string
	call func(message any)
}

func (f *function) deliver(message any) bool {
	f.call(message)
	return true
}

func (f *function) path() string { return f.id }

// Tell sends a message, from anywhere. It never blocks. Messages from one sender to one receiver arrive in
// the order in which they were sent. The zero Address refuses what is Refusable and drops the rest.
func (a Address) Tell(message any) { a.tell(message) }

func (a Address) tell(message any) bool {
	if message == nil {
		panic("BUG: got a nil message, want a value")
	}
	if a.to == nil {
		refuseNowhere(message)
		return false
	}
	return a.to.deliver(message)
}

// ID returns the path of the actor, such as "broker/raft/group-7".
func (a Address) ID() string {
	if a.to == nil {
		return ""
	}
	return a.to.path()
}

// Name returns the last part of the path.
func (a Address) Name() string {
	id := a.ID()
	return id[strings.LastIndexByte(id, '/')+1:]
}

// String returns the path.
func (a Address) String() string { return a.ID() }

// IsZero tells whether this is the Address of nobody.
func (a Address) IsZero() bool { return a.to == nil }

// Equal tells whether both are the same incarnation of the same actor; an Address by name equals every
// incarnation that bears it.
func (a Address) Equal(b Address) bool {
	if a.to == b.to {
		return true
	}
	_, first := a.to.(place)
	_, second := b.to.(place)
	return (first || second) && a.to != nil && b.to != nil && a.ID() == b.ID()
}

// Done returns a channel that is closed when the actor and its children are gone. It is for the rim; actors
// Watch. Where there is no actor the channel is nil.
func (a Address) Done() <-chan struct{} {
	if c := a.cell(); c != nil {
		return c.done()
	}
	return nil
}

// Ref is an Address that takes only messages of one type.
type Ref[M any] struct{ Address }

// RefOf narrows an Address.
func RefOf[M any](a Address) Ref[M] { return Ref[M]{a} }

// Tell sends a message.
func (r Ref[M]) Tell(message M) { r.Address.Tell(message) }
