package controller

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
)

// IsPlan tells whether a request comes to reassignments of many topics, so that Moves has to be asked.
func IsPlan(request any) bool {
	switch request.(type) {
	case Drain, Rebalance:
		return true
	}
	return false
}

// Moves turns a Drain or a Rebalance into reassignments, one for each topic that changes. It panics on any
// other request.
func (p *Planner) Moves(tail *image.Image, request any) ([]ReassignPartitions, error) {
	switch r := request.(type) {
	case Drain:
		return p.drain(tail, r)
	case Rebalance:
		return p.rebalance(tail), nil
	}
	panic("BUG: got a request that is not a plan, want Drain or Rebalance")
}

// load counts what the brokers have to carry.
type load struct {
	brokers  map[int32]*image.Broker // that may take replicas: registered and running
	replicas map[int32]int
	firsts   map[int32]int // preferred leaders
}

// measure counts the replicas that the partitions shall have. Brokers without any are counted too.
func (p *Planner) measure(tail *image.Image) *load {
	l := &load{
		brokers:  make(map[int32]*image.Broker),
		replicas: make(map[int32]int),
		firsts:   make(map[int32]int),
	}
	for _, broker := range tail.Brokers() {
		if p.alive(broker.ID) {
			l.brokers[broker.ID] = broker
		}
	}
	for topic := range tail.Topics() {
		for _, partition := range topic.Partitions {
			l.add(image.BrokersOf(partition.Target()), 1)
		}
	}
	return l
}

func (l *load) add(brokers []int32, n int) {
	for _, broker := range brokers {
		l.replicas[broker] += n
	}
	l.firsts[brokers[0]] += n
}

// change counts a partition's new brokers in the place of its old ones.
func (l *load) change(from, to []int32) {
	l.add(from, -1)
	l.add(to, 1)
}

// ids returns the brokers that may take replicas, ascending.
func (l *load) ids() []int32 { return slices.Sorted(maps.Keys(l.brokers)) }

// taker returns the broker that should take a replica beside others: of those on racks that hold the fewest
// of the others, the one with the fewest replicas. False means that there is none.
func (l *load) taker(others []int32, racks map[string]int) (int32, bool) {
	best, found := int32(0), false
	for _, id := range l.ids() {
		if slices.Contains(others, id) {
			continue
		}
		if !found || l.fitter(id, best, racks) {
			best, found = id, true
		}
	}
	return best, found
}

func (l *load) fitter(a, b int32, racks map[string]int) bool {
	return cmp.Or(
		cmp.Compare(racks[l.brokers[a].Rack], racks[l.brokers[b].Rack]),
		cmp.Compare(l.replicas[a], l.replicas[b]),
	) < 0
}

// racksOf counts the racks of brokers. Those without a rack are no two of them on one.
func racksOf(tail *image.Image, brokers []int32) map[string]int {
	racks := make(map[string]int)
	for _, id := range brokers {
		if broker := tail.Broker(id); broker != nil && broker.Rack != "" {
			racks[broker.Rack]++
		}
	}
	return racks
}

// drain moves each replica of a broker to the broker that should take it.
func (p *Planner) drain(tail *image.Image, r Drain) ([]ReassignPartitions, error) {
	if !tail.Known(r.Broker) {
		return nil, refuse(protocol.BrokerIDNotRegistered, "Broker ID %d is not currently registered.", r.Broker)
	}
	l := p.measure(tail)
	delete(l.brokers, r.Broker)
	var moves []ReassignPartitions
	for topic := range tail.Topics() {
		move := ReassignPartitions{ID: topic.ID}
		for _, partition := range topic.Partitions {
			from := image.BrokersOf(partition.Target())
			at := slices.Index(from, r.Broker)
			if at < 0 {
				continue
			}
			to := slices.Clone(from)
			others := slices.Delete(slices.Clone(from), at, at+1)
			switch taker, found := l.taker(from, racksOf(tail, others)); {
			case found:
				to[at] = taker
			case r.Force && len(others) > 0:
				to = others
			default:
				return nil, refuse(protocol.InvalidReplicationFactor, "No running broker can take the replica of "+
					"%s-%d that broker %d has.", topic.Name, partition.Index, r.Broker)
			}
			if at == 0 {
				l.leadFewest(to)
			}
			l.change(from, to)
			move.Partitions = append(move.Partitions, Assignment{Partition: partition.Index, Brokers: to})
		}
		if len(move.Partitions) > 0 {
			moves = append(moves, move)
		}
	}
	return moves, nil
}

// leadFewest makes the broker that is the preferred leader of the fewest partitions that of this one: whoever
// takes the replicas of a broker need not take all it led.
func (l *load) leadFewest(brokers []int32) {
	fewest := slices.MinFunc(brokers, func(a, b int32) int { return cmp.Compare(l.firsts[a], l.firsts[b]) })
	at := slices.Index(brokers, fewest)
	brokers[0], brokers[at] = brokers[at], brokers[0]
}

// rebalance moves replicas from the brokers that have the most to those that have the fewest, and then the
// place of the preferred leader among the replicas of each partition. Partitions that are being
// reassigned, or have replicas on brokers that do not run, stay as they are.
func (p *Planner) rebalance(tail *image.Image) []ReassignPartitions {
	l := p.measure(tail)
	if len(l.brokers) == 0 {
		return nil
	}
	plan := newPlan(tail, l)
	for plan.moveOne() {
	}
	for plan.leadOne() {
	}
	return plan.moves()
}

