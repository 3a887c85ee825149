package partitions

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
)

// hosted is what the manager knows of one replica on this node.
type hosted struct {
	replica *partition.Replica
	child   kit.Address // zero while an older actor of the same name is still leaving
	ready   bool        // as last counted
	leaving bool
	repairs kit.Restarts
}

// onStarted subscribes to the image; everything else follows from it.
func (a *Actor) onStarted(c *kit.Context) {
	a.options.Metadata.Tell(metadata.Subscribe{Who: c.Self()})
	c.Watch(a.options.Metadata)
	c.Every(a.options.RetentionInterval, sweep{})
}

// onImageChanged makes the replicas of this node follow the image.
func (a *Actor) onImageChanged(c *kit.Context, m metadata.ImageChanged) {
	a.image = m.Image
	if m.First {
		a.reconcile(c)
	}
	if m.CaughtUp && !a.cleared {
		a.cleared = true
		a.clearStrays(c)
	}
	for _, event := range m.Events {
		a.onEvent(c, event)
	}
}

// reconcile compares the whole image with the table: after a start of this actor, events are missing.
func (a *Actor) reconcile(c *kit.Context) {
	var gone []*partition.Topic
	a.options.Table.Each(func(topic *partition.Topic) bool {
		if a.image.TopicByID(topic.ID) == nil {
			gone = append(gone, topic)
		}
		return true
	})
	for _, topic := range gone {
		a.adopt(c, topic)
		a.remove(topic.ID)
	}
	for topic := range a.image.Topics() {
		a.host(c, topic)
	}
}

func (a *Actor) onEvent(c *kit.Context, event image.Event) {
	switch e := event.(type) {
	case image.TopicCreated:
		a.host(c, e.Topic)
	case image.PartitionsCreated:
		a.host(c, e.Topic)
	case image.TopicDeleted:
		a.remove(e.Topic.ID)
	case image.TopicConfigured:
		a.configure(e.Topic)
	case image.BrokerConfigured:
		for topic := range a.image.Topics() {
			a.configure(topic)
		}
	}
}

// host makes sure that every partition of the topic that has a replica here is hosted. What the table
// knows already keeps its handle, since connections and a running group hold on to it.
func (a *Actor) host(c *kit.Context, topic *image.Topic) {
	known := a.options.Table.TopicByID(topic.ID)
	config := a.options.Configure(a.image, topic)
	next := &partition.Topic{Name: topic.Name, ID: topic.ID}
	next.Replicas = make([]*partition.Replica, len(topic.Partitions))
	var fresh []*hosted
	for _, p := range topic.Partitions {
		id, here := p.ReplicaOn(a.options.NodeID)
		if !here {
			continue
		}
		name := childName(topic.Name, p.Index)
		replica := known.Replica(p.Index)
		if replica == nil {
			replica = partition.NewReplica(topic.Name, topic.ID, p.Index, p.Group, config)
			replica.ID, replica.Voters = uint64(id), voters(p)
			replica.Dir = filepath.Join(a.options.Partition.LogDir, replica.Name())
			replica.Core = a.options.Partition.Raft.Child("group-" + replica.Name())
			replica.Waiters = c.Self().Child(name)
		}
		next.Replicas[p.Index] = replica
		if one := a.names[name]; one == nil || one.replica != replica {
			fresh = append(fresh, &hosted{replica: replica, repairs: partitionRepairs})
		}
	}
	a.options.Table.Put(next)
	a.configure(topic)
	a.awaiting.topicAdded(topic.ID, len(fresh))
	for _, one := range fresh {
		a.start(c, one)
	}
}

// adopt takes over the replicas of a topic that an earlier incarnation of this actor hosted.
func (a *Actor) adopt(c *kit.Context, topic *partition.Topic) {
	for _, replica := range topic.Replicas {
		if replica != nil && a.names[childName(topic.Name, replica.Partition)] == nil {
			a.start(c, &hosted{replica: replica, repairs: partitionRepairs})
		}
	}
}

