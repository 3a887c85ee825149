package metadata

import (
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/link"
)

// onStopping answers everybody who waits for this actor. Without that they would wait for their deadlines,
// and a node that stops would wait for them. Whether changes that were sent will be made is open; those that
// were not will not be.
func (a *Actor) onStopping(c *kit.Context) {
	failed := c.Failed()
	giveUp := func(one *proposal, err error) {
		asked := one.purpose == forAsker || one.purpose == forPeer
		if asked && !isAnswered(failed, one.replyTo, one.askers) {
			a.settle(c, one, nil, err)
		}
	}
	for _, one := range a.proposals.takeQueued(true) {
		a.proposals.open.Take(one.token)
		giveUp(one, errNotController)
	}
	for _, one := range a.proposals.open.Drain() {
		giveUp(one, errLostLeadership)
	}
	for _, q := range a.quorums.Drain() {
		if !isAnswered(failed, q.replyTo, q.token) {
			q.answer(nil, a.image, errNotController)
		}
	}
	a.ids.stop(failed)
}

// isAnswered tells whether an asker is the one whose message made the actor fail: kit has answered it.
func isAnswered(failed any, replyTo kit.Address, token uint64) bool {
	var culprit kit.Address
	var number uint64
	switch m := failed.(type) {
	case Submit:
		culprit, number = m.ReplyTo, m.Token
	case AllocateProducerID:
		culprit, number = m.ReplyTo, m.Token
	case DescribeQuorum:
		culprit, number = m.ReplyTo, m.Token
	case link.Incoming:
		culprit, number = m.ReplyTo, m.Token
	default:
		return false
	}
	return number == token && culprit.Equal(replyTo)
}
