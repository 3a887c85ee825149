package assignor

import (
	"slices"

	"github.com/chronik-go/chronik/actors/groups/records"
)

// uniform divides topics that all members read. A member may have total/members partitions, and as many
// members as there are partitions over may have one more: those that have the most, since they would have to
// give it away otherwise.
func uniform(members []Member, partitions map[records.TopicID]int32) map[string]records.Partitions {
	if len(members) == 0 {
		return nil
	}
	lists, taken := retained(members, partitions)
	var free []place
	total := 0
	for _, topic := range members[0].Topics {
		for index := range partitions[topic] {
			total++
			if at := (place{topic, index}); !taken[at] {
				free = append(free, at)
			}
		}
	}
	quotas := quotas(lists, total)
	for i := range lists {
		if over := len(lists[i]) - quotas[i]; over > 0 {
			kept, given := giveAway(lists[i], over)
			lists[i], free = kept, append(free, given...)
		}
	}
	slices.SortFunc(free, comparePlaces)
	dealOut(lists, quotas, free)
	return result(members, lists)
}

// quotas returns how many partitions each member is to have.
func quotas(lists [][]place, total int) []int {
	size, over := total/len(lists), total%len(lists)
	order := make([]int, len(lists))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(lists[b]) - len(lists[a]) })
	list := make([]int, len(lists))
	for rank, i := range order {
		list[i] = size
		if rank < over {
			list[i]++
		}
	}
	return list
}

// giveAway takes so many partitions from a list, one by one from the topic of which it has the most, so that
// members keep something of each topic.
func giveAway(list []place, over int) (kept, given []place) {
	have := map[records.TopicID]int{}
	for _, at := range list {
		have[at.topic]++
	}
	for range over {
		last := -1
		for i := len(list) - 1; i >= 0; i-- {
			if last < 0 || have[list[i].topic] > have[list[last].topic] {
				last = i
			}
		}
		have[list[last].topic]--
		given = append(given, list[last])
		list = slices.Delete(list, last, last+1)
	}
	return list, given
}

// dealOut deals the free partitions out in turn to those who have too few.
func dealOut(lists [][]place, quotas []int, free []place) {
	for len(free) > 0 {
		for i := range lists {
			if len(lists[i]) < quotas[i] && len(free) > 0 {
				lists[i], free = append(lists[i], free[0]), free[1:]
			}
		}
	}
}
