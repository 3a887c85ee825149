package metadata

import (
	"slices"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
)

const (
	// defaultTimeout bounds a change whose asker names no bound, and those of the actor itself.
	defaultTimeout = 30 * time.Second

	// maxProposals bounds the changes under way. One request may bring controller.MaxPartitions of them.
	maxProposals = 50_000
)

// purpose is what a proposal is for.
type purpose uint8

const (
	forAsker purpose = iota
	forForming
	forRegistering
	forProducerIDs
	forPeer // that asked on behalf of one of its own
	forPlan // that this is a part of
)

// proposal is a change under way.
type proposal struct {
	token    uint64
	purpose  purpose
	request  any
	deadline time.Time
	replyTo  kit.Address // of an asker
	askers   uint64      // token of the asker, or of the plan
	hops     uint32      // how often it has been passed on
	gone     bool        // its time was up

	arrived *arrived // what another broker says came of it, until the image here has it
	parts   parts    // of a plan
}

// arrived is the outcome of a change that was made through another broker.
type arrived struct {
	version uint64 // of the image that has it
	event   image.Event
}

// idempotent tells whether a change may be asked for again although it may have been made.
func (p *proposal) idempotent() bool {
	switch p.request.(type) {
	case controller.RegisterBroker, controller.CompleteReassignment, controller.AllocateProducerIDs:
		return true
	}
	return false
}

// early tells whether a change makes no sense before a broker is registered: the cluster could not make a
// topic, and whoever asks so early would get an error.
func (p *proposal) early() bool {
	_, registration := p.request.(controller.RegisterBroker)
	return (p.purpose == forAsker || p.purpose == forPeer) && !registration
}

// proposals are the changes under way. It knows no actor.
//
//	state    event                        next
//	queued   somebody leads               sent: to the group here, or to the broker that leads
//	sent     not begun (no leader)        queued
//	sent     answer of the group          gone
//	sent     answer of another broker     arrived
//	arrived  the image has the change     gone
//	any      deadline                     gone; the asker is told that the time is up
type proposals struct {
	last   uint64
	open   kit.Pending[uint64, *proposal]
	queued []*proposal // oldest first; those that are gone are skipped
	behind []*proposal // arrived, and the image does not have them yet
}

// take returns a number for something that is asked.
func (p *proposals) take() uint64 {
	p.last++
	return p.last
}

// add notes a change, queued. It declines past the limit.
func (p *proposals) add(one *proposal) bool {
	if !p.hold(one) {
		return false
	}
	p.queued = append(p.queued, one)
	return true
}

// hold notes a change that is sent at once.
func (p *proposals) hold(one *proposal) bool {
	if p.open.Len() >= maxProposals {
		return false
	}
	one.token = p.take()
	p.open.Add(one.token, one, one.deadline)
	return true
}

// requeue puts a change back whose proposal was not begun.
func (p *proposals) requeue(one *proposal) {
	p.open.Add(one.token, one, one.deadline)
	p.queued = append(p.queued, one)
}

// takeQueued returns what is to be sent now, in order; what is for askers only if that is wanted.
func (p *proposals) takeQueued(askers bool) []*proposal {
	var ready []*proposal
	kept := p.queued[:0]
	for _, one := range p.queued {
		switch {
		case one.gone:
		case one.early() && !askers:
			kept = append(kept, one)
		default:
			ready = append(ready, one)
		}
	}
	clear(p.queued[len(kept):])
	p.queued = kept
	return ready
}

// wait keeps a change until the image has it.
func (p *proposals) wait(one *proposal) {
	p.open.Add(one.token, one, one.deadline)
	p.behind = append(p.behind, one)
}

// reached removes and returns the changes that an image of this version has.
func (p *proposals) reached(version uint64) []*proposal {
	var ready []*proposal
	p.behind = slices.DeleteFunc(p.behind, func(one *proposal) bool {
		if !one.gone && one.arrived.version <= version {
			p.open.Take(one.token)
			ready = append(ready, one)
		}
		return one.gone || one.arrived.version <= version
	})
	return ready
}

// expire removes and returns the changes whose time is up.
func (p *proposals) expire(now time.Time) []*proposal {
	expired := p.open.Expire(now)
	for _, one := range expired {
		one.gone = true
	}
	return expired
}
