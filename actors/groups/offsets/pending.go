package offsets

import (
	"slices"

	"github.com/chronik-go/chronik/actors/groups/records"
)

// Pending holds the offsets that transactions have committed, until markers say what becomes of them. It
// belongs to one group. The zero value is empty.
type Pending struct {
	producers map[int64]map[Place]records.Offset
}

// Put notes an offset that a producer's transaction commits.
func (p *Pending) Put(producer int64, at Place, o records.Offset) {
	if p.producers == nil {
		p.producers = map[int64]map[Place]records.Offset{}
	}
	if p.producers[producer] == nil {
		p.producers[producer] = map[Place]records.Offset{}
	}
	p.producers[producer][at] = o
}

// Has tells whether a transaction is about to commit an offset of a place.
func (p *Pending) Has(at Place) bool {
	for _, places := range p.producers {
		if _, has := places[at]; has {
			return true
		}
	}
	return false
}

// Len returns the number of transactions.
func (p *Pending) Len() int { return len(p.producers) }

// Places returns the places of all offsets that keep says yes to, in no order, some perhaps more than once.
func (p *Pending) Places(keep func(Place) bool) []Place {
	var found []Place
	for _, places := range p.producers {
		for at := range places {
			if keep(at) {
				found = append(found, at)
			}
		}
	}
	return found
}

// Remove takes the offsets of a place out of all transactions: it was removed after they were written.
func (p *Pending) Remove(at Place) {
	for producer, places := range p.producers {
		if delete(places, at); len(places) == 0 {
			delete(p.producers, producer)
		}
	}
}

// End takes what a producer wrote before its marker at an offset of the log. If the marker commits, it goes
// into the table, but for what the table has of later records: a plain commit that came after one in a
// transaction counts, although the transaction ended after it, as in Kafka.
func (p *Pending) End(producer, marker int64, commit bool, table *Table) {
	places := p.producers[producer]
	for at, o := range places {
		if o.At >= marker {
			continue
		}
		delete(places, at)
		if known, has := table.Get(at); commit && (!has || o.At > known.At) {
			table.Put(at, o)
		}
	}
	if len(places) == 0 {
		delete(p.producers, producer)
	}
}

// Producers returns whose transactions there are, with the offset of the last record of each.
func (p *Pending) Producers() map[int64]int64 {
	last := make(map[int64]int64, len(p.producers))
	for producer, places := range p.producers {
		for _, o := range places {
			last[producer] = max(last[producer], o.At)
		}
	}
	return last
}

// Distinct sorts places and removes what is there twice.
func Distinct(places []Place) []Place {
	slices.SortFunc(places, Place.compare)
	return slices.Compact(places)
}
