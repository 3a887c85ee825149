package coordinator

import (
	"slices"
	"time"

	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// Limits of what is on its way to one broker.
const (
	maxFlying  = 4
	maxMarkers = 1000
	maxSlow    = 64 // requests for slow partitions, to all brokers together
)

// Waits before a marker is sent again: they double with each attempt.
const (
	firstWait   = 20 * time.Millisecond
	longestWait = time.Second
)

// item is a marker that its partition has not confirmed.
type item struct {
	marker
	attempts int
	due      time.Time // when it is tried again
	absent   bool      // this node knows no such partition
	slow     bool      // it is counted among those of a slow partition
}

func newItems(markers []marker) []*item {
	items := make([]*item, len(markers))
	for i := range markers {
		items[i] = &item{marker: markers[i]}
	}
	return items
}

// put has an item wait for its next attempt.
func (i *item) put(now time.Time) {
	i.due = now.Add(min(firstWait<<min(i.attempts, 10), longestWait))
	i.attempts++
}

// marking knows of each marker where it is: in the queue of a broker, on its way there, or waiting for
// another attempt. It knows no actor.
//
// A request is answered when all its partitions have their markers, so one that cannot write would hold up
// the transactions of all others. A partition that does not confirm a marker at once is slow from then on,
// until it has confirmed all of them: its markers travel alone, one request at a time.
type marking struct {
	queues   map[int32][]*item   // by broker
	flying   map[int32]int       // requests on their way, by broker, without those for slow partitions
	asked    map[uint64]delivery // requests on their way, by token
	slow     map[transaction.Place]*slow
	sluggish int // requests for slow partitions on their way
	waiting  []*item
	last     uint64 // token

	checks   map[uint64]transaction.Place // questions whether there is such a partition, by token
	checking map[string]bool              // topics that such a question is about
}

// delivery is a request on its way.
type delivery struct {
	node  int32
	items []*item
	slow  *slow // the partition that it is for alone; nil: any
}

// slow is a partition that has not confirmed a marker at once.
type slow struct {
	node   int32
	count  int     // of its markers, wherever they are
	ready  []*item // to be sent
	flying bool
}

func newMarking() marking {
	return marking{
		queues: map[int32][]*item{}, flying: map[int32]int{}, asked: map[uint64]delivery{},
		slow:   map[transaction.Place]*slow{},
		checks: map[uint64]transaction.Place{}, checking: map[string]bool{},
	}
}

// route puts items into the queues of those who lead their partitions now. It returns what waits because this
// node knows no such partition.
func (m *marking) route(now time.Time, items []*item, leader Leader) (absent []*item) {
	for _, one := range items {
		node, found, exists := leader(one.place.Topic, one.place.Partition)
		one.absent = !found || !exists
		switch {
		case one.absent:
			absent = append(absent, one)
			m.wait(now, one)
		case node == partition.NoLeader:
			m.wait(now, one)
		case m.slow[one.place] != nil:
			p := m.slowDown(one)
			p.node, p.ready = node, append(p.ready, one)
		default:
			m.queues[node] = append(m.queues[node], one)
		}
	}
	return absent
}

// slowDown counts an item among those of a slow partition.
func (m *marking) slowDown(one *item) *slow {
	p := m.slow[one.place]
	if p == nil {
		p = &slow{}
		m.slow[one.place] = p
	}
	if !one.slow {
		one.slow = true
		p.count++
	}
	return p
}

// over forgets an item whose partition knows, or is gone.
func (m *marking) over(one *item) {
	if !one.slow {
		return
	}
	if p := m.slow[one.place]; p.count > 1 {
		p.count--
	} else {
		delete(m.slow, one.place)
	}
}

func (m *marking) wait(now time.Time, one *item) {
	m.slowDown(one)
	one.put(now)
	m.waiting = append(m.waiting, one)
}

// due takes out the items whose wait is over.
func (m *marking) due(now time.Time) []*item {
	var due []*item
	m.waiting = slices.DeleteFunc(m.waiting, func(one *item) bool {
		if one.due.After(now) {
			return false
		}
		due = append(due, one)
		return true
	})
	return due
}

// next returns when the first wait is over, zero if nothing waits.
func (m *marking) next() time.Time {
	var next time.Time
	for _, one := range m.waiting {
		if next.IsZero() || one.due.Before(next) {
			next = one.due
		}
	}
	return next
}

// take takes the next request for a broker out of its queue, false if there is none or enough are on their
// way.
func (m *marking) take(node int32) (token uint64, items []*item, ok bool) {
	queue := m.queues[node]
	if len(queue) == 0 || m.flying[node] >= maxFlying {
		return 0, nil, false
	}
	items = queue[:min(len(queue), maxMarkers)]
	if m.queues[node] = queue[len(items):]; len(m.queues[node]) == 0 {
		delete(m.queues, node)
	}
	m.last++
	m.flying[node]++
	m.asked[m.last] = delivery{node: node, items: items}
	return m.last, items, true
}

// takeSlow takes the next request for a slow partition, false if there is none or enough are on their way.
func (m *marking) takeSlow() (token uint64, node int32, items []*item, ok bool) {
	if m.sluggish >= maxSlow {
		return 0, 0, nil, false
	}
	for _, p := range m.slow {
		if p.flying || len(p.ready) == 0 {
			continue
		}
		items = p.ready[:min(len(p.ready), maxMarkers)]
		p.ready, p.flying = p.ready[len(items):], true
		m.last++
		m.sluggish++
		m.asked[m.last] = delivery{p.node, items, p}
		return m.last, p.node, items, true
	}
	return 0, 0, nil, false
}

// returned takes the items of a request that is over. Those whose partition has not confirmed them wait.
func (m *marking) returned(now time.Time, token uint64, code func(*item) protocol.Code,
) (done, fenced []*item) {
	one, open := m.asked[token]
	if !open {
		return nil, nil
	}
	delete(m.asked, token)
	m.landed(one)
	for _, i := range one.items {
		switch code(i) {
		case protocol.None, protocol.InvalidProducerEpoch, protocol.UnsupportedForMessageFormat:
			m.over(i)
			done = append(done, i)
		case protocol.TransactionCoordinatorFenced:
			i.attempts = 10 // with the longest wait
			fenced = append(fenced, i)
			m.wait(now, i)
		default:
			m.wait(now, i)
		}
	}
	return done, fenced
}

// landed notes that a request is not on its way any more.
func (m *marking) landed(one delivery) {
	if one.slow != nil {
		one.slow.flying = false
		m.sluggish--
		return
	}
	if m.flying[one.node]--; m.flying[one.node] == 0 {
		delete(m.flying, one.node)
	}
}

// gone takes out the items that wait for a partition which does not exist: those of its topic if there is
// none.
func (m *marking) gone(place transaction.Place, topicGone bool) []*item {
	var gone []*item
	m.waiting = slices.DeleteFunc(m.waiting, func(one *item) bool {
		match := one.absent && (one.place == place || topicGone && one.place.Topic == place.Topic)
		if match {
			m.over(one)
			gone = append(gone, one)
		}
		return match
	})
	return gone
}
