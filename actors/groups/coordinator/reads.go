package coordinator

import (
	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
)

// reads are the requests for offsets, which are answered from memory. Each waits until a majority has
// confirmed, after it came, that this node leads the partition: another one may have been elected meanwhile
// and taken newer offsets. One question is under way at a time; those that come meanwhile share the next.
type reads struct {
	token  uint64 // of the question; 0 if none is under way
	asking []consumers.Ask
	next   []consumers.Ask
}

func (r *reads) wait(m consumers.Ask) { r.next = append(r.next, m) }

// answers tells whether this is the answer to the question.
func (r *reads) answers(m group.Proposed) bool { return r.token != 0 && r.token == m.Token }

// refuse answers all who wait.
func (r *reads) refuse(code protocol.Code) {
	for _, one := range append(r.asking, r.next...) {
		one.Answer(code, nil)
	}
	*r = reads{}
}

// confirm asks for all who wait, unless the answer for others is still to come.
func (a *Actor) confirm(c *kit.Context) {
	if a.reads.token != 0 || len(a.reads.next) == 0 {
		return
	}
	a.last++
	a.reads = reads{token: a.last, asking: a.reads.next}
	a.options.Replica.Core.Tell(group.Propose{Request: group.Confirm{}, ReplyTo: c.Self(), Token: a.last})
}

// onConfirmed passes on what the question was asked for. A group can have gone or failed since.
func (a *Actor) onConfirmed(err error) {
	asking := a.reads.asking
	a.reads.token, a.reads.asking = 0, nil
	a.catchUp()
	for _, m := range asking {
		one := a.groups[m.Group]
		switch {
		case err != nil:
			m.Answer(codeOf(err), nil)
		case a.healing[m.Group]:
			m.Answer(protocol.CoordinatorLoadInProgress, nil)
		case one == nil:
			m.Answer(consumers.Missing(m.Body), nil)
		default:
			one.pass(m)
		}
	}
}
