package coordinator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/transactions/records"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// world is a coordinator that can crash, the log it writes to, the partitions it tells of the ends of
// transactions, and producers. Everything happens in steps that the test chooses, so that a crash can come
// between any two of them.
type world struct {
	t          *testing.T
	random     *rand.Rand
	now        time.Time
	settings   *Settings
	core       *core
	epoch      int32 // of the coordinator
	log        []batch.Record
	writes     []write // given to the log, in order
	needs      []uint64
	fresh      int64
	sent       []sent // markers on their way
	partitions map[transaction.Place]*leader
	producers  []*producer
	tickets    map[ticket]*producer
	ticket     ticket
	crashes    int
}

// sent is a marker on its way to a partition.
type sent struct {
	marker
	epoch int32 // of the coordinator that sent it
}

// leader is a partition: what its producers wrote, and what has become of it.
type leader struct {
	producers map[int64]*written
	outcome   map[entry]bool // whether it was committed; open ones are not in it
}

// written is what a partition knows of a producer.
type written struct {
	epoch       int16
	coordinator int32
	open        []entry
}

// entry is a record of a transaction.
type entry struct {
	producer    int // index
	transaction int
}

func newWorld(t *testing.T, seed uint64, generation int16, producers int) *world {
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), now: time.UnixMilli(1_000_000),
		partitions: map[transaction.Place]*leader{}, tickets: map[ticket]*producer{},
		settings: &Settings{
			MaxTimeout: time.Hour, Retention: 24 * time.Hour, Generation: func() int16 { return generation },
		},
	}
	for i := range 4 {
		w.partitions[transaction.Place{Topic: "t", Partition: int32(i)}] = &leader{
			producers: map[int64]*written{}, outcome: map[entry]bool{},
		}
	}
	for i := range producers {
		w.producers = append(w.producers, &producer{
			index: i, id: fmt.Sprintf("id-%d", i/2), generation: generation, outcome: map[int]bool{},
		})
	}
	w.recover()
	return w
}

// recover starts a coordinator that knows what the log says.
func (w *world) recover() {
	w.epoch++
	w.core = newCore(w.settings)
	for _, record := range w.log {
		id, _ := records.Key(record.Key)
		if record.Value == nil {
			w.core.load(id, nil)
			continue
		}
		r, err := records.Read(record.Value)
		if err != nil {
			w.t.Fatal(err)
		}
		w.core.load(id, &r)
	}
	w.core.resume(w.now)
	w.settle()
}

// crash ends the coordinator. Of what it gave to the log the first few records are committed all the same;
// its markers may still arrive, and nobody gets an answer.
func (w *world) crash(committed int) {
	w.crashes++
	for _, one := range w.writes[:committed] {
		w.append(one)
	}
	w.writes, w.needs = nil, nil
	for _, p := range w.tickets {
		p.waits = false
	}
	clear(w.tickets)
	w.recover()
}

func (w *world) append(one write) {
	w.log = append(w.log, records.Record(one.id, one.record, w.settings.Generation()))
}

// checkCounts compares what is counted of ongoing transactions with what there is.
func (w *world) checkCounts() {
	w.t.Helper()
	open := 0
	for _, t := range w.core.transactions {
		if t.Record().State.Open() {
			open++
		}
	}
	if got := w.core.counts.ongoing; got != open {
		w.t.Fatalf("got %d ongoing transactions counted, want %d", got, open)
	}
}

// settle takes over what the core has brought about.
func (w *world) settle() {
	w.checkCounts()
	e := w.core.take()
	w.writes = append(w.writes, e.writes...)
	w.needs = append(w.needs, e.needs...)
	for _, one := range e.markers {
		w.sent = append(w.sent, sent{one, w.epoch})
	}
	for _, one := range e.answers {
		if p := w.tickets[one.ticket]; p != nil {
			delete(w.tickets, one.ticket)
			p.waits = false
			p.answered(w, one.code, one.result)
		}
	}
}

// commit commits the next record, or tells that it was not even tried.
func (w *world) commit(fails bool) {
	one := w.writes[0]
	w.writes = w.writes[1:]
	code := protocol.CoordinatorNotAvailable
	if !fails {
		w.append(one)
		code = protocol.None
	}
	w.core.written(w.now, one.token, code)
	w.settle()
}

func (w *world) allocate() {
	number := w.needs[0]
	w.needs = w.needs[1:]
	w.fresh++
	w.core.allocated(w.now, number, w.fresh, true)
	w.settle()
}

