package metadata

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
)

// Submit asks for a change of the cluster's metadata. Request is one of the requests of package
// controller. It is answered exactly once with Submitted.
type Submit struct {
	Request any
	// Timeout bounds how long the change may take; 0 stands for 30 s. After it the outcome is unknown.
	Timeout time.Duration
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m Submit) Refuse(err error) { m.ReplyTo.Tell(Submitted{Token: m.Token, Err: refused(err)}) }

// Submitted answers Submit. Event is what changed, or would have changed, as package controller lists it.
// Err has a code for protocol.CodeOf, of which only REQUEST_TIMED_OUT leaves the outcome open.
type Submitted struct {
	Token uint64
	Event image.Event
	Err   error
}

// IsReply implements kit.Reply: askers with a deadline may be gone.
func (Submitted) IsReply() {}

// Subscribe asks for an ImageChanged now and after every change. A subscriber that stops is forgotten.
type Subscribe struct {
	Who kit.Address
}

// ImageChanged tells a subscriber of a newer image. Images come in order and none is left out.
type ImageChanged struct {
	Image *image.Image
	// Events lead from the image before to this one.
	Events []image.Event
	// First says that what led to this image is not told: it answers Subscribe, or the node has read a
	// snapshot. The subscriber compares the whole image with what it has.
	First bool
	// CaughtUp says that nothing is missing that was committed before this node started. Until then a topic
	// that is not in the image may exist all the same, so nothing may be removed for its absence.
	CaughtUp bool
}

// AllocateProducerID asks for a producer id that nobody has been given (KIP-98). Answered exactly once
// with ProducerIDAllocated.
type AllocateProducerID struct {
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m AllocateProducerID) Refuse(err error) {
	m.ReplyTo.Tell(ProducerIDAllocated{Token: m.Token, Err: refused(err)})
}

// ProducerIDAllocated answers AllocateProducerID. Err is a *protocol.Error.
type ProducerIDAllocated struct {
	Token uint64
	ID    int64
	Err   error
}

// IsReply implements kit.Reply.
func (ProducerIDAllocated) IsReply() {}

// Announce tells the actor where clients reach this broker, which registers it with these addresses.
type Announce struct {
	Endpoints []image.Endpoint
}

// Removed tells the parent that this broker does not belong to the cluster any more, or cannot come to it as
// it is. Err says what to do.
type Removed struct{ Err error }

// applied tells the actor what its machine applied. Events has one event per command.
type applied struct {
	image  *image.Image
	events []image.Event
}

// tick makes the actor look at its deadlines.
type tick struct{}

// forsaken makes the actor look whether it has found a leader meanwhile.
type forsaken struct{}

// flush makes the actor send what is queued.
type flush struct{}

// rejoin makes the actor take up joining the cluster again.
type rejoin struct{}
