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

// idempotent is a producer with an id that writes to one partition. It has up to window batches on their way, and
// sends what was not acknowledged again until it is, in order and with the sequences that it had: each record has
// to be there once.
type idempotent struct {
	caller
	index    int32
	id       int64 // -1: not known yet
	epoch    int16
	sequence int32
	number   int64
	open     []*sending // not acknowledged, in order
	flying   int
	to       int32 // who gets all of them; 0: nobody yet
	life     *life // of that node, when it got the last one
	failed   bool  // something was not acknowledged: wait for all answers and begin again
}

// sending is a batch of one record.
type sending struct {
	sequence int32
	value    history.Value
	record   *history.Transaction
	acked    bool
	flying   bool
	tries    int
}

// window is less than the number of batches that a broker remembers of a producer, 5.
const window = 4

func newIdempotent(w *world, i int) client {
	return &idempotent{
		caller: caller{world: w, name: fmt.Sprintf("idempotent-%d", i)}, id: -1, index: int32(i % partitions),
	}
}

func (p *idempotent) begin() {
	p.initialize()
	p.tick()
}

// initialize asks for an id.
func (p *idempotent) initialize() {
	r := kmsg.NewPtrInitProducerIDRequest()
	r.TransactionTimeoutMillis = 60_000
	r.SetVersion(4)
	p.request(p.anyNode(), r, func(body kmsg.Response, err error) {
		if err == nil && body.(*kmsg.InitProducerIDResponse).ErrorCode == 0 {
			m := body.(*kmsg.InitProducerIDResponse)
			p.id, p.epoch = m.ProducerID, m.ProducerEpoch
			return
		}
		p.again(p.initialize)
	})
}

// tick makes the next record now and then, several at once sometimes.
func (p *idempotent) tick() {
	s := p.world.scheduler
	s.after(s.about(3*time.Second), func() {
		if p.over {
			return
		}
		for range 1 + s.random.IntN(3) {
			p.write()
		}
		p.tick()
	})
}

func (p *idempotent) write() {
	if p.id < 0 || len(p.open) >= window {
		return
	}
	v := history.Value{Writer: p.name, Number: p.number}
	one := &sending{sequence: p.sequence, value: v, record: p.world.ledger.transaction()}
	one.record.Writes = []history.Write{{
		Place: history.Place{Topic: topicName, Partition: p.index}, Value: v, Offset: history.Unknown,
	}}
	p.number++
	p.sequence++
	p.open = append(p.open, one)
	if !p.failed {
		p.send(one)
	}
}

// send sends to one life of one node until something is not acknowledged: what goes to two may overtake, and a
// connection does not outlive the node.
func (p *idempotent) send(one *sending) {
	if p.to == 0 {
		p.to = p.node(topicName, p.index)
	}
	life := p.world.nodes[p.to-1].life
	if p.flying > 0 && life != p.life {
		p.failed = true // to be sent again with those on their way
		return
	}
	p.life = life
	p.flying++
	one.tries++
	one.flying = true
	p.ask(p.to, func(replyTo kit.Address) any {
		return broker.Produce{
			Topic: topicName, Partition: p.index, ReplyTo: replyTo,
			Records:  []broker.Record{{Value: p.world.pad(one.value)}},
			Producer: &broker.Producer{ID: p.id, Epoch: p.epoch, Sequence: one.sequence},
		}
	}, func(message any, err error) {
		p.flying--
		one.flying = false
		m, is := message.(broker.Produced)
		if err == nil && is {
			err = m.Err
		}
		p.answered(one, m.BaseOffset, err)
	})
}

func (p *idempotent) answered(one *sending, offset int64, err error) {
	switch code := codeOf(err); {
	case err == nil || code == protocol.DuplicateSequenceNumber:
		if !one.acked {
			one.acked = true
			one.record.Outcome = history.Committed
			p.world.ledger.counts.idempotent++
			if one.tries > 1 {
				p.world.ledger.counts.repeated++
			}
			if err == nil {
				one.record.Writes[0].Offset = offset
			}
		}
		for len(p.open) > 0 && p.open[0].acked {
			p.open = p.open[1:]
		}
	case code == protocol.OutOfOrderSequenceNumber && p.open[0] == one && p.flying == 0 && one.tries > 3:
		p.world.violate("%s: sequence %d is refused, though all before it are acknowledged: %v", p.name, one.sequence, err)
	case code == protocol.UnknownProducerID, code == protocol.InvalidProducerEpoch:
		p.world.violate("%s: its producer is not known any more: %v", p.name, err)
	default:
		p.failed = true
	}
	if p.failed && p.flying == 0 {
		p.again(p.repeat)
	}
}

// repeat sends everything again that is open, to one node so that the order is kept.
func (p *idempotent) repeat() {
	if p.flying > 0 || !p.failed {
		return
	}
	p.failed, p.to = false, 0
	for _, one := range p.open {
		if !one.acked {
			p.send(one)
		}
	}
}

func (p *idempotent) done() bool { return len(p.open) == 0 && p.flying == 0 }

func (p *idempotent) waits() string {
	return fmt.Sprintf("%s has %d batches that are not acknowledged", p.name, len(p.open))
}
