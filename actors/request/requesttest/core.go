package requesttest

import (
	"sync/atomic"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/group"
)

// Core stands for the Raft core of a replica: it commits what is proposed at once.
type Core struct {
	// Hold makes it keep proposals until Resume.
	Hold atomic.Bool
	// Refuse, if set, answers every proposal.
	Refuse atomic.Pointer[error]
	// Nonsense makes it answer with a result that no core gives: the asker panics.
	Nonsense atomic.Bool
	// Proposals counts what was proposed.
	Proposals atomic.Int64

	machine  *partition.Machine
	preparer applier.Preparer
	index    uint64
	held     []group.Propose
}

// Resume makes a core that holds proposals commit them and go on.
type Resume struct{}

// Receive implements kit.Actor.
func (c *Core) Receive(context *kit.Context) {
	switch m := context.Message().(type) {
	case kit.Stopped:
		c.machine.Close()
	case group.Propose:
		c.Proposals.Add(1)
		if c.Hold.Load() {
			c.held = append(c.held, m)
			return
		}
		m.ReplyTo.Tell(c.commit(m))
	case Resume:
		c.Hold.Store(false)
		for _, one := range c.held {
			one.ReplyTo.Tell(c.commit(one))
		}
		c.held = nil
	}
}

func (c *Core) commit(m group.Propose) group.Proposed {
	if refusal := c.Refuse.Load(); refusal != nil {
		return group.Proposed{Token: m.Token, Err: *refusal}
	}
	if c.Nonsense.Load() {
		return group.Proposed{Token: m.Token, Result: "nonsense"}
	}
	if m.Request == (group.Confirm{}) {
		return group.Proposed{Token: m.Token}
	}
	prepared := c.preparer.Prepare(m.Request)
	if prepared.Err != nil || prepared.Data == nil {
		return group.Proposed{Token: m.Token, Result: prepared.Answer, Err: prepared.Err}
	}
	c.index++
	results, err := c.machine.Apply([]applier.Entry{{Term: Epoch, Index: c.index, Data: prepared.Data}})
	if err != nil {
		return group.Proposed{Token: m.Token, Err: err}
	}
	return group.Proposed{Token: m.Token, Result: results[0]}
}
