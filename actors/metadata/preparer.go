package metadata

import (
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/applier"
)

// Preparer plans changes on the leader. It belongs to the core's turn and lives for one term.
//
// Invariant: tail is the image with everything applied that has been proposed in this term. If something
// of it does not commit, this replica no longer leads and the Preparer is gone with it.
type Preparer struct {
	planner *controller.Planner
	tail    *image.Image
}

var _ applier.Preparer = (*Preparer)(nil)

// Prepare implements applier.Preparer. A request that changes nothing is answered when everything that it
// was checked against is committed, so that no answer rests on a change that may still be lost.
func (p *Preparer) Prepare(request any) applier.Prepared {
	plan, err := p.planner.Plan(p.tail, request)
	if err != nil {
		return applier.Prepared{Err: err}
	}
	if plan.Command == nil {
		return applier.Prepared{Answer: plan.Event, Wait: true}
	}
	data := metadatapb.EncodeCommand(plan.Command)
	if len(data) > metadatapb.MaxCommandBytes {
		return applier.Prepared{Err: protocol.Errorf(protocol.PolicyViolation,
			"A change of %d bytes is larger than the limit of %d.", len(data), metadatapb.MaxCommandBytes)}
	}
	p.tail = plan.Next
	return applier.Prepared{Data: data}
}