// start spawns the actor of a replica, or leaves it waiting until an older one of the same name, of a topic
// that was deleted, has gone: both use the same directory.
func (a *Actor) start(c *kit.Context, one *hosted) {
	name := childName(one.replica.Topic, one.replica.Partition)
	if older := a.names[name]; older != nil {
		a.postponed[name] = one
		return
	}
	a.names[name] = one
	one.child = c.Spawn(name, partition.Spec(one.replica, a.options.Partition))
}

// remove deletes the replicas of a topic and takes it out of the table at once.
func (a *Actor) remove(id image.TopicID) {
	topic := a.options.Table.TopicByID(id)
	if topic == nil {
		return
	}
	a.options.Table.Drop(topic)
	a.awaiting.topicRemoved(id)
	for _, replica := range topic.Replicas {
		if replica == nil {
			continue
		}
		name := childName(topic.Name, replica.Partition)
		if one := a.postponed[name]; one != nil && one.replica == replica {
			delete(a.postponed, name)
		}
		if one := a.names[name]; one != nil && one.replica == replica {
			one.leaving = true
			one.child.Tell(partition.Delete{})
		}
	}
}

// configure publishes the effective configuration of a topic to its replicas.
func (a *Actor) configure(topic *image.Topic) {
	known := a.options.Table.TopicByID(topic.ID)
	if known == nil {
		return
	}
	config := a.options.Configure(a.image, topic)
	for _, replica := range known.Replicas {
		if replica != nil {
			replica.Reconfigure(config)
		}
	}
}

// onLed counts a change of leadership for those who wait.
func (a *Actor) onLed(m partition.Led) {
	one := a.names[childName(m.Replica.Topic, m.Replica.Partition)]
	if one == nil || one.replica != m.Replica || one.leaving {
		return
	}
	was := one.ready
	one.ready = a.served(m.Replica.Leadership())
	a.awaiting.led(m.Replica.TopicID, was, one.ready)
}

// served tells whether a partition has a leader that accepts appends. Of other nodes it is known who leads,
// not whether they are ready; clients find out in the time that an answer takes.
func (a *Actor) served(l *partition.Leadership) bool {
	return l.Ready || (l.Node != partition.NoLeader && l.Node != a.options.NodeID)
}

// onTerminated makes room for a replica that waited for the name, repairs a child that failed, or
// subscribes again when the metadata actor was rebuilt.
func (a *Actor) onTerminated(c *kit.Context, m kit.Terminated) {
	if m.Who.Equal(a.options.Metadata) {
		c.After(resubscribeAfter, resubscribe{})
		return
	}
	name := m.Who.Name()
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
	if a.names[name] != m.one {
		return
	}
	m.one.child = c.Spawn(name, partition.Spec(m.one.replica, a.options.Partition))
	if m.one.leaving {
		m.one.child.Tell(partition.Delete{})
	}
}

// onDeleted reports what could not be removed; the actor of the replica stops by itself.
func (a *Actor) onDeleted(c *kit.Context, m partition.Deleted) {
	if m.Err != nil {
		c.Log().Warn().Err(m.Err).Str("topic", m.Replica.Topic).Int32("partition", m.Replica.Partition).
			Msg("files of a deleted partition stay behind")
	}
}

// onResubscribe asks the rebuilt metadata actor for the image.
func (a *Actor) onResubscribe(c *kit.Context) {
	a.options.Metadata.Tell(metadata.Subscribe{Who: c.Self()})
	c.Watch(a.options.Metadata)
}

// resubscribeAfter is long enough for the broker to have built a new metadata actor; if it has not, the
// watch tells at once and the manager tries again.
const resubscribeAfter = 100 * time.Millisecond

// partitionRepairs paces the repair of a replica's actor.
var partitionRepairs = kit.Restarts{
	Limit: 5, Within: 30 * time.Second, Min: 10 * time.Millisecond, Max: time.Second,
}

func childName(topic string, index int32) string { return fmt.Sprintf("partition-%s-%d", topic, index) }

func voters(p image.Partition) []uint64 {
	ids := make([]uint64, 0, len(p.Replicas))
	for _, replica := range p.Replicas {
		ids = append(ids, uint64(replica))
	}
	return slices.Clip(ids)
}
