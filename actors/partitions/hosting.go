package partitions

import (
	"fmt"
	"path/filepath"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/raftactor/group"
)

// hosted is what the manager knows of one replica on this node.
type hosted struct {
	replica *partition.Replica
	child   kit.Address // zero while an older actor of the same name is still leaving
	want    group.Want  // who should be a member of its group; no voters: those that it began with
	leaving bool
	repairs kit.Restarts
}

// host makes the replicas of a topic on this node be those that the image says. What the table knows
// already keeps its handle, since connections and a running group hold on to it. A replica that is here under
// another id is another replica: the old one goes with all that it has, and the new one learns everything.
func (a *Actor) host(c *kit.Context, topic *image.Topic) {
	known := a.options.Table.TopicByID(topic.ID)
	next := &partition.Topic{Name: topic.Name, ID: topic.ID}
	next.Replicas = make([]*partition.Replica, len(topic.Partitions))
	config := a.options.Configure(a.image, topic)
	mine := a.registered()
	var gone []*partition.Replica
	for _, p := range topic.Partitions {
		old := known.Replica(p.Index)
		id, here := p.ReplicaOn(a.options.NodeID)
		switch {
		case !mine || here && old != nil && old.ID == uint64(id):
			next.Replicas[p.Index] = old
			continue
		case here:
			next.Replicas[p.Index] = a.newReplica(c, topic, p, id, config)
		}
		if old != nil {
			gone = append(gone, old)
		}
	}
	a.options.Table.Put(next)
	reconfigure(next, config)
	a.count(c, topic)
	for _, replica := range gone {
		a.retire(c, replica)
	}
	for i, replica := range next.Replicas {
		if replica != nil && mine {
			a.enroll(c, topic.Partitions[i], replica)
		}
	}
}

// registered tells whether the image knows this node with the data directory that it has.
func (a *Actor) registered() bool {
	broker := a.image.Broker(a.options.NodeID)
	return a.options.Directory == [16]byte{} || broker != nil && broker.Directory == a.options.Directory
}

// newReplica returns the handle of a replica that has not been here. One that its group began with knows the
// others that did; one that comes later knows nobody.
func (a *Actor) newReplica(c *kit.Context, topic *image.Topic, p image.Partition, id image.ReplicaID,
	config *partition.Config,
) *partition.Replica {
	replica := partition.NewReplica(topic.Name, topic.ID, p.Index, p.Group, config)
	replica.ID = uint64(id)
	if id.Founder() {
		replica.Voters, replica.Preferred = numbers(p.Founders), uint64(p.Preferred())
	}
	replica.Dir = filepath.Join(a.options.Partition.LogDir, replica.Name())
	replica.Core = a.options.Partition.Raft.Child("group-" + replica.Name())
	replica.Waiters = byName(c).Child(childName(topic.Name, p.Index))
	return replica
}

// byName returns the address of whoever is the manager. The handle of a replica, and the group that tells its
// news there, outlive this incarnation: under its own address they would speak to nobody once it has been
// rebuilt.
func byName(c *kit.Context) kit.Address {
	if parent := c.Parent(); !parent.IsZero() {
		return parent.Child(c.Self().Name())
	}
	return c.Self() // nobody rebuilds an actor at the top
}

// enroll makes sure that a replica is hosted and that its group knows who should be a member.
func (a *Actor) enroll(c *kit.Context, p image.Partition, replica *partition.Replica) {
	want := wanted(p)
	if asFounded(p) && replica.Want() == nil {
		want = group.Want{}
	}
	one := a.hosting(replica)
	switch {
	case one == nil:
		a.start(c, &hosted{replica: replica, want: want, repairs: partitionRepairs})
		return
	case sameWant(one.want, want):
		return
	}
	one.want = want
	one.child.Tell(partition.SetMembers{Want: want})
	a.maybeComplete(c, replica) // the members may be there already
}

// hosting returns what is known of a replica, nil if it is not hosted.
func (a *Actor) hosting(replica *partition.Replica) *hosted {
	name := childName(replica.Topic, replica.Partition)
	for _, one := range []*hosted{a.names[name], a.postponed[name]} {
		if one != nil && one.replica == replica {
			return one
		}
	}
	return nil
}

// start spawns the actor of a replica, or leaves it waiting until an older one of the same name has gone:
// both use the same directory.
func (a *Actor) start(c *kit.Context, one *hosted) {
	name := childName(one.replica.Topic, one.replica.Partition)
	if older := a.names[name]; older != nil {
		a.postponed[name] = one
		return
	}
	a.names[name] = one
	a.spawn(c, name, one)
}

