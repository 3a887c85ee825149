package offsets

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/chronik-go/chronik/actors/groups/records"
)

// Place is a partition of a topic.
type Place struct {
	Topic     string
	Partition int32
}

func (p Place) compare(other Place) int {
	return cmp.Or(cmp.Compare(p.Topic, other.Topic), cmp.Compare(p.Partition, other.Partition))
}

// Table holds the offsets of one group. The zero value is empty.
type Table struct {
	topics map[string]map[int32]records.Offset
	count  int
}

// Len returns the number of offsets.
func (t *Table) Len() int { return t.count }

// Put stores an offset in the place of an older one.
func (t *Table) Put(at Place, o records.Offset) {
	partitions := t.topics[at.Topic]
	if partitions == nil {
		if t.topics == nil {
			t.topics = map[string]map[int32]records.Offset{}
		}
		partitions = map[int32]records.Offset{}
		t.topics[at.Topic] = partitions
	}
	if _, known := partitions[at.Partition]; !known {
		t.count++
	}
	partitions[at.Partition] = o
}

// Get returns an offset, false if there is none.
func (t *Table) Get(at Place) (records.Offset, bool) {
	o, found := t.topics[at.Topic][at.Partition]
	return o, found
}

// Remove takes an offset out.
func (t *Table) Remove(at Place) {
	partitions := t.topics[at.Topic]
	if _, known := partitions[at.Partition]; !known {
		return
	}
	t.count--
	delete(partitions, at.Partition)
	if len(partitions) == 0 {
		delete(t.topics, at.Topic)
	}
}

// Places returns the places of all offsets that keep says yes to, in order; nil keeps all.
func (t *Table) Places(keep func(Place, records.Offset) bool) []Place {
	var found []Place
	for _, topic := range slices.Sorted(maps.Keys(t.topics)) {
		partitions := t.topics[topic]
		for _, index := range slices.Sorted(maps.Keys(partitions)) {
			at := Place{topic, index}
			if keep == nil || keep(at, partitions[index]) {
				found = append(found, at)
			}
		}
	}
	return found
}

// Expired tells whether an offset has been kept for long enough: until the time that its commit named, or
// for the retention time from base on, which is when its group was left, or when it was committed (KIP-211).
func Expired(o records.Offset, base, now time.Time, retention time.Duration) bool {
	if o.Expires >= 0 {
		return now.UnixMilli() >= o.Expires
	}
	return now.Sub(base) >= retention
}
