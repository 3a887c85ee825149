package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/tests/txn/history"
)

// reader reads what was committed to one partition, from its beginning on, from whoever leads it.
type reader struct {
	caller
	index   int32
	next    int64
	seen    *history.Reader
	marks   map[lifeName]int64 // the high watermark that each life of a node has shown
	reading bool
}

// lifeName stands for a life, without keeping it in memory.
type lifeName struct {
	node   int32
	number int
}

func (l *life) name() lifeName { return lifeName{l.node.id, l.number} }

func newReader(w *world, index int32) client {
	name := fmt.Sprintf("reader-%d", index)
	return &reader{
		caller: caller{world: w, name: name}, index: index, seen: w.ledger.reader(name), marks: map[lifeName]int64{},
	}
}

func (r *reader) begin() { r.read() }

func (r *reader) read() {
	w := r.world
	to := r.node(topicName, r.index)
	asked := w.nodes[to-1].life
	r.reading = true
	r.ask(to, func(replyTo kit.Address) any {
		return broker.Fetch{
			Topic: topicName, Partition: r.index, Offset: r.next, MinBytes: 1, MaxBytes: 16 << 10, Wait: 5 * time.Second,
			Committed: true, ReplyTo: replyTo,
		}
	}, func(message any, err error) {
		r.reading = false
		m, is := message.(broker.Fetched)
		switch {
		case err != nil || !is || m.Err != nil:
			if !r.over {
				r.again(r.read)
			}
			return
		case asked != nil && asked == w.nodes[to-1].life:
			r.mark(asked, m.HighWatermark)
		}
		r.take(m)
		if !r.over {
			w.scheduler.after(w.scheduler.about(500*time.Millisecond), r.read)
		}
	})
}

// mark checks that the high watermark that a node shows only grows.
func (r *reader) mark(l *life, high int64) {
	if before := r.marks[l.name()]; high < before {
		r.world.violate("the high watermark of %s-%d on node %d went back from %d to %d", topicName, r.index, l.node.id,
			before, high)
	}
	r.marks[l.name()] = high
}

func (r *reader) take(m broker.Fetched) {
	w := r.world
	for i := range m.Records {
		one := &m.Records[i]
		seen, err := seenOf(r.index, one)
		if err != nil {
			w.violate("%s got a record that nobody wrote at %d: %v", r.name, one.Offset, err)
			return
		}
		if one.Offset < r.next {
			w.violate("%s asked for %d and got %d", r.name, r.next, one.Offset)
		}
		r.seen.Seen = append(r.seen.Seen, seen)
		w.ledger.counts.read++
	}
	if m.Next < r.next {
		w.violate("%s is told to go on at %d after %d", r.name, m.Next, r.next)
	}
	r.next = m.Next
}

func seenOf(index int32, record *broker.Record) (history.Seen, error) {
	text, _, _ := strings.Cut(string(record.Value), "|")
	v, err := history.Parse(text)
	return history.Seen{
		Place: history.Place{Topic: topicName, Partition: index}, Offset: record.Offset, Value: v,
	}, err
}

func (r *reader) done() bool { return !r.reading }

func (r *reader) waits() string { return r.name + " waits for an answer" }
