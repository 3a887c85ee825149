package partitions

import (
	"errors"
	"fmt"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/storage/wal"
)

// maxQuestions bounds the handovers that are passed on and not answered yet.
const maxQuestions = 10_000

var errTooMany = errors.New("too many handovers of leaderships are under way")

// question is a handover that somebody else answers: the group on this node, or the node that leads it.
type question struct {
	group   wal.GroupID
	replyTo kit.Address
	token   uint64
	peer    bool // a node asked, not a request on this one
}

// questions are the handovers under way. Every one is answered once by whoever it was passed on to. It knows
// no actor.
type questions struct {
	open map[uint64]question
	last uint64
}

// add notes a question and returns the token to ask under, or false if there are too many.
func (q *questions) add(one question) (uint64, bool) {
	if len(q.open) >= maxQuestions {
		return 0, false
	}
	if q.open == nil {
		q.open = make(map[uint64]question)
	}
	q.last++
	q.open[q.last] = one
	return q.last, true
}

// answer passes an answer on; one that nobody waits for is dropped.
func (q *questions) answer(token uint64, err error) {
	one, open := q.open[token]
	if !open {
		return
	}
	delete(q.open, token)
	one.answer(err)
}

// stop answers all that are open, but for the one whose message made the manager fail: kit has answered it.
func (q *questions) stop(failed any) {
	for _, one := range q.open {
		if !one.isOf(failed) {
			one.answer(fmt.Errorf("handover of group %d: %w", one.group, kit.ErrStopped))
		}
	}
	q.open = nil
}

// isOf tells whether a message asked this question.
func (q *question) isOf(message any) bool {
	switch m := message.(type) {
	case Handover:
		return !q.peer && m.Token == q.token && m.ReplyTo.Equal(q.replyTo)
	case link.Incoming:
		return q.peer && m.Token == q.token && m.ReplyTo.Equal(q.replyTo)
	}
	return false
}

func (q *question) answer(err error) {
	if q.peer {
		q.replyTo.Tell(link.Answer{Token: q.token, Err: err})
		return
	}
	q.replyTo.Tell(group.Transferred{Group: q.group, Token: q.token, Err: err})
}

// onHandover passes a handover on to the group if it is led here, else to the node that leads it.
func (a *Actor) onHandover(c *kit.Context, m Handover) {
	one := question{group: m.Group, replyTo: m.ReplyTo, token: m.Token}
	l := a.options.Leaders.Of(m.Group)
	if l.Node == a.options.NodeID {
		a.transfer(c, one, m.To)
		return
	}
	if l.Node == partition.NoLeader || !a.alive(l.Node) {
		one.answer(fmt.Errorf("no leader of group %d is known: %w", m.Group, group.ErrNotLeader{}))
		return
	}
	token, room := a.questions.add(one)
	if !room {
		one.answer(errTooMany)
		return
	}
	a.options.Peers.Link(l.Node).Tell(link.Call{
		Node: l.Node, Service: link.ServiceLeaders, Body: handover{m.Group, m.To}.encode(),
		Timeout: m.Timeout, ReplyTo: c.Self(), Token: token,
	})
}

// transfer asks the group on this node to hand its leadership over.
func (a *Actor) transfer(c *kit.Context, one question, to uint64) {
	replica := a.local(one.group)
	if replica == nil {
		one.answer(group.ErrNotLeader{})
		return
	}
	token, room := a.questions.add(one)
	if !room {
		one.answer(errTooMany)
		return
	}
	replica.Core.Tell(group.Transfer{To: to, ReplyTo: c.Self(), Token: token})
}

// onIncoming takes a handover that another node asks for.
func (a *Actor) onIncoming(c *kit.Context, m link.Incoming) {
	one := question{replyTo: m.ReplyTo, token: m.Token, peer: true}
	h, err := decodeHandover(m.Body)
	if err != nil {
		one.answer(err)
		return
	}
	one.group = h.group
	a.transfer(c, one, h.to)
}

// onStopping answers everybody who waits for this manager. Without that they would wait for their deadlines,
// and a node that stops would wait for them.
func (a *Actor) onStopping(c *kit.Context) {
	a.awaiting.stop(c.Failed())
	a.questions.stop(c.Failed())
}

func (a *Actor) onTransferred(m group.Transferred) { a.questions.answer(m.Token, m.Err) }

func (a *Actor) onReturned(m link.Returned) { a.questions.answer(m.Token, m.Err) }
