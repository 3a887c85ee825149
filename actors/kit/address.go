package kit

import (
	"strings"

	"github.com/asynkron/protoactor-go/actor"
)

// Address is where to send messages to. It is a small value; the zero Address swallows what it is told.
type Address struct {
	system *System
	pid    *actor.PID
}

// Tell sends a message, from anywhere. It never blocks. Messages from one sender to one receiver arrive in
// the order they were sent.
func (a Address) Tell(message any) {
	if a.pid != nil {
		a.system.root.Send(a.pid, message)
	}
}

// ID returns the path of the actor, such as "broker/raft/group-7".
func (a Address) ID() string {
	if a.pid == nil {
		return ""
	}
	return a.pid.Id
}

// Child returns the Address of a child by its name, whether or not it lives at the moment. Paths are
// identities: what is told to it reaches whoever bears the name then.
func (a Address) Child(name string) Address {
	if a.pid == nil {
		return Address{}
	}
	return Address{a.system, actor.NewPID(a.pid.Address, a.pid.Id+"/"+name)}
}

// Name returns the last part of the path.
func (a Address) Name() string {
	id := a.ID()
	return id[strings.LastIndexByte(id, '/')+1:]
}

// IsZero tells whether this is the Address of nobody.
func (a Address) IsZero() bool { return a.pid == nil }

// Equal tells whether both are the same path in the same system.
func (a Address) Equal(b Address) bool { return a.system == b.system && a.ID() == b.ID() }

// Ref is an Address that takes only messages of one type.
type Ref[M any] struct{ Address }

// RefOf narrows an Address.
func RefOf[M any](a Address) Ref[M] { return Ref[M]{a} }

// Tell sends a message.
func (r Ref[M]) Tell(message M) { r.Address.Tell(message) }
