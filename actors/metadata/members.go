package metadata

import (
	"cmp"
	"slices"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/raftactor/group"
)

// maxVoters bounds the replicas of the metadata log that vote. More would not make it safer, and each change
// waits for more disks.
const maxVoters = 5

// members returns who belongs to the metadata log: every broker, the first ones as voters. Founders come
// before all others, and those that have never come are waited for, since they may be running; then whoever
// registered first, so that a new broker never takes the vote of another one.
func members(i *image.Image) group.Want {
	type member struct {
		replica image.ReplicaID
		joined  uint64
	}
	var all []member
	founders := i.Founders()
	for _, id := range founders {
		if i.Broker(id) == nil {
			all = append(all, member{replica: image.NewReplicaID(id, 1)})
		}
	}
	for _, broker := range i.Brokers() {
		joined := broker.Joined
		if slices.Contains(founders, broker.ID) {
			joined = 0
		}
		all = append(all, member{broker.Replica(), joined})
	}
	slices.SortFunc(all, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.joined, b.joined), cmp.Compare(a.replica, b.replica))
	})
	var want group.Want
	for n, one := range all {
		if n < maxVoters {
			want.Voters = append(want.Voters, uint64(one.replica))
		} else {
			want.Learners = append(want.Learners, uint64(one.replica))
		}
	}
	if len(want.Voters) > 0 {
		want.Preferred = slices.Min(want.Voters)
	}
	return want
}

// steer tells the group who its members should be and the links whom to reach, if that has changed. The
// replica that leads does what is needed; all are told, since any may lead next.
func (a *Actor) steer() {
	if !a.clustered() || !a.started || !a.image.HasBrokers() {
		return
	}
	want := members(a.image)
	same := slices.Equal(want.Voters, a.wanted.Voters) && slices.Equal(want.Learners, a.wanted.Learners)
	if !same {
		a.wanted = want
		a.core.Tell(want)
	}
	if peers := a.reachable(); !slices.Equal(peers, a.linked) {
		a.linked = peers
		a.options.Raft.Tell(raftactor.SetPeers{Peers: peers})
	}
}

// reachable returns the other brokers that are registered or expected, with where they are reached.
func (a *Actor) reachable() []raftactor.Peer {
	var peers []raftactor.Peer
	for _, broker := range a.image.Brokers() {
		if broker.ID != a.options.NodeID && broker.Raft != "" {
			peers = append(peers, raftactor.Peer{Node: broker.ID, Address: broker.Raft})
		}
	}
	for _, expected := range a.image.Expected() {
		if expected.ID != a.options.NodeID {
			peers = append(peers, raftactor.Peer{Node: expected.ID, Address: expected.Raft})
		}
	}
	return peers
}

// onCaughtUp hears that nothing is missing here that was committed when this replica started.
func (a *Actor) onCaughtUp(c *kit.Context) {
	a.catchUp()
	a.join(c)
}
