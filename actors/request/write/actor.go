package write

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/group"
)

// Actor gathers the answers of one produce request. See the package comment for its card.
type Actor struct {
	slot     uint64
	gather   *Gather
	patience time.Duration
	timer    kit.Timer
}

// Spec returns how to spawn the actor of a request whose appends are about to be proposed with its address
// as ReplyTo. The gather belongs to the actor from then on.
func Spec(slot uint64, gather *Gather, patience time.Duration, log zerolog.Logger) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor { return &Actor{slot: slot, gather: gather, patience: patience} },
		Log: log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.timer = c.After(a.patience, expired{})
	case group.Proposed:
		a.onProposed(c, m)
	case expired:
		a.onExpired(c)
	case kit.Stopping:
		a.timer.Stop()
	}
}

func (a *Actor) onProposed(c *kit.Context, m group.Proposed) {
	a.gather.Answer(m)
	a.maybeFinish(c)
}

func (a *Actor) onExpired(c *kit.Context) {
	a.gather.Expire()
	a.maybeFinish(c)
}

// maybeFinish answers once everything has an answer. What comes later finds the actor gone and is only
// counted.
func (a *Actor) maybeFinish(c *kit.Context) {
	if a.gather.Open() > 0 {
		return
	}
	c.Parent().Tell(Done{Slot: a.slot, Response: a.gather.Response(), Failed: a.gather.Failed()})
	c.Stop(c.Self())
}
