package assignor

import (
	"slices"

	"github.com/chronik-go/chronik/actors/groups/records"
)

// mixed divides topics among members that read different ones. What members had stays for a start. Then come
// the partitions that nobody has, those of topics with few readers first, as they leave the least choice.
// At last partitions move from members that have more to readers of the same topic that have fewer.
func mixed(members []Member, partitions map[records.TopicID]int32) map[string]records.Partitions {
	lists, taken := retained(members, partitions)
	topics, readers := readersOf(members)
	m := &mix{lists: lists, readers: readers}
	for _, topic := range topics {
		for index := range partitions[topic] {
			if at := (place{topic, index}); !taken[at] {
				to := m.least(topic)
				m.lists[to] = append(m.lists[to], at)
			}
		}
	}
	for m.even(topics) {
	}
	return result(members, m.lists)
}

type mix struct {
	lists   [][]place
	readers map[records.TopicID][]int // members by topic
}

// readersOf returns the topics, those with few readers first, and who reads them.
func readersOf(members []Member) ([]records.TopicID, map[records.TopicID][]int) {
	readers := map[records.TopicID][]int{}
	var topics []records.TopicID
	for i := range members {
		for _, topic := range members[i].Topics {
			if readers[topic] == nil {
				topics = append(topics, topic)
			}
			readers[topic] = append(readers[topic], i)
		}
	}
	slices.SortFunc(topics, func(a, b records.TopicID) int {
		if order := len(readers[a]) - len(readers[b]); order != 0 {
			return order
		}
		return compareTopics(a, b)
	})
	return topics, readers
}

// least returns the reader of a topic that has the fewest partitions.
func (m *mix) least(topic records.TopicID) int {
	readers := m.readers[topic]
	best := readers[0]
	for _, i := range readers[1:] {
		if len(m.lists[i]) < len(m.lists[best]) {
			best = i
		}
	}
	return best
}

// even moves partitions where that makes their readers more equal, and tells whether it moved any. Every move
// makes the sum of the squares of what members have smaller, so that it comes to an end.
func (m *mix) even(topics []records.TopicID) bool {
	moved := false
	for _, topic := range topics {
		for {
			from, at := m.most(topic)
			if from < 0 {
				break
			}
			to := m.least(topic)
			if len(m.lists[from]) < len(m.lists[to])+2 {
				break
			}
			one := m.lists[from][at]
			m.lists[from] = slices.Delete(m.lists[from], at, at+1)
			m.lists[to] = append(m.lists[to], one)
			moved = true
		}
	}
	return moved
}

// most returns who has the most partitions of those who have one of the topic, and the last of these in its
// list; -1 if nobody has.
func (m *mix) most(topic records.TopicID) (member, at int) {
	member = -1
	for _, i := range m.readers[topic] {
		if member >= 0 && len(m.lists[i]) <= len(m.lists[member]) {
			continue
		}
		for j := len(m.lists[i]) - 1; j >= 0; j-- {
			if m.lists[i][j].topic == topic {
				member, at = i, j
				break
			}
		}
	}
	return member, at
}
