package assignor

import (
	"strings"

	"github.com/chronik-go/chronik/actors/groups/records"
)

// Range gives each member that reads a topic a run of its partitions. Static members come first, in the order
// of their instances, so that they get the same runs whatever their ids; then the others by id. Members stand
// in the same order for all topics: those with as many partitions and readers are divided alike, so that a
// member can join them.
func Range(g Group) map[string]records.Partitions {
	members := sorted(g.Members, compareForRange)
	readers := map[records.TopicID]int32{}
	for i := range members {
		for _, topic := range members[i].Topics {
			readers[topic]++
		}
	}
	lists := make([][]place, len(members))
	turn := map[records.TopicID]int32{} // how many readers have had theirs
	for i := range members {
		for _, topic := range members[i].Topics {
			first, end := run(g.Partitions[topic], readers[topic], turn[topic])
			turn[topic]++
			for index := first; index < end; index++ {
				lists[i] = append(lists[i], place{topic, index})
			}
		}
	}
	return result(members, lists)
}

func compareForRange(a, b *Member) int {
	switch {
	case a.Instance != "" && b.Instance != "":
		return strings.Compare(a.Instance, b.Instance)
	case a.Instance != "":
		return -1
	case b.Instance != "":
		return 1
	}
	return strings.Compare(a.ID, b.ID)
}

// run returns where the run of a reader begins and ends; the first readers get what is over.
func run(partitions, readers, turn int32) (first, end int32) {
	size, over := partitions/readers, partitions%readers
	first = turn*size + min(turn, over)
	end = first + size
	if turn < over {
		end++
	}
	return first, end
}
