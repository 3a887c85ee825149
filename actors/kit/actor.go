package kit

import "github.com/rs/zerolog"

// Actor handles one message at a time.
type Actor interface{ Receive(c *Context) }

// The messages about its own life that an actor sees. They come alone, ahead of queued messages.
type (
	// Started comes first, before anything that was told to the actor.
	Started struct{}
	// Stopping comes when the actor was stopped or has failed, before its children are stopped. After it
	// comes nothing but Stopped; what is queued is refused as soon as Stopping has been handled. A failed
	// actor gets it too, so that it can close what it holds.
	Stopping struct{}
	// Stopped comes last, when the children are gone.
	Stopped struct{}
	// Terminated says that a child, or an actor that is watched, is gone with all its children. The name
	// is free again.
	Terminated struct{ Who Address }
	// ChildFailed says that a child panicked with Reason. It has been told to stop; Terminated follows.
	// Message is what the child was handling, for the log and for tests: kit has refused it already. In a
	// Batched mailbox it is a Batch of the messages that were not handled.
	ChildFailed struct {
		Who     Address
		Reason  any
		Message any
	}
)

// Spec says how to make an actor.
type Spec struct {
	// New makes the actor. It runs in the actor's own first turn, so a panic in it fails the child and not
	// the parent.
	New func() Actor
	// Children says what the failure of a child means.
	Children Supervision
	// Mailbox says how the actor gets its messages.
	Mailbox Mailbox
	// Log carries the identity fields of the actor and may be shared; nil stands for the system's.
	Log *zerolog.Logger
}

// Func makes an Actor of a function.
type Func func(c *Context)

// Receive implements Actor.
func (f Func) Receive(c *Context) { f(c) }
