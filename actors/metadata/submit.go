package metadata

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/raftactor/group"
)

// retryAfter is the pause before a change is tried again that the group did not take although it said that
// it would: it is being rebuilt.
const retryAfter = 20 * time.Millisecond

func (a *Actor) onSubmit(c *kit.Context, m Submit) {
	timeout := m.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	one := &proposal{request: m.Request, deadline: c.Now().Add(timeout), replyTo: m.ReplyTo, askers: m.Token}
	if !a.propose(c, one) {
		m.ReplyTo.Tell(Submitted{Token: m.Token, Err: errBusy})
	}
}

// propose begins a change, at once if it is known who leads, else when it is. It declines when too many are
// under way.
func (a *Actor) propose(c *kit.Context, one *proposal) bool {
	if !a.proposals.add(one) {
		return false
	}
	a.arm(c)
	a.flush(c)
	return true
}

// proposeOwn begins a change for the actor itself.
func (a *Actor) proposeOwn(c *kit.Context, why purpose, request any) bool {
	return a.propose(c, &proposal{purpose: why, request: request, deadline: c.Now().Add(defaultTimeout)})
}

// flush sends what is queued to whoever leads. Here, changes for others wait until a broker is registered.
func (a *Actor) flush(c *kit.Context) {
	if a.ready {
		for _, one := range a.proposals.takeQueued(a.image.HasBrokers()) {
			a.send(c, one)
		}
		return
	}
	if node, found := a.gateway(); found {
		for _, one := range a.proposals.takeQueued(true) {
			a.pass(c, one, node)
		}
	}
}

// send gives a change to the group here, which this replica leads.
func (a *Actor) send(c *kit.Context, one *proposal) {
	if controller.IsPlan(one.request) {
		a.carryOut(c, one)
		return
	}
	a.core.Tell(group.Propose{Request: one.request, ReplyTo: c.Self(), Token: one.token})
}

// onProposed ends a change, or queues it again if it was not begun.
func (a *Actor) onProposed(c *kit.Context, m group.Proposed) {
	one, open := a.proposals.open.Take(m.Token)
	if !open {
		return // its deadline came first
	}
	if m.Err != nil && notBegun(m.Err) {
		a.again(c, one)
		return
	}
	event, _ := m.Result.(image.Event)
	err := refused(m.Err)
	if rejected, is := event.(image.Rejected); is && err == nil {
		c.Log().Error().Err(rejected.Err).Msg("checked change rejected")
		event, err = nil, rejected.Err
	}
	a.settle(c, one, event, err)
}

// again queues a change that was not begun. Who asked on behalf of somebody else asks again itself, since it
// may know better by then whom to ask; and only who leads forms a cluster.
func (a *Actor) again(c *kit.Context, one *proposal) {
	if one.purpose == forPeer || one.purpose == forForming {
		a.settle(c, one, nil, errNotController)
		return
	}
	a.proposals.requeue(one)
	if !a.retrying {
		a.retrying = true
		c.After(retryAfter, flush{})
	}
}

// settle hands the outcome of a change to whom it concerns.
func (a *Actor) settle(c *kit.Context, one *proposal, event image.Event, err error) {
	switch one.purpose {
	case forAsker:
		one.replyTo.Tell(Submitted{Token: one.askers, Event: event, Err: err})
	case forPeer:
		a.answer(c, one, event, err)
	case forPlan:
		a.onMoved(c, one, event, err)
	case forProducerIDs:
		a.onBlock(c, event, err)
	case forForming, forRegistering:
		a.onJoined(c, one.purpose, event, err)
	}
}

// onTick ends the changes whose time is up. What was sent may still be made.
func (a *Actor) onTick(c *kit.Context) {
	a.timer = nil
	for _, one := range a.proposals.expire(c.Now()) {
		a.settle(c, one, nil, errTimedOut)
	}
	for _, q := range a.quorums.Expire(c.Now()) {
		q.answer(nil, a.image, errTimedOut)
	}
	a.arm(c)
}

// arm makes the timer go off at the earliest deadline.
func (a *Actor) arm(c *kit.Context) {
	next := a.proposals.open.Next()
	if next.IsZero() || a.timer != nil && !next.Before(a.timerAt) {
		return
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	a.timer, a.timerAt = c.After(max(next.Sub(c.Now()), 0), tick{}), next
}

// onAllocate hands out a producer id from the block at hand, or after the next one has been allocated.
func (a *Actor) onAllocate(c *kit.Context, m AllocateProducerID) {
	if a.ids.ask(m) {
		a.allocateBlock(c)
	}
}

func (a *Actor) allocateBlock(c *kit.Context) {
	block := controller.AllocateProducerIDs{Broker: a.options.NodeID, Count: blockSize}
	if !a.proposeOwn(c, forProducerIDs, block) {
		a.ids.fail()
	}
}

func (a *Actor) onBlock(c *kit.Context, event image.Event, err error) {
	block, is := event.(image.ProducerIDsAllocated)
	if err != nil || !is {
		c.Log().Warn().Err(err).Msg("no producer ids allocated")
		a.ids.fail()
		return
	}
	if a.ids.stock(block.First, block.Count) {
		a.allocateBlock(c)
	}
}
