package kit

import (
	"time"

	"github.com/rs/zerolog"
)

// Context is what an actor sees of the world during a turn. There is one for the whole life of an actor; it
// must not be used outside the actor's turns. What its methods return may be kept.
type Context struct {
	cell    *cell
	message any
}

// Message returns what is being handled.
func (c *Context) Message() any { return c.message }

// Self returns the actor's own address.
func (c *Context) Self() Address {
	c.step()
	return Address{c.cell}
}

// step is where a fault strikes in the middle of a turn: an actor does little without its Context.
func (c *Context) step() {
	if m := c.cell.mishap; m != nil && m.trap != nil {
		m.trap.step()
	}
}

// Parent returns who spawned the actor; zero at the top.
func (c *Context) Parent() Address {
	c.step()
	if c.cell.parent == nil {
		return Address{}
	}
	return Address{c.cell.parent}
}

// Children returns the children that are not terminated yet, in the order they were spawned.
func (c *Context) Children() []Address {
	cells, _ := c.cell.offspring()
	children := make([]Address, len(cells))
	for i, child := range cells {
		children[i] = Address{child}
	}
	return children
}

// Spawn makes a child. A name that is taken is a bug; it is free again when Terminated has arrived.
func (c *Context) Spawn(name string, spec Spec) Address {
	c.step()
	return Address{c.cell.spawn(name, spec)}
}

// Stop stops an actor after the message that it handles; what it has queued is refused.
func (c *Context) Stop(a Address) {
	if target := a.cell(); target != nil {
		target.mailbox.PostSystemMessage(stopMessage)
	}
}

// Poison stops an actor after what it has queued.
func (c *Context) Poison(a Address) {
	if target := a.cell(); target != nil {
		target.mailbox.post(poison{})
	}
}

// Watch asks for Terminated when an actor is gone; if it is gone already, that comes at once. Parents are
// told of their children anyway. Watching a function has no effect.
func (c *Context) Watch(a Address) {
	if target := a.cell(); target != nil {
		c.cell.watch(target)
	} else if _, ok := a.to.(place); ok {
		c.cell.mailbox.PostSystemMessage(terminated{missing: a})
	}
}

// Unwatch takes a Watch back: no Terminated is handed over from now on.
func (c *Context) Unwatch(a Address) {
	if target := a.cell(); target != nil {
		c.cell.unwatch(target)
	}
}

// Now returns the time of the system's clock.
func (c *Context) Now() time.Time {
	c.step()
	return c.cell.system.clock.Now()
}

// Failed returns what a failed actor was handling, as ChildFailed has it: kit has refused it already, so that
// an actor which answers in Stopping whoever it keeps leaves this one out. It is nil in a life without
// failure.
func (c *Context) Failed() any {
	if c.cell.mishap == nil {
		return nil
	}
	return c.cell.mishap.culprit
}

// Log returns the actor's logger.
func (c *Context) Log() *zerolog.Logger {
	c.step()
	return c.cell.log
}

// System returns the system that the actor lives in.
func (c *Context) System() *System { return c.cell.system }
