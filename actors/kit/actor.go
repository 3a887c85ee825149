package kit

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"
)

// Actor handles one message at a time.
type Actor interface{ Receive(c *Context) }

// The messages about its own life that an actor sees.
type (
	// Started comes first.
	Started struct{}
	// Stopping comes before the children are stopped.
	Stopping struct{}
	// Stopped comes last, when the children are gone. What is told to the actor from now on is refused.
	Stopped struct{}
	// Terminated says that a child, or an actor that is watched, is gone; its name is free again.
	Terminated struct{ Who Address }
	// ChildFailed says that a child panicked with Reason while it handled Message. It is being stopped;
	// Terminated follows.
	ChildFailed struct {
		Who     Address
		Reason  any
		Message any
	}
)

// Spec says how to make an actor.
type Spec struct {
	New      func() Actor
	Children Supervision
	Mailbox  Mailbox
	Log      zerolog.Logger // with identity fields
}

// Context is what an actor sees of the world during a turn. It must not leave the turn; what it returns may.
type Context struct {
	system  *System
	spec    Spec
	user    Actor
	inner   actor.Context
	self    Address
	message any
	mailbox *mailbox
	stopped bool
}

// Receive implements protoactor's Actor; actors never call it.
func (c *Context) receive(inner actor.Context) {
	switch m := inner.Message().(type) {
	case *actor.Started:
		c.inner, c.self = inner, Address{c.system, inner.Self()}
		c.handle(Started{})
	case *actor.Stopping:
		c.handle(Stopping{})
	case *actor.Stopped:
		c.stopped = true
		c.handle(Stopped{})
		c.mailbox.close()
		c.system.tree.remove(c.self.ID())
	case *actor.Terminated:
		c.handle(Terminated{Who: Address{c.system, m.Who}})
	case *actor.Restarting:
		panic("BUG: got a restart, want stop and rebuild")
	default:
		c.handle(m)
	}
}

func (c *Context) handle(message any) {
	c.message = message
	c.user.Receive(c)
	c.message = nil
}

// Message returns what is being handled.
func (c *Context) Message() any { return c.message }

// Self returns the actor's own address.
func (c *Context) Self() Address { return c.self }

// Parent returns who spawned the actor; zero at the top.
func (c *Context) Parent() Address {
	if parent := c.inner.Parent(); parent != nil {
		return Address{c.system, parent}
	}
	return Address{}
}

// Children returns the children that are not terminated yet.
func (c *Context) Children() []Address {
	pids := c.inner.Children()
	children := make([]Address, len(pids))
	for i, pid := range pids {
		children[i] = Address{c.system, pid}
	}
	return children
}

// Spawn makes a child. A name that is taken is a bug.
func (c *Context) Spawn(name string, spec Spec) Address {
	c.system.tree.add(c.self.ID() + "/" + name)
	pid, err := c.inner.SpawnNamed(c.system.props(spec), name)
	if err != nil {
		panic(fmt.Sprintf("BUG: got %v for %s/%s, want a free name", err, c.self.ID(), name))
	}
	return Address{c.system, pid}
}

// Stop stops an actor after the message that it handles; what it has queued is refused.
func (c *Context) Stop(a Address) {
	if a.pid != nil {
		c.inner.Stop(a.pid)
	}
}

// Poison stops an actor after what it has queued.
func (c *Context) Poison(a Address) {
	if a.pid != nil {
		c.inner.Poison(a.pid)
	}
}

// Watch asks for Terminated when an actor is gone. Parents get it for their children anyway.
func (c *Context) Watch(a Address) { c.inner.Watch(a.pid) }

// Unwatch takes a Watch back.
func (c *Context) Unwatch(a Address) { c.inner.Unwatch(a.pid) }

// Now returns the time of the system's clock.
func (c *Context) Now() time.Time { return c.system.clock.Now() }

// Log returns the actor's logger.
func (c *Context) Log() *zerolog.Logger { return &c.spec.Log }

// System returns the system that the actor lives in.
func (c *Context) System() *System { return c.system }
