package kit

import (
	"github.com/asynkron/protoactor-go/actor"
)

// stopMessage tells protoactor to stop an actor. It is never changed.
var stopMessage = &actor.Stop{}

// Receive implements protoactor's Actor. It turns the library's lifecycle messages into ours and keeps the
// promises of the table at phase.
func (c *cell) Receive(inner actor.Context) {
	switch m := inner.Message().(type) {
	case *actor.Started:
		c.onStarted()
	case *actor.Stopping:
		c.onStopping()
	case *actor.Stopped:
		c.onStopped()
	case *actor.Terminated:
		c.onChildTerminated(m.Who)
	case terminated:
		c.onWatchedTerminated(m)
	default:
		c.handle(m)
	}
}

// handle hands one message to the actor. A panic passes through to the mailbox, which finds the message in
// the context.
func (c *cell) handle(message any) {
	if c.phase != alive {
		return
	}
	c.context.message = message
	if c.system.watchdog != nil {
		c.held.note(c.system.watchdog.tick.Load(), message, &c.mailbox)
	}
	if c.system.hooks != nil {
		c.system.hooks.handle(c, message)
	} else {
		c.user.Receive(&c.context)
	}
	c.context.message = nil
}

func (c *cell) onStarted() {
	c.context.message = Started{}
	c.user = c.create()
	c.create = nil
	c.handle(Started{})
}

// onStopping says good-bye and closes the mailbox. Everything that the actor itself answers in Stopping is
// answered before what is refused, which keeps the order of the answers.
func (c *cell) onStopping() {
	c.phase = stopping
	c.last(Stopping{})
	c.stopTimers()
	c.mailbox.close()
}

func (c *cell) onStopped() {
	c.last(Stopped{})
	c.phase = gone
	c.unwatchAll()
	c.user, c.inner = nil, nil
	c.kind.live.Dec()
	if c.parent == nil {
		c.system.top.remove(c)
	}
	c.announce()
}

// last hands over a message that must not fail the actor a second time: protoactor ignores the Stop of an
// actor that is stopping, so one that panicked here would never end.
func (c *cell) last(message any) {
	defer func() {
		if reason := recover(); reason != nil {
			c.reportPanic(reason, message)
		}
		c.context.message = nil
	}()
	if c.user == nil {
		return // New failed
	}
	c.context.message = message
	if c.system.hooks != nil {
		c.system.hooks.handle(c, message)
		return
	}
	c.user.Receive(&c.context)
}

// adopt enters a child in the table that Tree reads.
func (c *cell) adopt(child *cell) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.children == nil {
		c.children = new(brood)
	}
	c.children.add(child)
}

// onChildTerminated frees the name and tells the actor. The name is compared with the incarnation because
// protoactor identifies actors by name alone.
func (c *cell) onChildTerminated(who *actor.PID) {
	name := who.Id[len(c.pid.Id)+1:]
	child := c.children.find(name)
	if child == nil || child.pid != who {
		return
	}
	c.mu.Lock()
	c.children.remove(child)
	c.mu.Unlock()
	c.handle(Terminated{Who: Address{child}})
}
