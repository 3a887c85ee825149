package metadata

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
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
)

// proposal is a change under way.
type proposal struct {
	token    uint64
	purpose  purpose
	request  any
	deadline time.Time
	replyTo  kit.Address // of an asker
	askers   uint64      // token of the asker
	gone     bool        // its time was up
}

// proposals are the changes under way. It knows no actor.
//
//	state    event                        next
//	queued   this replica leads           sent
//	sent     not begun (no leader)        queued
//	sent     answer                       gone
//	any      deadline                     gone; the asker is told that the time is up
type proposals struct {
	last   uint64
	open   kit.Pending[uint64, *proposal]
	queued []*proposal // oldest first; those that are gone are skipped
}

// add notes a change, queued. It declines past the limit.
func (p *proposals) add(one *proposal) bool {
	if p.open.Len() >= maxProposals {
		return false
	}
	p.last++
	one.token = p.last
	p.open.Add(one.token, one, one.deadline)
	p.queued = append(p.queued, one)
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
		case one.purpose == forAsker && !askers:
			kept = append(kept, one)
		default:
			ready = append(ready, one)
		}
	}
	clear(p.queued[len(kept):])
	p.queued = kept
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