// spawn builds the actor of a replica.
func (a *Actor) spawn(c *kit.Context, name string, one *hosted) {
	one.child = c.Spawn(name, partition.Spec(one.replica, a.options.Partition))
	if one.leaving {
		one.child.Tell(partition.Delete{})
		return
	}
	if len(one.want.Voters) > 0 {
		one.child.Tell(partition.SetMembers{Want: one.want})
	}
}

// remove deletes the replicas of a topic that is gone and takes it out of the tables at once.
func (a *Actor) remove(c *kit.Context, id image.TopicID) {
	a.discount(id)
	topic := a.options.Table.TopicByID(id)
	if topic == nil {
		return
	}
	a.options.Table.Drop(topic)
	for _, replica := range topic.Replicas {
		if replica != nil {
			a.retire(c, replica)
		}
	}
}

// retire deletes a replica that does not belong here any more. An earlier incarnation of this actor may have
// hosted it; then it gets an actor to be deleted by.
func (a *Actor) retire(c *kit.Context, replica *partition.Replica) {
	name := childName(replica.Topic, replica.Partition)
	if one := a.postponed[name]; one != nil && one.replica == replica {
		delete(a.postponed, name)
		return
	}
	one := a.names[name]
	if one == nil {
		a.start(c, &hosted{replica: replica, leaving: true, repairs: partitionRepairs})
	} else if one.replica == replica && !one.leaving {
		one.leaving = true
		one.child.Tell(partition.Delete{})
	}
	a.resigned(c, replica)
}

// configure publishes the effective configuration of a topic to its replicas.
func (a *Actor) configure(topic *image.Topic) {
	if known := a.options.Table.TopicByID(topic.ID); known != nil {
		reconfigure(known, a.options.Configure(a.image, topic))
	}
}

func reconfigure(topic *partition.Topic, config *partition.Config) {
	for _, replica := range topic.Replicas {
		if replica != nil {
			replica.Reconfigure(config)
		}
	}
}

// onTerminated makes room for a replica that waited for the name, repairs a child that failed, or
// subscribes again when the metadata actor was rebuilt.
func (a *Actor) onTerminated(c *kit.Context, m kit.Terminated) {
	if m.Who.Equal(a.options.Metadata) {
		c.After(resubscribeAfter, resubscribe{})
		return
	}
	name := m.Who.Name()
	if name == nameCleaner {
		wait, _ := a.cleaning.Failed(c.Now()) // without a limit there is always a wait
		c.After(wait, clean{})
		return
	}
	one := a.names[name]
	if one == nil {
		return
	}
	delete(a.names, name)
	if next := a.postponed[name]; next != nil {
		delete(a.postponed, name)
		a.start(c, next)
		return
	}
	if !one.leaving {
		a.repair(c, one)
	}
}

// repair builds the actor of a replica again; the group has gone on without it.
func (a *Actor) repair(c *kit.Context, one *hosted) {
	wait, ok := one.repairs.Failed(c.Now())
	if !ok {
		c.Log().Error().Str("topic", one.replica.Topic).Int32("partition", one.replica.Partition).
			Msg("replica keeps failing; fetches no longer wait for it")
		return
	}
	a.names[childName(one.replica.Topic, one.replica.Partition)] = one
	c.After(wait, rebuild{one})
}

// onRebuild spawns a repaired replica after its wait, or finishes a deletion that came meanwhile.
func (a *Actor) onRebuild(c *kit.Context, m rebuild) {
	name := childName(m.one.replica.Topic, m.one.replica.Partition)
	if a.names[name] == m.one {
		a.spawn(c, name, m.one)
	}
}

// onDeleted reports what could not be removed; the actor of the replica stops by itself.
func (a *Actor) onDeleted(c *kit.Context, m partition.Deleted) {
	if m.Err != nil {
		c.Log().Warn().Err(m.Err).Str("topic", m.Replica.Topic).Int32("partition", m.Replica.Partition).
			Msg("files of a deleted partition stay behind")
	}
}

// partitionRepairs paces the repair of a replica's actor.
var partitionRepairs = kit.Restarts{
	Limit: 5, Within: repairWindow, Min: repairLeast, Max: repairMost,
}

func childName(topic string, index int32) string { return fmt.Sprintf("partition-%s-%d", topic, index) }
