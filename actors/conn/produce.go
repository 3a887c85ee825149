package conn

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request/fetch"
	"github.com/chronik-go/chronik/actors/request/write"
	"github.com/chronik-go/chronik/raftactor/group"
)

// held is a produce request whose appends wait. The first one is being verified by its write actor; those
// behind it have not begun, so that they cannot overtake it:
//
//	state      event                         next
//	waiting    it is the first               verifying, or gone when nothing has to be verified
//	verifying  write.Verified, write.Done    gone, and the next one is the first
//
// There are no more than requests in flight.
type held struct {
	number    uint64 // of the slot
	child     kit.Address
	proposals []write.Proposal
}

// produce answers a produce request, now or when those before it have been proposed.
func (a *Actor) produce(c *kit.Context, p pending) {
	silent := p.request.Body.(*kmsg.ProduceRequest).Acks == 0
	one := held{number: a.slots.open(p, silent)}
	if len(a.held) > 0 || a.beginProduce(c, &one) {
		a.held = append(a.held, one)
	}
}

// proposeHeld begins held requests, up to one that has to be verified.
func (a *Actor) proposeHeld(c *kit.Context) {
	for len(a.held) > 0 && a.held[0].child.IsZero() {
		if a.beginProduce(c, &a.held[0]) {
			return
		}
		a.unhold()
	}
}

func (a *Actor) unhold() {
	if len(a.held) == 0 {
		return // the connection has closed
	}
	a.held[0] = held{}
	a.held = a.held[1:]
	if len(a.held) == 0 {
		a.held = nil
	}
}

// beginProduce checks a request and proposes its appends, or reports that they are verified first.
//
// The connection sends the appends itself, in order, with the write actor as their reply address: if the
// write actors sent them, the appends of two requests of this connection could overtake each other.
func (a *Actor) beginProduce(c *kit.Context, h *held) (verifying bool) {
	p := a.slots.get(h.number)
	if p == nil {
		return false // the connection has closed
	}
	gather, proposals := write.Begin(a.shared.Env, a.client, p.request)
	patience := write.Patience(p.request, a.shared.Env.Settings.ProduceTimeout)
	if waited := c.Now().Sub(p.since); waited > 0 {
		if patience -= waited; patience <= 0 {
			gather.Expire()
		}
	}
	if gather.Open() == 0 {
		a.written(c, write.Done{Slot: h.number, Response: gather.Response(), Failed: gather.Failed()})
		return false
	}
	verifying = gather.Unverified()
	h.child = a.spawn(c, "write", p.request.CorrelationID, write.Spec(h.number, gather, patience, c.Log()))
	p.child = h.child
	h.proposals = proposals
	if !verifying {
		h.propose(nil)
	}
	return verifying
}

// propose sends the appends, except for those with one of the refused tokens.
func (h *held) propose(refused []uint64) {
	for i := range h.proposals {
		one := &h.proposals[i]
		if len(refused) > 0 && refused[0] == one.Token {
			refused = refused[1:]
			continue
		}
		one.Replica.Core.Tell(group.Propose{Request: one.Append, ReplyTo: h.child, Token: one.Token})
	}
}

// onVerified proposes what the coordinator of the transaction has nothing against.
func (a *Actor) onVerified(c *kit.Context, m write.Verified) {
	if a.isFirstHeld(m.Slot) {
		a.held[0].propose(m.Refused)
		a.unhold()
		a.proposeHeld(c)
	}
}

func (a *Actor) isFirstHeld(slot uint64) bool { return len(a.held) > 0 && a.held[0].number == slot }

// onWritten takes the answer of a write actor. If that did not get as far as to have its appends proposed,
// they are not.
func (a *Actor) onWritten(c *kit.Context, m write.Done) {
	a.written(c, m)
	if a.isFirstHeld(m.Slot) {
		a.unhold()
		a.proposeHeld(c)
	}
}

// written fills the slot of a produce request. With acks=0 there is nobody to tell of an error: the
// connection closes, and the client asks for the leaders again.
func (a *Actor) written(c *kit.Context, m write.Done) {
	p := a.slots.get(m.Slot)
	if p == nil {
		return
	}
	if p.request.Body.(*kmsg.ProduceRequest).Acks != 0 {
		a.answer(m.Slot, m.Response)
		return
	}
	a.fill(m.Slot, fetch.Frame{})
	if m.Failed {
		a.close(c, endedByRequest, errNobodyToTell)
	}
}

var errNobodyToTell = errors.New("a produce request with acks=0 failed")
