package transactions

import (
	"math"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/transactions/coordinator"
	"github.com/chronik-go/chronik/actors/transactions/records"
	"github.com/chronik-go/chronik/protocol"
)

// Options say what the manager works with.
type Options struct {
	Table       *partition.Table
	Image       func() *image.Image
	Metadata    kit.Address
	Coordinator coordinator.Options // of every coordinator; the manager fills in which partition it is
	Log         zerolog.Logger
}

// lookInterval is the time between two looks at who leads. Changes are told at once; this is for replicas
// that were not there yet.
const lookInterval = time.Second

// resubscribeAfter is the wait before a metadata actor that failed is asked again.
const resubscribeAfter = 50 * time.Millisecond

// Actor is the manager. See the package comment for its card.
type Actor struct {
	options Options
	slots   map[int32]*slot
}

// slot is one partition of __transaction_state with a replica on this node.
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

// Spec returns how to spawn the manager.
func Spec(options Options) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor { return &Actor{options: options, slots: map[int32]*slot{}} },
		Log: options.Log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.subscribe(c)
		c.Every(lookInterval, look{})
	case coordinator.Ask:
		a.onAsk(c, m)
	case List:
		a.onList(m)
	case metadata.ImageChanged:
		a.onLook(c)
	case partition.Woken:
		a.onWoken(c, m)
	case look:
		a.onLook(c)
	case resubscribe:
		a.subscribe(c)
	case kit.ChildFailed:
		a.onChildFailed(c, m)
	case kit.Terminated:
		a.onTerminated(c, m)
	}
}

func (a *Actor) subscribe(c *kit.Context) {
	c.Watch(a.options.Metadata)
	a.options.Metadata.Tell(metadata.Subscribe{Who: c.Self()})
}

// onAsk passes a request on to the coordinator of its id.
func (a *Actor) onAsk(c *kit.Context, m coordinator.Ask) {
	topic := a.options.Image().Topic(image.TransactionsTopic)
	if topic == nil {
		m.Answer(protocol.NotCoordinator, nil)
		return
	}
	index := records.PartitionOf(m.ID, int32(len(topic.Partitions)))
	one := a.slots[index]
	if one == nil || one.child.IsZero() {
		one = a.follow(c, topic, index)
	}
	if one == nil || one.child.IsZero() || one.leaving {
		m.Answer(a.absent(one), nil)
		return
	}
	one.child.Tell(m)
}

// absent says why there is no coordinator: none belongs here, or it is about to be built again.
func (a *Actor) absent(one *slot) protocol.Code {
	if one != nil && one.replica.Leadership().Ready {
		return protocol.CoordinatorLoadInProgress
	}
	return protocol.NotCoordinator
}

func (a *Actor) onList(m List) {
	answer := Listed{Token: m.Token}
	for _, one := range a.slots {
		if !one.child.IsZero() && !one.leaving {
			answer.Coordinators = append(answer.Coordinators, one.child)
		}
	}
	m.ReplyTo.Tell(answer)
}

// onLook brings all coordinators in line with who leads.
func (a *Actor) onLook(c *kit.Context) {
	topic := a.options.Image().Topic(image.TransactionsTopic)
	count := 0
	if topic != nil {
		count = len(topic.Partitions)
	}
	for index := range count {
		a.follow(c, topic, int32(index))
	}
	for index, one := range a.slots {
		if topic == nil || int(index) >= count || a.options.Table.LookupID(topic.ID, index) != one.replica {
			a.leave(c, one)
			if one.child.IsZero() {
				delete(a.slots, index)
			}
		}
	}
}

// follow brings the coordinator of a partition in line with who leads it, and returns its slot, nil if this
// node has no replica of it.
func (a *Actor) follow(c *kit.Context, topic *image.Topic, index int32) *slot {
	replica := a.options.Table.LookupID(topic.ID, index)
	one := a.slots[index]
	if replica == nil {
		return one
	}
	if one == nil {
		one = &slot{index: index, replica: replica, repairs: kit.Restarts{
			Limit: kit.NoLimit, Within: time.Minute, Min: 10 * time.Millisecond, Max: 10 * time.Second,
		}}
		a.slots[index] = one
	}
	if one.replica != replica {
		a.leave(c, one)
		if !one.child.IsZero() {
			return one
		}
		one.replica, one.watched = replica, false
	}
	if !one.watched {
		a.watch(c, one)
	}
	a.steer(c, one)
	return one
}

// watch has the replica wake us when its leadership changes. No offset is that large.
func (a *Actor) watch(c *kit.Context, one *slot) {
	one.watched, one.seen = true, one.replica.Leadership()
	one.replica.Waiters.Tell(partition.Wait{
		Offset: math.MaxInt64, ReplyTo: c.Self(), Token: uint64(one.index),
	})
}

// steer builds or stops the coordinator of a slot.
func (a *Actor) steer(c *kit.Context, one *slot) {
	leadership := one.replica.Leadership()
	switch {
	case !one.child.IsZero() && (!leadership.Ready || leadership.Epoch != one.epoch):
		a.leave(c, one)
	case one.child.IsZero() && leadership.Ready && !c.Now().Before(one.paused):
		one.epoch = leadership.Epoch
		name := "coordinator-" + strconv.Itoa(int(one.index))
		options := a.options.Coordinator
		options.Replica, options.Epoch = one.replica, leadership.Epoch
		options.Log = a.options.Log.With().Int32("coordinator", one.index).Logger()
		one.child = c.Spawn(name, coordinator.Spec(options))
	}
}

// leave stops the coordinator of a slot.
func (a *Actor) leave(c *kit.Context, one *slot) {
	if !one.child.IsZero() && !one.leaving {
		one.leaving = true
		c.Stop(one.child)
	}
}

// onWoken looks at a partition whose leadership has changed. The next wait comes before the look, so that
// only a change in the moment between them has to be found by the tick. If nothing has changed the replica
// is being rebuilt and cannot keep a wait: the tick asks it again.
func (a *Actor) onWoken(c *kit.Context, m partition.Woken) {
	one := a.slots[int32(m.Token)]
	if one == nil {
		return
	}
	if one.watched = false; one.replica.Leadership() != one.seen {
		a.watch(c, one)
	}
	a.steer(c, one)
}

// onChildFailed makes a pause before a coordinator that failed is built again.
func (a *Actor) onChildFailed(c *kit.Context, m kit.ChildFailed) {
	if one := a.slotOf(m.Who); one != nil {
		wait, _ := one.repairs.Failed(c.Now()) // without a limit there is always a wait
		one.paused = c.Now().Add(wait)
	}
}

// onTerminated makes room for the next coordinator.
func (a *Actor) onTerminated(c *kit.Context, m kit.Terminated) {
	if m.Who.Equal(a.options.Metadata) {
		c.After(resubscribeAfter, resubscribe{})
		return
	}
	one := a.slotOf(m.Who)
	if one == nil {
		return
	}
	one.child, one.leaving = kit.Address{}, false
	if pause := one.paused.Sub(c.Now()); pause > 0 {
		c.After(pause, look{})
		return
	}
	a.onLook(c)
}

func (a *Actor) slotOf(child kit.Address) *slot {
	for _, one := range a.slots {
		if one.child.Equal(child) {
			return one
		}
	}
	return nil
}
