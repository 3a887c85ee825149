package partitions

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/raftactor"
)

// Times of the repair of replicas.
const (
	repairWindow = 30 * time.Second
	repairLeast  = 10 * time.Millisecond
	repairMost   = time.Second

	// resubscribeAfter is long enough for the broker to have built a new metadata actor; if it has not, the
	// watch tells at once and the manager tries again.
	resubscribeAfter = 100 * time.Millisecond
)

// onStarted subscribes to the image and to the links; everything else follows from that.
func (a *Actor) onStarted(c *kit.Context) {
	a.options.Metadata.Tell(metadata.Subscribe{Who: c.Self()})
	c.Watch(a.options.Metadata)
	c.Every(a.options.RetentionInterval, sweep{})
	a.spawnCleaner(c)
	if a.options.Peers != nil {
		a.options.Partition.Raft.Tell(raftactor.Subscribe{Who: c.Self()})
		c.Every(a.options.BalanceInterval, balance{})
	}
}

// onResubscribe asks the rebuilt metadata actor for the image.
func (a *Actor) onResubscribe(c *kit.Context) {
	a.options.Metadata.Tell(metadata.Subscribe{Who: c.Self()})
	c.Watch(a.options.Metadata)
}

// onImageChanged makes this node follow the image.
//
// Nothing follows from an image that may miss something that was committed before this process began, and
// nothing from one that is older than what was followed. This node may have been a member of a group, have
// left it, and have come back since under an id of its own: an image of between the two would have the
// replica deleted that is here now, along with records that it has acknowledged.
func (a *Actor) onImageChanged(c *kit.Context, m metadata.ImageChanged) {
	if a.image == nil && !m.CaughtUp {
		return
	}
	if a.image != nil && m.Image.Version() < a.image.Version() {
		a.behind = true
		return
	}
	whole := a.image == nil || a.behind || m.First
	a.image, a.behind = m.Image, false
	if whole {
		a.reconcile(c)
	} else {
		for _, event := range m.Events {
			a.onEvent(c, event)
		}
	}
	if m.CaughtUp && !a.cleared {
		a.cleared = true
		a.clearStrays(c)
	}
}

// reconcile compares the whole image with what is here: after a start of this actor, events are missing.
func (a *Actor) reconcile(c *kit.Context) {
	gone := make(map[image.TopicID]struct{})
	a.options.Table.Each(func(topic *partition.Topic) bool {
		gone[topic.ID] = struct{}{}
		return true
	})
	for id := range a.followed {
		gone[id] = struct{}{}
	}
	for topic := range a.image.Topics() {
		delete(gone, topic.ID)
	}
	for id := range kit.InOrderOf(gone, image.TopicID.Compare) {
		a.remove(c, id)
	}
	for topic := range a.image.Topics() {
		a.host(c, topic)
	}
	a.awaiting.seen(a.image)
}

// onEvent looks at what an event is about. What has become of it stands in the image, which may be newer.
func (a *Actor) onEvent(c *kit.Context, event image.Event) {
	switch e := event.(type) {
	case image.TopicCreated:
		a.follow(c, e.Topic.ID)
	case image.PartitionsCreated:
		a.follow(c, e.Topic.ID)
	case image.TopicDeleted:
		a.follow(c, e.Topic.ID)
	case image.PartitionsReassigned:
		a.follow(c, e.Topic.ID)
	case image.ReassignmentCompleted:
		a.follow(c, e.Topic.ID)
	case image.BrokerRegistered:
		a.onBrokerRegistered(c, e)
	case image.TopicConfigured:
		a.configure(e.Topic)
	case image.BrokerConfigured:
		for topic := range a.image.Topics() {
			a.configure(topic)
		}
	}
}

// onBrokerRegistered follows the topics in which a broker that lost its disk has other replicas now. When it
// is this node, the image has just learned what it may host.
func (a *Actor) onBrokerRegistered(c *kit.Context, e image.BrokerRegistered) {
	if e.Broker.ID == a.options.NodeID && (e.Previous == nil || e.Previous.Directory != e.Broker.Directory) {
		a.reconcile(c)
		return
	}
	for _, topic := range e.Topics {
		a.follow(c, topic.ID)
	}
}

// follow makes what is here of one topic what the image says.
func (a *Actor) follow(c *kit.Context, id image.TopicID) {
	if topic := a.image.TopicByID(id); topic != nil {
		a.host(c, topic)
		return
	}
	a.remove(c, id)
}
