package metadata

import (
	"errors"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/link"
)

// maxHops bounds how often a question is passed on: by the broker that was asked, and by one more that knows
// better who leads.
const maxHops = 2

// gateway returns the node to ask for changes while this one does not lead: the one that leads if it can be
// reached, else a member of the cluster, which may reach it or know it.
func (a *Actor) gateway() (int32, bool) {
	if !a.clustered() {
		return 0, false
	}
	leader := a.options.Current.Controller()
	if leader == a.options.NodeID {
		return 0, false // and will be ready soon
	}
	if leader != NoController && a.options.Peers.Alive(leader) {
		return leader, true
	}
	for _, node := range a.options.Peers.Nodes() {
		if node != a.options.NodeID && a.options.Peers.Alive(node) && a.forming.peers[node].state == link.Member {
			return node, true
		}
	}
	return 0, false
}

// pass gives a change to another node.
func (a *Actor) pass(c *kit.Context, one *proposal, node int32) {
	question, can := controller.EncodeRequest(one.request)
	if !can {
		a.end(c, one, errNotController)
		return
	}
	remaining := max(one.deadline.Sub(c.Now()), time.Millisecond)
	question.Hops, question.TimeoutMs = one.hops+1, remaining.Milliseconds()
	body, err := metadatapb.EncodePeer(question)
	if err != nil {
		a.end(c, one, protocol.Errorf(protocol.InvalidRequest, "The request cannot be passed on: %v", err))
		return
	}
	a.options.Peers.Link(node).Tell(link.Call{
		Node: node, Service: link.ServiceMetadata, Body: body, Timeout: remaining,
		ReplyTo: c.Self(), Token: one.token,
	})
}

// end settles a change that is still open.
func (a *Actor) end(c *kit.Context, one *proposal, err error) {
	if _, open := a.proposals.open.Take(one.token); open {
		a.settle(c, one, nil, err)
	}
}

// onReturned takes what came of a question to another node.
func (a *Actor) onReturned(c *kit.Context, m link.Returned) {
	if q, open := a.quorums.Take(m.Token); open {
		a.onQuorumReturned(q, m)
		return
	}
	one, open := a.proposals.open.Take(m.Token)
	if !open {
		return // its deadline came first
	}
	if m.Err != nil {
		a.onNotReturned(c, one, m.Err)
		return
	}
	outcome := &metadatapb.Outcome{}
	if err := metadatapb.DecodePeer(m.Body, outcome); err != nil {
		c.Log().Error().Err(err).Msg("broker that leads the metadata answers what this version does not understand")
		a.settle(c, one, nil, errLostLeadership)
		return
	}
	a.onOutcome(c, one, outcome)
}

// onNotReturned decides about a change whose outcome did not come.
func (a *Actor) onNotReturned(c *kit.Context, one *proposal, err error) {
	unsent := errors.Is(err, link.ErrDown) || errors.Is(err, link.ErrBusy) || errors.Is(err, kit.ErrStopped)
	switch {
	case unsent:
		a.again(c, one)
	case !one.idempotent():
		a.settle(c, one, nil, errLostLeadership)
	case one.purpose == forPeer:
		a.settle(c, one, nil, errNotController) // whoever asked asks again
	default:
		a.again(c, one)
	}
}

func (a *Actor) onOutcome(c *kit.Context, one *proposal, outcome *metadatapb.Outcome) {
	if outcome.GetNotBegun() {
		a.again(c, one)
		return
	}
	if code := protocol.Code(outcome.GetCode()); code != protocol.None {
		a.settle(c, one, nil, &protocol.Error{Code: code, Message: outcome.GetMessage()})
		return
	}
	event, err := image.DecodeEvent(outcome.GetEvent())
	if err != nil {
		c.Log().Error().Err(err).Msg("broker that leads the metadata answers what this version does not understand")
		a.settle(c, one, nil, errLostLeadership)
		return
	}
	one.arrived = &arrived{version: outcome.GetVersion(), event: event}
	joining := one.purpose == forRegistering && !a.started
	if one.purpose == forPeer || joining || one.arrived.version <= a.image.Version() {
		a.settle(c, one, event, nil)
		return
	}
	a.proposals.wait(one)
}

// arrive settles the changes that have reached the image here.
func (a *Actor) arrive(c *kit.Context) {
	for _, one := range a.proposals.reached(a.image.Version()) {
		a.settle(c, one, one.arrived.event, nil)
	}
}

// onIncoming takes a question of another node. If this one cannot help, the other asks again.
func (a *Actor) onIncoming(c *kit.Context, m link.Incoming) {
	question := &metadatapb.Question{}
	err := metadatapb.DecodePeer(m.Body, question)
	if err != nil {
		m.ReplyTo.Tell(link.Answer{Token: m.Token, Err: err})
		return
	}
	if question.GetDescribeQuorum() != nil {
		a.describe(c, quorumAsker{replyTo: m.ReplyTo, token: m.Token, peer: true})
		return
	}
	request, err := controller.DecodeRequest(question)
	if err != nil {
		m.ReplyTo.Tell(link.Answer{Token: m.Token, Err: err})
		return
	}
	one := &proposal{
		purpose: forPeer, request: request, replyTo: m.ReplyTo, askers: m.Token, hops: question.GetHops(),
		deadline: c.Now().Add(time.Duration(question.GetTimeoutMs()) * time.Millisecond),
	}
	leader := a.options.Current.Controller()
	switch {
	case a.ready:
		if !a.propose(c, one) {
			a.answer(c, one, nil, errNotController)
		}
	case one.hops >= maxHops || !a.clustered() || leader == NoController || leader == a.options.NodeID ||
		leader == m.From || !a.options.Peers.Alive(leader):
		a.answer(c, one, nil, errNotController)
	case !a.proposals.hold(one):
		a.answer(c, one, nil, errNotController)
	default:
		a.arm(c)
		a.pass(c, one, leader)
	}
}

// answer tells another node what came of its question. The version is that of the image here, which has the
// change: whoever waits for it sees the change in its own.
func (a *Actor) answer(c *kit.Context, one *proposal, event image.Event, err error) {
	outcome := &metadatapb.Outcome{Version: a.image.Version(), Event: image.EncodeEvent(event)}
	if one.arrived != nil {
		outcome.Version = one.arrived.version
	}
	if err != nil {
		outcome.Code, outcome.NotBegun = int32(protocol.CodeOf(err)), errors.Is(err, errNotController)
		outcome.Message = err.Error()
		if text := protocol.MessageOf(err); text != nil {
			outcome.Message = *text
		}
	}
	body, err := metadatapb.EncodePeer(outcome)
	if err != nil {
		c.Log().Error().Err(err).Msg("outcome of a change cannot be told")
	}
	one.replyTo.Tell(link.Answer{Token: one.askers, Body: body, Err: err})
}
