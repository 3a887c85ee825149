package partition

import (
	"slices"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
)

// leadershipOf puts together what a group said about its leader and, where this replica leads, about its
// members. What it said in another term counts for nothing: a leader that was deposed and elected again
// measures anew. Until it has, it vouches for itself alone.
func leadershipOf(known group.LeaderChanged, members *group.MembersChanged) *Leadership {
	l := &Leadership{Node: NoLeader, Epoch: protocol.LeaderEpoch(known.Term), Ready: known.Ready}
	if known.Leader == 0 {
		return l
	}
	l.Node = image.ReplicaID(known.Leader).Broker()
	if members != nil && members.Term == known.Term {
		l.InSync = brokersOf(members.InSync, members.Voters)
		l.Learners = brokersOf(members.Learners, members.Learners)
	}
	if known.Ready && l.InSync == nil {
		l.InSync = []int32{l.Node}
	}
	return l
}

// brokersOf returns the brokers of the replicas that are among those allowed, ascending, each once; nil if
// there are none. A broker that lost its disk may have two replicas in a group, the forgotten one and its
// successor.
func brokersOf(replicas, allowed []uint64) []int32 {
	var brokers []int32
	for _, replica := range replicas {
		if slices.Contains(allowed, replica) {
			brokers = append(brokers, image.ReplicaID(replica).Broker())
		}
	}
	slices.Sort(brokers)
	return slices.Compact(brokers)
}
