package sim

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/tests/txn/history"
)

// transactional is a producer that writes in transactions, over all partitions, and aborts some of them. It does
// one thing after the other:
//
//	initialize → pause → write, write, ... → end → pause
//	    ▲                      └─ cannot be written: abort ─┘ │
//	    └───────────── the coordinator knows better ──────────┘
type transactional struct {
	coordinated
	id        int64
	epoch     int16
	sequences [partitions]int32
	number    int64
	one       *history.Transaction
	rest      int  // records to be written yet
	doomed    bool // the transaction cannot be committed
	unsure    bool // an answer to a commit was lost
	busy      bool
}

// attempts is how often a record is sent before its transaction is aborted.
const attempts = 6

func newTransactional(w *world, i int) client {
	name := fmt.Sprintf("transactional-%d", i)
	return &transactional{coordinated: coordinated{caller: caller{world: w, name: name}, key: name, kind: 1}}
}

func (p *transactional) begin() {
	p.busy = true
	p.initialize()
}

// initialize gets an id with a new epoch, which ends what was open before. A transaction whose end is not known
// stays undecided.
func (p *transactional) initialize() {
	p.one = nil
	r := kmsg.NewPtrInitProducerIDRequest()
	r.TransactionalID, r.TransactionTimeoutMillis = &p.key, 20_000
	r.SetVersion(4)
	p.toCoordinator(r, func(body kmsg.Response, err error) {
		if err == nil {
			m := body.(*kmsg.InitProducerIDResponse)
			if err = coded(m.ErrorCode); err == nil {
				p.id, p.epoch, p.sequences = m.ProducerID, m.ProducerEpoch, [partitions]int32{}
				p.world.log("%s: initialized, epoch %d", p.name, p.epoch)
				p.pause()
				return
			}
		}
		p.at = 0
		p.again(p.initialize)
	})
}

func (p *transactional) pause() {
	s := p.world.scheduler
	p.busy = false
	s.after(s.about(5*time.Second), func() {
		if p.over {
			return
		}
		p.busy = true
		p.one, p.doomed, p.unsure = p.world.ledger.transaction(), false, false
		p.rest = 1 + s.random.IntN(4)
		p.write()
	})
}

func (p *transactional) write() {
	if p.rest == 0 || p.doomed {
		p.end(!p.doomed && !p.world.scheduler.chance(0.25))
		return
	}
	p.rest--
	index := int32(p.world.scheduler.random.IntN(partitions))
	v := history.Value{Writer: p.name, Number: p.number}
	p.number++
	p.one.Writes = append(p.one.Writes, history.Write{
		Place: history.Place{Topic: topicName, Partition: index}, Value: v, Offset: history.Unknown,
	})
	p.send(index, v, attempts)
}

func (p *transactional) send(index int32, v history.Value, left int) {
	p.ask(p.node(topicName, index), func(replyTo kit.Address) any {
		return broker.Produce{
			Topic: topicName, Partition: index, Records: []broker.Record{{Value: p.world.pad(v)}}, ReplyTo: replyTo,
			Producer: &broker.Producer{ID: p.id, Epoch: p.epoch, Sequence: p.sequences[index], TransactionalID: p.key},
		}
	}, func(message any, err error) {
		m, is := message.(broker.Produced)
		if err == nil && is {
			err = m.Err
		}
		if err != nil {
			p.world.log("%s: record %d: %v", p.name, v.Number, err)
		}
		switch code := codeOf(err); {
		case err == nil || code == protocol.DuplicateSequenceNumber:
			p.sequences[index]++
			if err == nil {
				p.one.Writes[len(p.one.Writes)-1].Offset = m.BaseOffset
			}
			p.write()
		case left > 0 && code != protocol.InvalidProducerEpoch && code != protocol.ProducerFenced:
			p.again(func() { p.send(index, v, left-1) })
		default:
			p.doomed = true
			p.write()
		}
	})
}

// end commits or aborts, and asks again until there is an answer.
func (p *transactional) end(commit bool) {
	r := kmsg.NewPtrEndTxnRequest()
	r.TransactionalID, r.ProducerID, r.ProducerEpoch, r.Commit = p.key, p.id, p.epoch, commit
	r.SetVersion(5)
	p.toCoordinator(r, func(body kmsg.Response, err error) {
		code := codeOf(err)
		if err == nil {
			m := body.(*kmsg.EndTxnResponse)
			code = protocol.Code(m.ErrorCode)
			if code == protocol.None {
				p.ended(commit, m)
				return
			}
		}
		p.world.log("%s: end (commit: %t) of epoch %d: %v, %v", p.name, commit, r.ProducerEpoch, code, err)
		switch code {
		case protocol.InvalidProducerEpoch, protocol.ProducerFenced, protocol.InvalidTxnState,
			protocol.TransactionAbortable, protocol.InvalidProducerIDMapping:
			if !commit || !p.unsure {
				p.one.Outcome = history.Aborted
			}
			p.initialize()
		default:
			p.unsure = p.unsure || code == protocol.None || code == protocol.RequestTimedOut
			p.at = 0
			p.again(func() { p.end(commit) })
		}
	})
}

func (p *transactional) ended(commit bool, m *kmsg.EndTxnResponse) {
	p.world.log("%s: ended (commit: %t) epoch %d, then %d", p.name, commit, p.epoch, m.ProducerEpoch)
	p.one.Outcome = history.Aborted
	p.world.ledger.counts.aborted++
	if commit {
		p.one.Outcome = history.Committed
		p.world.ledger.counts.aborted--
		p.world.ledger.counts.committed++
	}
	p.id, p.epoch, p.sequences = m.ProducerID, m.ProducerEpoch, [partitions]int32{}
	p.pause()
}

func (p *transactional) done() bool { return !p.busy }

func (p *transactional) waits() string { return p.name + " has not ended its transaction" }
