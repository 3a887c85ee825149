package partitions

import (
	"slices"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/wal"
)

// completeAfter is the pause before the controller is told again of the end of a reassignment.
const completeAfter = time.Second

// wanted returns who should be a member of the group of a partition. Replicas that leave are not among them:
// the group takes the new ones in first and lets the old ones go then, whatever it is told.
func wanted(p image.Partition) group.Want {
	return group.Want{Voters: numbers(p.Target()), Preferred: uint64(p.Preferred())}
}

// asFounded tells whether a partition has had the same replicas since its creation. Its group has them as
// members, so that there is nothing to tell ten thousand groups at every start.
func asFounded(p image.Partition) bool {
	return p.NextAddition <= 1 && slices.Equal(p.Founders, p.Target())
}

func sameWant(a, b group.Want) bool {
	return a.Preferred == b.Preferred && slices.Equal(a.Voters, b.Voters)
}

// numbers returns replica ids as Raft has them.
func numbers(replicas []image.ReplicaID) []uint64 {
	ids := make([]uint64, 0, len(replicas))
	for _, replica := range replicas {
		ids = append(ids, uint64(replica))
	}
	return ids
}

// reassigned tells whether the group of a partition has exactly the members that its reassignment aims at, as
// the leader on this node knows.
func reassigned(p image.Partition, l *partition.Leadership, m *group.MembersChanged) bool {
	if !p.Reassigning() || !l.Ready || m == nil || m.Term != uint64(l.Epoch) {
		return false
	}
	if m.Changing || len(m.Learners) > 0 {
		return false
	}
	target := slices.Sorted(slices.Values(numbers(p.Target())))
	return slices.Equal(slices.Sorted(slices.Values(m.Voters)), target)
}

// maybeComplete tells the controller when a reassignment has come to its end. Whoever leads the group says
// so until the image shows that it was noted; so neither a change of the controller nor one of the leader
// leaves it open for ever.
func (a *Actor) maybeComplete(c *kit.Context, replica *partition.Replica) {
	p, found := a.image.TopicByID(replica.TopicID).Partition(replica.Partition)
	if !found || !reassigned(p, replica.Leadership(), replica.Members()) {
		return
	}
	if _, told := a.completing[p.Group]; told {
		return
	}
	a.completing[p.Group] = struct{}{}
	a.options.Metadata.Tell(metadata.Submit{
		Request: controller.CompleteReassignment{
			ID: replica.TopicID, Partition: replica.Partition, Target: p.Target(),
		},
		ReplyTo: c.Self(), Token: uint64(p.Group),
	})
}

// onCompleted looks again after a while if the controller did not note the end of a reassignment.
func (a *Actor) onCompleted(c *kit.Context, m metadata.Submitted) {
	id := wal.GroupID(m.Token)
	if m.Err == nil {
		delete(a.completing, id)
		return
	}
	c.Log().Debug().Err(m.Err).Uint64("group", m.Token).Msg("end of a reassignment is not noted yet")
	c.After(completeAfter, complete{group: id})
}

func (a *Actor) onComplete(c *kit.Context, m complete) {
	delete(a.completing, m.group)
	if replica := a.local(m.group); replica != nil {
		a.maybeComplete(c, replica)
	}
}

// maxHandovers bounds the leaderships that one look hands over, so that the clients of a node which comes
// back do not all have to look for their leaders at once.
const maxHandovers = 100

// onBalance hands leaderships to the preferred replicas of their partitions, where those can take them.
func (a *Actor) onBalance(c *kit.Context) {
	a.sweepLeaders()
	if a.image == nil {
		return
	}
	left := maxHandovers
	a.options.Table.Each(func(topic *partition.Topic) bool {
		current := a.image.TopicByID(topic.ID)
		for _, replica := range topic.Replicas {
			if replica == nil {
				continue
			}
			p, found := current.Partition(replica.Partition)
			if found && left > 0 && prefersAnother(p, replica, a.options.NodeID, a.alive) {
				left--
				replica.Core.Tell(group.Transfer{To: uint64(p.Preferred()), ReplyTo: c.Self()})
			}
		}
		return left > 0
	})
}

// prefersAnother tells whether this node leads a partition whose preferred replica is elsewhere and could
// lead: it votes, has everything, and can be reached.
func prefersAnother(p image.Partition, replica *partition.Replica, node int32, alive func(int32) bool) bool {
	l, members, preferred := replica.Leadership(), replica.Members(), p.Preferred()
	broker := preferred.Broker()
	if !l.Ready || broker == node || members == nil {
		return false
	}
	return l.HasInSync(broker) && alive(broker) && slices.Contains(members.Voters, uint64(preferred))
}
