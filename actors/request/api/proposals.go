package api

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
)

// proposal is a question to the Raft group of one partition.
type proposal struct {
	replica *partition.Replica
	request any // of package partition
	result  any
	code    protocol.Code // REQUEST_TIMED_OUT until there is an answer
}

// answered returns a proposal that is not made, because its answer is known.
func answered(code protocol.Code) proposal { return proposal{code: code} }

// proposals is the task of a request that asks the leaders of several partitions. Partitions stand for
// themselves: one may be refused while others are answered.
type proposals struct {
	env     *request.Env
	timeout time.Duration
	items   []proposal
	byToken map[uint64]int // index into items
}

// Start implements call.Task.
func (p *proposals) Start(q *call.Questions) {
	p.byToken = make(map[uint64]int, len(p.items))
	for i := range p.items {
		item := &p.items[i]
		if item.replica == nil {
			continue
		}
		item.code = protocol.RequestTimedOut
		token := q.Ask(item.replica.Core, func(replyTo kit.Address, token uint64) any {
			return group.Propose{Request: item.request, ReplyTo: replyTo, Token: token}
		})
		p.byToken[token] = i
	}
}

// Answer implements call.Task.
func (p *proposals) Answer(_ *call.Questions, reply any) {
	proposed, is := reply.(group.Proposed)
	if !is {
		return
	}
	item := &p.items[p.byToken[proposed.Token]]
	item.result, item.code = proposed.Result, codeOfProposal(proposed.Err)
}

// Deadline implements call.Task.
func (p *proposals) Deadline() time.Duration { return p.timeout }