// deliver brings a marker to its partition, and the answer back unless it gets lost.
func (w *world) deliver(i int, answerLost bool) {
	m := w.sent[i]
	code := w.partitions[m.place].mark(m)
	ours := m.epoch == w.epoch
	if ours && (answerLost || code == protocol.TransactionCoordinatorFenced) {
		return // it is sent again
	}
	w.sent = slices.Delete(w.sent, i, i+1)
	if ours {
		w.core.marked(w.now, m.id, m.place)
		w.settle()
	}
}

// mark writes a marker as a partition does.
func (l *leader) mark(m sent) protocol.Code {
	p := l.producers[m.producer.ID]
	if p == nil {
		p = &written{}
		l.producers[m.producer.ID] = p
	}
	switch {
	case m.epoch < p.coordinator:
		return protocol.TransactionCoordinatorFenced
	case m.producer.Epoch < p.epoch:
		return protocol.InvalidProducerEpoch
	}
	for _, one := range p.open {
		l.outcome[one] = m.commit
	}
	p.open, p.epoch, p.coordinator = nil, m.producer.Epoch, m.epoch
	return protocol.None
}

// write appends a record of a transaction after it was verified.
func (w *world) write(place transaction.Place, p transaction.Producer, id string, one entry) bool {
	l := w.partitions[place]
	known := l.producers[p.ID]
	if known != nil && p.Epoch < known.epoch {
		return false
	}
	t := w.core.transactions[id]
	if t == nil {
		return false
	}
	codes, code := t.Verify(p, []transaction.Place{place})
	if code != protocol.None || codes[0] != protocol.None {
		return false
	}
	if known == nil {
		known = &written{}
		l.producers[p.ID] = known
	}
	known.epoch, known.open = p.Epoch, append(known.open, one)
	return true
}

// wait lets what waits for the end of a transaction wait too long.
func (w *world) wait() {
	w.now = w.now.Add(max(parkTime, holdTime))
	w.core.releaseLate(w.now)
	w.core.unparkLate(w.now)
	w.settle()
}

// step does one thing that can happen, or returns false if nothing can.
func (w *world) step(choose func(int) int, faults bool) bool {
	var can []func()
	if len(w.writes) > 0 {
		can = append(can, func() { w.commit(faults && choose(10) == 0) })
	}
	if len(w.needs) > 0 {
		can = append(can, w.allocate)
	}
	if len(w.sent) > 0 {
		can = append(can, func() { w.deliver(choose(len(w.sent)), faults && choose(5) == 0) })
	}
	if len(w.core.unfinished) > 0 {
		can = append(can, func() { w.core.retry(w.now); w.settle() })
	}
	if w.core.parked.waiting.Len() > 0 || w.core.held.waiting.Len() > 0 {
		can = append(can, w.wait)
	}
	for _, p := range w.producers {
		if !p.waits && p.can() {
			can = append(can, func() { p.act(w, choose) })
		}
	}
	if len(can) == 0 {
		return false
	}
	can[choose(len(can))]()
	return true
}

// finish lets everything come to rest: producers end what they have begun and begin nothing more.
func (w *world) finish() {
	for _, p := range w.producers {
		p.ends = true
	}
	for range 10_000 {
		w.now = w.now.Add(time.Second)
		if !w.step(w.random.IntN, false) {
			w.core.abortLate(w.now)
			w.settle()
			if len(w.writes)+len(w.needs)+len(w.sent) == 0 && w.quiet() {
				return
			}
		}
	}
	w.t.Fatal("the world does not come to rest")
}

func (w *world) quiet() bool {
	for _, t := range w.core.transactions {
		if s := t.Record().State; s == transaction.Ongoing || s.Prepared() {
			return false
		}
	}
	return true
}

// check finds transactions that are half there, and ends that are not what producers were told.
func (w *world) check() {
	w.t.Helper()
	outcome := map[entry]bool{}
	for place, l := range w.partitions {
		for id, p := range l.producers {
			if len(p.open) > 0 {
				w.t.Errorf("partition %d has an open transaction of producer id %d", place.Partition, id)
			}
		}
		for one, committed := range l.outcome {
			before, seen := outcome[one]
			if seen && before != committed {
				w.t.Errorf("transaction %d of producer %d is committed here and aborted there",
					one.transaction, one.producer)
			}
			outcome[one] = committed
		}
	}
	for _, p := range w.producers {
		for number, told := range p.outcome {
			if got, written := outcome[entry{p.index, number}]; written && got != told {
				w.t.Errorf("producer %d was told that its transaction %d is committed: %v, and it is: %v",
					p.index, number, told, got)
			}
		}
	}
}
