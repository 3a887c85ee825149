package records

import (
	"bytes"
	"maps"
	"slices"
)

// TopicID is the durable id of a topic.
type TopicID = [16]byte

// Partitions is a set of partitions by topic: lists are in order, without repetition and never empty. A value
// is never changed; the operations make new ones and may share lists.
type Partitions map[TopicID][]int32

// Has tells whether a partition is in the set.
func (p Partitions) Has(topic TopicID, index int32) bool {
	_, found := slices.BinarySearch(p[topic], index)
	return found
}

// Len returns the number of partitions.
func (p Partitions) Len() int {
	count := 0
	for _, list := range p {
		count += len(list)
	}
	return count
}

// Topics returns the topics in the order of their ids.
func (p Partitions) Topics() []TopicID {
	return slices.SortedFunc(maps.Keys(p), func(a, b TopicID) int { return bytes.Compare(a[:], b[:]) })
}

// Equal tells whether two sets hold the same.
func (p Partitions) Equal(other Partitions) bool {
	return maps.EqualFunc(p, other, func(a, b []int32) bool { return slices.Equal(a, b) })
}

// Keep returns the partitions that keep says yes to.
func (p Partitions) Keep(keep func(TopicID, int32) bool) Partitions {
	kept := Partitions{}
	for topic, list := range p {
		var some []int32
		for _, index := range list {
			if keep(topic, index) {
				some = append(some, index)
			}
		}
		if len(some) > 0 {
			kept[topic] = some
		}
	}
	return kept
}

// And returns what is in both sets.
func (p Partitions) And(other Partitions) Partitions { return p.Keep(other.Has) }

// Minus returns what is not in the other set.
func (p Partitions) Minus(other Partitions) Partitions {
	return p.Keep(func(topic TopicID, index int32) bool { return !other.Has(topic, index) })
}

// Plus returns what is in one of the sets.
func (p Partitions) Plus(other Partitions) Partitions {
	sum := maps.Clone(p)
	if sum == nil {
		sum = Partitions{}
	}
	for topic, list := range other {
		joined := append(slices.Clone(sum[topic]), list...)
		slices.Sort(joined)
		sum[topic] = slices.Compact(joined)
	}
	return sum
}

// PartitionsOf returns the set that lists by topic describe, whatever their order.
func PartitionsOf(lists map[TopicID][]int32) Partitions {
	return Partitions(nil).Plus(withoutEmpty(lists))
}

func withoutEmpty(lists map[TopicID][]int32) Partitions {
	kept := maps.Clone(lists)
	maps.DeleteFunc(kept, func(_ TopicID, list []int32) bool { return len(list) == 0 })
	return kept
}
