package write

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/brokers"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
)

// Actor gathers the answers of one produce request. See the package comment for its card.
type Actor struct {
	slot     uint64
	gather   *Gather
	patience time.Duration
	timer    kit.Timer // nil for one that failed before it had begun
	asked    time.Time // the coordinator for the first time
	asking   kit.Timer
	wait     time.Duration // before it was asked for the last time
}

// Spec returns how to spawn the actor of a request whose appends are about to be proposed with its address
// as ReplyTo. The gather belongs to the actor from then on.
func Spec(slot uint64, gather *Gather, patience time.Duration, log *zerolog.Logger) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor { return &Actor{slot: slot, gather: gather, patience: patience} },
		Log: log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case brokers.Answered:
		a.onAnswered(c, m)
	case again:
		a.ask(c)
	case group.Proposed:
		a.onProposed(c, m)
	case expired:
		a.onExpired(c)
	case kit.Stopping:
		a.onStopping()
	}
}

func (a *Actor) onStarted(c *kit.Context) {
	a.timer = c.After(a.patience, expired{})
	if a.gather.Unverified() {
		a.asked = c.Now()
		a.ask(c)
	}
}

// ask asks the coordinator of the transaction whether the partitions take part in it.
func (a *Actor) ask(c *kit.Context) {
	t := a.gather.transaction
	node := t.coordinator()
	if node == partition.NoLeader {
		a.decide(c, t.all(protocol.CoordinatorNotAvailable))
		return
	}
	t.env.Brokers.Tell(brokers.Ask{
		Node: node, Request: t.question(a.gather.places), Timeout: a.patience, ReplyTo: c.Self(),
	})
}

func (a *Actor) onAnswered(c *kit.Context, m brokers.Answered) {
	t := a.gather.transaction
	codes := t.codes(a.gather.places, m)
	if t.again(codes) && c.Now().Sub(a.asked) < verifyAgainFor {
		a.wait = min(max(2*a.wait, verifyAgainFirst), verifyAgainAfter)
		a.asking = c.After(a.wait, again{})
		return
	}
	a.decide(c, codes)
}

// decide lets the connection propose what may be proposed.
func (a *Actor) decide(c *kit.Context, codes []protocol.Code) {
	c.Parent().Tell(Verified{Slot: a.slot, Refused: a.gather.Verify(codes)})
	a.maybeFinish(c)
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

func (a *Actor) onStopping() {
	for _, timer := range []kit.Timer{a.timer, a.asking} {
		if timer != nil {
			timer.Stop()
		}
	}
}
