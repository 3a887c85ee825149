package metadata

import (
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
)

// parts is how far a plan has come that is made of several changes.
type parts struct {
	left  int   // changes under way
	moved int32 // partitions
	err   error // of the first change that failed
}

// carryOut turns a plan into changes. The plan is answered when all of them are; it is not all or nothing,
// and may be asked for again.
func (a *Actor) carryOut(c *kit.Context, plan *proposal) {
	moves, err := a.planner.Moves(a.image, plan.request)
	if err != nil || len(moves) == 0 {
		a.proposals.open.Take(plan.token)
		a.settle(c, plan, image.ReassignmentsPlanned{}, err)
		return
	}
	plan.parts = parts{left: len(moves)}
	for _, move := range moves {
		one := &proposal{purpose: forPlan, request: move, deadline: plan.deadline, askers: plan.token}
		if !a.propose(c, one) {
			a.onMoved(c, one, nil, errBusy)
		}
	}
}

// onMoved counts a part of a plan that is done. A topic that was deleted meanwhile needs no other place.
func (a *Actor) onMoved(c *kit.Context, one *proposal, event image.Event, err error) {
	plan, open := a.proposals.open.Get(one.askers)
	if !open {
		return // its deadline came first
	}
	p := &plan.parts
	p.left--
	if moved, is := event.(image.PartitionsReassigned); is && err == nil {
		p.moved += int32(len(moved.Partitions))
	}
	if p.err == nil && protocol.CodeOf(err) != protocol.UnknownTopicID {
		p.err = err
	}
	if p.left == 0 {
		a.proposals.open.Take(plan.token)
		a.settle(c, plan, image.ReassignmentsPlanned{Partitions: p.moved}, p.err)
	}
}
