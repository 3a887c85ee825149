package sim

import (
	"fmt"
	"time"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/tests/txn/history"
)

// plain is a producer without an id. It sends each batch once and never waits: what is not acknowledged may be
// there or not.
type plain struct {
	caller
	number int
	open   int
}

func newPlain(w *world, i int) client {
	return &plain{caller: caller{world: w, name: fmt.Sprintf("plain-%d", i)}}
}

func (p *plain) begin() {
	p.world.scheduler.after(p.world.scheduler.about(4*time.Second), func() {
		if !p.over {
			p.send()
			p.begin()
		}
	})
}

func (p *plain) send() {
	w := p.world
	index := int32(w.scheduler.random.IntN(partitions))
	count := 1 + w.scheduler.random.IntN(3)
	p.number++
	writer := fmt.Sprintf("%s.%d", p.name, p.number) // which orders nothing: attempts may overtake each other
	one := w.ledger.transaction()
	var records []broker.Record
	for i := range count {
		v := history.Value{Writer: writer, Number: int64(i)}
		one.Writes = append(one.Writes, history.Write{
			Place: history.Place{Topic: topicName, Partition: index}, Value: v, Offset: history.Unknown,
		})
		records = append(records, broker.Record{Value: w.pad(v)})
	}
	p.open++
	p.ask(p.node(topicName, index), func(replyTo kit.Address) any {
		return broker.Produce{Topic: topicName, Partition: index, Records: records, ReplyTo: replyTo}
	}, func(message any, err error) {
		p.open--
		m, is := message.(broker.Produced)
		if err != nil || !is || m.Err != nil {
			return
		}
		w.ledger.counts.plain++
		one.Outcome = history.Committed
		for i := range one.Writes {
			one.Writes[i].Offset = m.BaseOffset + int64(i)
		}
	})
}

func (p *plain) done() bool { return p.open == 0 }

func (p *plain) waits() string { return p.name + " waits for answers" }
