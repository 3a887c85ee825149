package broker

import (
	"fmt"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/listener"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/storage/janitor"
)

// leaving is the order in which the parts stop: those who ask before those who answer.
var leaving = []string{
	nameListener, nameLocal, nameAdmin, nameGroups, nameTransactions, nameBrokers, namePartitions, nameMetadata,
	nameRaft, nameStorage,
}

// onStop begins an orderly stop: requests under way first, then a checkpoint so that the next start has
// nothing to replay, then the parts in reverse order.
func (a *Actor) onStop(c *kit.Context, m Stop) {
	if a.stopping != nil {
		m.ReplyTo.Tell(Stopped{Err: errStopping})
		return
	}
	a.stopping = &m
	a.answer(Ready{Err: errStopping})
	was := a.phase
	a.publish(errStopping)
	if a.phase != failed {
		a.phase = stopping
	}
	if was == serving {
		a.draining = true
		c.After(m.Within+m.Within/2, drainLate{})
		c.Self().Child(nameRaft).Tell(raftactor.Resign{Within: min(resignTime, m.Within/2), ReplyTo: c.Self()})
		return
	}
	a.maybeStopped(c)
}

// resignTime bounds how long a node that stops tries to hand its leaderships to others. Clients are served
// meanwhile, and told where to go.
const resignTime = 3 * time.Second

// onResigned lets the requests under way finish. Most clients have gone to the new leaders by now.
func (a *Actor) onResigned(c *kit.Context, m raftactor.Resigned) {
	if a.stopping == nil {
		return
	}
	if m.Left > 0 {
		c.Log().Warn().Int("groups", m.Left).
			Msg("nobody took over these leaderships; the groups elect when this node is gone")
	}
	// Members that wait for a rebalance would hold up the drain for as long as it may take.
	c.Stop(c.Self().Child(nameGroups))
	within := a.stopping.Within / 2
	c.Self().Child(nameListener).Tell(listener.Drain{Within: within, ReplyTo: c.Self()})
}

// onDrained makes everything durable where it belongs.
func (a *Actor) onDrained(c *kit.Context) {
	if a.stopping == nil {
		return
	}
	c.Stop(c.Self().Child(nameListener))
	a.storage.Janitor.Tell(janitor.CheckpointNow{ReplyTo: c.Self()})
}

func (a *Actor) onCheckpointsMade(c *kit.Context, m janitor.CheckpointsMade) {
	if m.Err != nil {
		c.Log().Warn().Err(m.Err).Msg("no checkpoint at the stop; the next start replays the log")
	}
	a.draining = false
	a.maybeStopped(c)
}

// onDrainLate goes on without the answer of a part. Each of them has a deadline of its own; what is left of
// the time is for taking the node apart.
func (a *Actor) onDrainLate(c *kit.Context) {
	if a.stopping == nil || !a.draining {
		return
	}
	c.Log().Warn().Msg("requests or checkpoints did not come to an end; the next start replays the log")
	a.draining = false
	a.maybeStopped(c)
}

// maybeStopped stops the next part, or answers when the last one has gone.
func (a *Actor) maybeStopped(c *kit.Context) {
	if a.stopping == nil || (a.draining && a.phase != failed) {
		return
	}
	for _, name := range leaving {
		if a.alive(c, name) {
			c.Stop(c.Self().Child(name))
			return
		}
	}
	err := a.err
	if err != nil {
		err = fmt.Errorf("the node had failed: %w", err)
	}
	a.end(Stopped{Err: err})
	c.Stop(c.Self())
}

// end tells everybody that the node has stopped, once.
func (a *Actor) end(stopped Stopped) {
	if a.unexport != nil {
		a.unexport()
		a.unexport = nil
	}
	if a.stopping != nil {
		a.stopping.ReplyTo.Tell(stopped)
		a.stopping = nil
	}
	if !a.told {
		a.told = true
		a.tell(stopped)
	}
}

// onStopping also comes when the node was stopped from above, or has failed.
func (a *Actor) onStopping() {
	a.answer(Ready{Err: errStopping})
	a.end(Stopped{Err: a.err})
}