// plan is where the partitions shall be in the end.
//
// Every step makes the difference between two brokers smaller, so there is an end.
type plan struct {
	tail  *image.Image
	load  *load
	seats []*seat
	next  int // seat to look at first: those before it have been looked at last
}

// seat is a partition that may move.
type seat struct {
	topic     *image.Topic
	partition int32
	was, now  []int32
}

func newPlan(tail *image.Image, l *load) *plan {
	p := &plan{tail: tail, load: l}
	for topic := range tail.Topics() {
		for _, partition := range topic.Partitions {
			brokers := partition.Brokers()
			movable := !partition.Reassigning() && !slices.ContainsFunc(brokers, func(id int32) bool {
				return l.brokers[id] == nil
			})
			if movable {
				p.seats = append(p.seats, &seat{topic, partition.Index, brokers, brokers})
			}
		}
	}
	return p
}

// moveOne moves one replica from a broker that has at least two more than the one that takes it, without
// putting more replicas of a partition on one rack. It tells whether there was such a move.
//
// Moves that make the leads no less even come first: a partition of one replica is led wherever it is, and
// no other choice of leaders makes up for it later.
func (p *plan) moveOne() bool {
	return p.moveAny(false) || p.moveAny(true)
}

func (p *plan) moveAny(unevenLeads bool) bool {
	ids := p.load.ids()
	slices.SortStableFunc(ids, func(a, b int32) int {
		return cmp.Compare(p.load.replicas[b], p.load.replicas[a])
	})
	for _, giver := range ids {
		for _, taker := range slices.Backward(ids) {
			if p.load.replicas[giver]-p.load.replicas[taker] < 2 {
				break
			}
			if p.move(giver, taker, unevenLeads) {
				return true
			}
		}
	}
	return false
}

func (p *plan) move(giver, taker int32, unevenLeads bool) bool {
	leads := unevenLeads || p.load.firsts[giver] > p.load.firsts[taker]
	for s := range p.turn() {
		at := slices.Index(s.now, giver)
		if at < 0 || at == 0 && !leads || slices.Contains(s.now, taker) {
			continue
		}
		racks := racksOf(p.tail, slices.Delete(slices.Clone(s.now), at, at+1))
		if racks[p.load.brokers[taker].Rack] > racks[p.load.brokers[giver].Rack] {
			continue
		}
		next := slices.Clone(s.now)
		next[at] = taker
		p.put(s, next)
		return true
	}
	return false
}

// turn visits all seats, from the one after the seat that it stopped at last: a plan of n moves does not look
// at the first seats n times.
func (p *plan) turn() iter.Seq[*seat] {
	return func(yield func(*seat) bool) {
		for range p.seats {
			s := p.seats[p.next]
			p.next = (p.next + 1) % len(p.seats)
			if !yield(s) {
				return
			}
		}
	}
}

// leadOne gives one partition another preferred leader among its replicas, one that has at least two fewer.
// If there is none, brokers between the two pass the place on: each gives it away for one partition and takes
// it for another.
func (p *plan) leadOne() bool {
	for s := range p.turn() {
		next := slices.Clone(s.now)
		p.load.leadFewest(next)
		if p.load.firsts[s.now[0]]-p.load.firsts[next[0]] >= 2 {
			p.put(s, next)
			return true
		}
	}
	for _, giver := range p.load.ids() {
		if p.passOn(giver) {
			return true
		}
	}
	return false
}

// passOn looks for the shortest way from a broker over seats that it leads, brokers that follow there, seats
// that those lead and so on, to one that leads at least two fewer, and moves the lead of each seat on it.
func (p *plan) passOn(giver int32) bool {
	leads := make(map[int32][]*seat)
	for _, s := range p.seats {
		leads[s.now[0]] = append(leads[s.now[0]], s)
	}
	reached := map[int32]*seat{giver: nil} // by the seat that would be led next
	for ring := []int32{giver}; len(ring) > 0; ring = ring[1:] {
		for _, s := range leads[ring[0]] {
			for _, taker := range s.now[1:] {
				if _, seen := reached[taker]; seen {
					continue
				}
				reached[taker] = s
				if p.load.firsts[giver]-p.load.firsts[taker] < 2 {
					ring = append(ring, taker)
					continue
				}
				for s := reached[taker]; s != nil; s = reached[taker] {
					from, next := s.now[0], slices.Clone(s.now)
					at := slices.Index(next, taker)
					next[0], next[at] = next[at], next[0]
					p.put(s, next)
					taker = from
				}
				return true
			}
		}
	}
	return false
}

func (p *plan) put(s *seat, brokers []int32) {
	p.load.change(s.now, brokers)
	s.now = brokers
}

// moves lists what has changed, by topic.
func (p *plan) moves() []ReassignPartitions {
	var moves []ReassignPartitions
	for _, s := range p.seats {
		if slices.Equal(s.was, s.now) {
			continue
		}
		if len(moves) == 0 || moves[len(moves)-1].ID != s.topic.ID {
			moves = append(moves, ReassignPartitions{ID: s.topic.ID})
		}
		last := &moves[len(moves)-1]
		last.Partitions = append(last.Partitions, Assignment{Partition: s.partition, Brokers: s.now})
	}
	return moves
}
