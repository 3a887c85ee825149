package assignor

import (
	"bytes"
	"slices"
	"strings"

	"github.com/chronik-go/chronik/actors/groups/records"
)

// The names that members ask by.
const (
	UniformName = "uniform"
	RangeName   = "range"
)

// Member is a member as an assignor sees it.
type Member struct {
	ID       string
	Instance string             // empty: it has none
	Topics   []records.TopicID  // that it reads, all of them in Group.Partitions
	Had      records.Partitions // what it was to have before
}

// Group is what is to be divided among whom.
type Group struct {
	Members    []Member
	Partitions map[records.TopicID]int32 // how many each topic has
}

// Assignor returns what each member is to have, by its id. Every partition of a topic that somebody reads is
// given to exactly one member, which reads the topic.
type Assignor func(Group) map[string]records.Partitions

// ByName returns an assignor, nil if there is none of the name.
func ByName(name string) Assignor {
	switch name {
	case UniformName:
		return Uniform
	case RangeName:
		return Range
	}
	return nil
}

// Uniform gives members equally many partitions and moves as few as that takes.
func Uniform(g Group) map[string]records.Partitions {
	members := sorted(g.Members, func(a, b *Member) int { return strings.Compare(a.ID, b.ID) })
	if alike(members) {
		return uniform(members, g.Partitions)
	}
	return mixed(members, g.Partitions)
}

// sorted returns the members in order, each with its topics in order.
func sorted(members []Member, compare func(a, b *Member) int) []Member {
	list := slices.Clone(members)
	for i := range list {
		list[i].Topics = slices.Clone(list[i].Topics)
		slices.SortFunc(list[i].Topics, compareTopics)
		list[i].Topics = slices.Compact(list[i].Topics)
	}
	slices.SortFunc(list, func(a, b Member) int { return compare(&a, &b) })
	return list
}

func compareTopics(a, b records.TopicID) int { return bytes.Compare(a[:], b[:]) }

// alike tells whether all members read the same.
func alike(members []Member) bool {
	for i := range members {
		if !slices.Equal(members[i].Topics, members[0].Topics) {
			return false
		}
	}
	return true
}

// place is one partition.
type place struct {
	topic records.TopicID
	index int32
}

func comparePlaces(a, b place) int {
	if order := compareTopics(a.topic, b.topic); order != 0 {
		return order
	}
	return int(a.index) - int(b.index)
}

// retained returns what the members keep for a start: what they had, still read and still exists. Of two that
// had the same partition the first keeps it.
func retained(members []Member, partitions map[records.TopicID]int32) (kept [][]place, taken map[place]bool) {
	kept, taken = make([][]place, len(members)), map[place]bool{}
	for i := range members {
		m := &members[i]
		for _, topic := range m.Topics {
			for _, index := range m.Had[topic] {
				at := place{topic, index}
				if index < partitions[topic] && !taken[at] {
					kept[i], taken[at] = append(kept[i], at), true
				}
			}
		}
	}
	return kept, taken
}

// result turns lists into the sets of members.
func result(members []Member, lists [][]place) map[string]records.Partitions {
	assigned := make(map[string]records.Partitions, len(members))
	for i := range members {
		byTopic := map[records.TopicID][]int32{}
		for _, at := range lists[i] {
			byTopic[at.topic] = append(byTopic[at.topic], at.index)
		}
		assigned[members[i].ID] = records.PartitionsOf(byTopic)
	}
	return assigned
}
