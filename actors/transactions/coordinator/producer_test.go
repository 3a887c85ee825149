package coordinator

import (
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// producer makes one transaction after the other. It asks one question at a time and repeats it when no
// answer comes. Now and then it begins anew, as a process would that was started a second time. Two
// producers share an id and fence each other.
//
//	beginning   InitProducerId                → adding
//	adding      AddPartitionsToTxn            → writing
//	writing     records to its partitions     → ending
//	ending      EndTxn                        → adding, with the next transaction
//	gone        it has ended what it had
type producer struct {
	index      int
	id         string
	generation int16
	phase      int
	waits      bool // for an answer
	ends       bool // it begins nothing more
	has        transaction.Producer
	number     int // of the transaction
	places     []transaction.Place
	commit     bool
	outcome    map[int]bool // what it was told of its transactions: committed, or not
}

const (
	beginning = iota
	adding
	writing_
	ending
	gone
)

func (p *producer) can() bool { return p.phase != gone && !(p.ends && p.phase <= adding) }

// act does the next thing.
func (p *producer) act(w *world, choose func(int) int) {
	if !p.ends && choose(40) == 0 {
		p.phase = beginning // whatever was under way is left to be fenced
	}
	switch p.phase {
	case beginning:
		var expected *transaction.Producer
		if p.has.ID > 0 && choose(3) == 0 {
			has := p.has
			expected = &has
		}
		p.ask(w, transaction.Init{TimeoutMillis: 60_000, Expected: expected})
	case adding:
		if p.places == nil {
			p.number++
			p.commit = choose(3) > 0
			for i := range 4 {
				if choose(2) == 0 {
					p.places = append(p.places, transaction.Place{Topic: "t", Partition: int32(i)})
				}
			}
			if p.places == nil {
				p.places = []transaction.Place{{Topic: "t"}}
			}
		}
		p.ask(w, Add{Producer: p.has, Places: p.places, Generation: p.generation})
	case writing_:
		for _, place := range p.places {
			if !w.write(place, p.has, p.id, entry{p.index, p.number}) {
				p.commit = false // as a client does that could not write
			}
		}
		p.phase = ending
	case ending:
		p.ask(w, transaction.End{Producer: p.has, Commit: p.commit, Generation: p.generation})
	}
}

func (p *producer) ask(w *world, body any) {
	w.ticket++
	w.tickets[w.ticket] = p
	p.waits = true
	w.core.ask(w.now, w.ticket, p.id, body)
	w.settle()
}

// answered takes an answer. What cannot be repeated makes the producer begin anew.
func (p *producer) answered(w *world, code protocol.Code, result any) {
	switch code {
	case protocol.ConcurrentTransactions, protocol.CoordinatorNotAvailable:
		return // again
	case protocol.None:
	case protocol.ProducerFenced, protocol.InvalidProducerIDMapping, protocol.InvalidTxnState:
		p.phase, p.places = beginning, nil
		if p.ends {
			p.phase = gone
		}
		return
	default:
		w.t.Fatalf("got %v in phase %d", code, p.phase)
	}
	switch p.phase {
	case beginning:
		p.has, p.places, p.phase = result.(transaction.Producer), nil, adding
	case adding:
		p.phase = writing_
	case ending:
		p.outcome[p.number] = p.commit
		p.has, p.places, p.phase = result.(transaction.Producer), nil, adding
	}
}
