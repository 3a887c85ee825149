package coordinator

import (
	"time"

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
	since  time.Time
	asking []consumers.Ask
	next   []consumers.Ask
}

// confirmWithin is how long the answer to a question may take before the next one is asked in its place: one
// that is lost must not hold up all who come later.
const confirmWithin = 5 * time.Second

func (r *reads) wait(m consumers.Ask) { r.next = append(r.next, m) }

// answers tells whether this is the answer to the question.
func (r *reads) answers(m group.Proposed) bool { return r.token != 0 && r.token == m.Token }

// refuse answers requests that were waiting.
func refuse(waiting []consumers.Ask, code protocol.Code) {
	for _, one := range waiting {
		one.Answer(code, nil)
	}
}

// confirm asks for all who wait, unless the answer for others is still to come.
func (a *Actor) confirm(c *kit.Context) {
	if len(a.reads.next) == 0 || a.reads.token != 0 && c.Now().Sub(a.reads.since) < confirmWithin {
		return
	}
	refuse(a.reads.asking, protocol.CoordinatorNotAvailable)
	a.last++
	a.reads = reads{token: a.last, since: c.Now(), asking: a.reads.next}
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
