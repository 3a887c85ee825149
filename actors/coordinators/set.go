package coordinators

import (
	"math"
	"strconv"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
)

// lookInterval is the time between two looks at who leads. Changes are told at once; this is for replicas
// that were not there yet.
const lookInterval = time.Second

// resubscribeAfter is the wait before a metadata actor that failed is asked again.
const resubscribeAfter = 50 * time.Millisecond

// Set holds the coordinators of one topic on this node.
type Set struct {
	Topic    string
	Table    *partition.Table
	Image    func() *image.Image
	Metadata kit.Address
	// Spec returns how to spawn the coordinator of a partition for the term that has begun.
	Spec func(replica *partition.Replica, index int32, epoch protocol.LeaderEpoch) kit.Spec

	slots map[int32]*slot
}

// slot is one partition of the topic with a replica on this node.
type slot struct {
	index   int32
	replica *partition.Replica
	child   kit.Address // zero: none
	epoch   protocol.LeaderEpoch
	leaving bool                  // the child was told to stop
	watched bool                  // the replica tells of changes
	seen    *partition.Leadership // when it was asked to
	repairs kit.Restarts
	paused  time.Time // no coordinator is built before
}

// serves tells whether the slot has a coordinator that takes requests.
func (s *slot) serves() bool { return s != nil && !s.child.IsZero() && !s.leaving }

// Start begins to follow the image and the replicas.
func (s *Set) Start(c *kit.Context) {
	s.slots = map[int32]*slot{}
	s.Subscribe(c)
	c.Every(lookInterval, Look{})
}

// Subscribe asks the metadata actor to tell of new images.
func (s *Set) Subscribe(c *kit.Context) {
	c.Watch(s.Metadata)
	s.Metadata.Tell(metadata.Subscribe{Who: c.Self()})
}

// Of returns the coordinator that a key, a group or a transactional id, belongs to. Without one the code says
// why: NOT_COORDINATOR, or COORDINATOR_LOAD_IN_PROGRESS if it is about to be built again.
func (s *Set) Of(c *kit.Context, key string) (kit.Address, protocol.Code) {
	topic := s.Image().Topic(s.Topic)
	if topic == nil {
		return kit.Address{}, protocol.NotCoordinator
	}
	index := PartitionOf(key, int32(len(topic.Partitions)))
	one := s.slots[index]
	if one == nil || one.child.IsZero() {
		one = s.follow(c, topic, index)
	}
	switch {
	case one.serves():
		return one.child, protocol.None
	case one != nil && one.replica.Leadership().Ready:
		return kit.Address{}, protocol.CoordinatorLoadInProgress
	default:
		return kit.Address{}, protocol.NotCoordinator
	}
}

// All returns the coordinators that take requests.
func (s *Set) All() (all []kit.Address) {
	for _, one := range kit.InOrder(s.slots) {
		if one.serves() {
			all = append(all, one.child)
		}
	}
	return all
}

// List answers the request.
func (s *Set) List(m List) { m.ReplyTo.Tell(Listed{Token: m.Token, Coordinators: s.All()}) }

// Look brings all coordinators in line with who leads.
func (s *Set) Look(c *kit.Context) {
	topic := s.Image().Topic(s.Topic)
	count := 0
	if topic != nil {
		count = len(topic.Partitions)
	}
	for index := range count {
		s.follow(c, topic, int32(index))
	}
	for index, one := range kit.InOrder(s.slots) {
		if topic == nil || int(index) >= count || s.Table.LookupID(topic.ID, index) != one.replica {
			s.leave(c, one)
			if one.child.IsZero() {
				delete(s.slots, index)
			}
		}
	}
}

// follow brings the coordinator of a partition in line with who leads it, and returns its slot, nil if this
// node has no replica of it.
func (s *Set) follow(c *kit.Context, topic *image.Topic, index int32) *slot {
	replica := s.Table.LookupID(topic.ID, index)
	one := s.slots[index]
	if replica == nil {
		return one
	}
	if one == nil {
		one = &slot{index: index, replica: replica, repairs: kit.Restarts{
			Limit: kit.NoLimit, Within: time.Minute, Min: 10 * time.Millisecond, Max: 10 * time.Second,
		}}
		s.slots[index] = one
	}
	if one.replica != replica {
		s.leave(c, one)
		if !one.child.IsZero() {
			return one
		}
		one.replica, one.watched = replica, false
	}
	if !one.watched {
		s.watch(c, one)
	}
	s.steer(c, one)
	return one
}

// watch has the replica wake us when its leadership changes. No offset is that large.
func (s *Set) watch(c *kit.Context, one *slot) {
	one.watched, one.seen = true, one.replica.Leadership()
	one.replica.Waiters.Tell(partition.Wait{
		Offset: math.MaxInt64, ReplyTo: c.Self(), Token: uint64(one.index),
	})
}

// steer builds or stops the coordinator of a slot.
func (s *Set) steer(c *kit.Context, one *slot) {
	leadership := one.replica.Leadership()
	switch {
	case !one.child.IsZero() && (!leadership.Ready || leadership.Epoch != one.epoch):
		s.leave(c, one)
	case one.child.IsZero() && leadership.Ready && !c.Now().Before(one.paused):
		one.epoch = leadership.Epoch
		one.child = c.Spawn("coordinator-"+strconv.Itoa(int(one.index)), s.Spec(one.replica, one.index, one.epoch))
	}
}

// leave stops the coordinator of a slot.
func (s *Set) leave(c *kit.Context, one *slot) {
	if !one.child.IsZero() && !one.leaving {
		one.leaving = true
		c.Stop(one.child)
	}
}

// Woken looks at a partition whose leadership has changed. The next wait comes before the look, so that
// only a change in the moment between them has to be found by the tick. If nothing has changed the replica
// is being rebuilt and cannot keep a wait: the tick asks it again.
func (s *Set) Woken(c *kit.Context, m partition.Woken) {
	one := s.slots[int32(m.Token)]
	if one == nil {
		return
	}
	if one.watched = false; one.replica.Leadership() != one.seen {
		s.watch(c, one)
	}
	s.steer(c, one)
}

// Failed makes a pause before a coordinator that failed is built again.
func (s *Set) Failed(c *kit.Context, m kit.ChildFailed) {
	if one := s.slotOf(m.Who); one != nil {
		wait, _ := one.repairs.Failed(c.Now()) // without a limit there is always a wait
		one.paused = c.Now().Add(wait)
	}
}

// Terminated makes room for the next coordinator.
func (s *Set) Terminated(c *kit.Context, m kit.Terminated) {
	if m.Who.Equal(s.Metadata) {
		c.After(resubscribeAfter, Resubscribe{})
		return
	}
	one := s.slotOf(m.Who)
	if one == nil {
		return
	}
	one.child, one.leaving = kit.Address{}, false
	if pause := one.paused.Sub(c.Now()); pause > 0 {
		c.After(pause, Look{})
		return
	}
	s.Look(c)
}

func (s *Set) slotOf(child kit.Address) *slot {
	for _, one := range s.slots {
		if one.child.Equal(child) {
			return one
		}
	}
	return nil
}
