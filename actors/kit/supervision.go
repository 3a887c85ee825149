package kit

import (
	"fmt"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"
)

// Supervision says what the failure of a child means to its parent. A failed actor never goes on and is
// never restarted in place: protoactor would keep its mailbox, its address and half of its state.
type Supervision int8

const (
	// StopAndTell stops the failed child and tells the parent with ChildFailed. It is the zero value.
	StopAndTell Supervision = iota
	// Escalate makes the parent fail too, with the child's reason: all its children are stopped with it,
	// and its own parent decides.
	Escalate
)

// HandleFailure implements protoactor's SupervisorStrategy. It runs in the parent's turn, ahead of queued
// messages and always before the child's Terminated, which the child sends only when it has been stopped.
func (c *cell) HandleFailure(_ *actor.ActorSystem, parent actor.Supervisor, who *actor.PID,
	_ *actor.RestartStatistics, reason, message any,
) {
	child := c.children.find(who.Id[len(c.pid.Id)+1:])
	if child == nil || child.pid != who {
		return
	}
	child.mailbox.PostSystemMessage(stopMessage)
	c.noteFailure(child.name(), reason)
	switch {
	case c.phase != alive:
	case c.escalate:
		c.phase = failed
		c.mailbox.suspend(true)
		c.kind.failures.Inc()
		c.log.Error().Str("actor", c.path()).Str("child", child.path()).Str("reason", fmt.Sprint(reason)).
			Msg("actor failed with its child")
		parent.EscalateFailure(reason, message)
	default:
		c.handle(ChildFailed{Who: Address{child}, Reason: reason, Message: message})
	}
}

// reportPanic makes a panic known. It is called while the panic is being recovered, so that the stack shows
// where it began.
func (s *System) reportPanic(log *zerolog.Logger, kind *kind, who string, reason, message any) {
	kind.failures.Inc()
	log.Error().Str("actor", who).Type("handling", message).Str("reason", fmt.Sprint(reason)).
		Bytes("stack", debug.Stack()).Msg("actor failed")
}

func (c *cell) reportPanic(reason, message any) {
	c.system.reportPanic(c.log, c.kind, c.path(), reason, message)
}

// longestReason bounds what is remembered of a failure, in bytes; the log has all of it.
const longestReason = 300

// noteFailure remembers that the child of this name failed.
func (c *cell) noteFailure(name string, reason any) {
	text := fmt.Sprint(reason)
	text = text[:min(len(text), longestReason)]
	now := c.system.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.children.failed(name, text, now)
}

// guardian supervises the actors at the top: there is nobody to tell but the hook.
type guardian struct{ system *System }

// HandleFailure implements protoactor's SupervisorStrategy. It runs in the failed actor's own turn.
func (g guardian) HandleFailure(_ *actor.ActorSystem, _ actor.Supervisor, who *actor.PID,
	_ *actor.RestartStatistics, reason, _ any,
) {
	c := g.system.top.find(who)
	if c == nil {
		return
	}
	c.mailbox.PostSystemMessage(stopMessage)
	if g.system.onFailure != nil {
		g.system.onFailure(Address{c}, reason)
	}
}
