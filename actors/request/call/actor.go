package call

import (
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request"
)

// Actor runs one task. See the package comment for its card.
type Actor struct {
	task      Task
	conn      kit.Address
	slot      uint64
	questions Questions
	timer     kit.Timer
	done      bool
}

// Spec returns how to spawn the actor of a request whose answer goes to a slot of a connection.
func Spec(task Task, conn kit.Address, slot uint64, log *zerolog.Logger) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor { return &Actor{task: task, conn: conn, slot: slot} },
		Log: log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case expired:
		a.finish(c)
	case kit.Stopping, kit.Stopped, kit.Terminated, kit.ChildFailed:
		// No children, nothing to release; a connection that goes wants no answer.
	default:
		a.onReply(c, m)
	}
}

// expired says that the time of the request is up.
type expired struct{}

func (a *Actor) onStarted(c *kit.Context) {
	a.questions.self = c.Self()
	a.task.Start(&a.questions)
	deadline := a.task.Deadline()
	if a.questions.open == 0 || deadline <= 0 {
		a.finish(c)
		return
	}
	a.timer = c.After(deadline, expired{})
}

func (a *Actor) onReply(c *kit.Context, reply any) {
	if a.done {
		return
	}
	a.questions.open--
	a.task.Answer(&a.questions, reply)
	if a.questions.open == 0 {
		a.finish(c)
	}
}

// finish answers the client, once, and stops.
func (a *Actor) finish(c *kit.Context) {
	if a.done {
		return
	}
	a.done = true
	if a.timer != nil {
		a.timer.Stop()
	}
	a.conn.Tell(request.Done{Slot: a.slot, Body: a.task.Response()})
	c.Stop(c.Self())
}
