package partition

import (
	"errors"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/group"
)

// Actor is the actor of one replica. See the package comment for its card.
type Actor struct {
	replica *Replica
	options *Options
	waiters waiters
}

// Spec returns how to spawn the actor of a replica.
func Spec(replica *Replica, options *Options) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor { return &Actor{replica: replica, options: options} },
		Log: options.Log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case Wait:
		a.onWait(m)
	case Unwait:
		a.onUnwait(m)
	case advanced:
		a.onAdvanced()
	case raftactor.Started:
		a.onGroupStarted(c, m)
	case raftactor.Described:
		a.onDescribed(c, m)
	case group.LeaderChanged:
		a.onLeaderChanged(c, m)
	case raftactor.Offline:
		a.onOffline(c, m)
	case Delete:
		a.onDelete(c)
	case raftactor.Stopped:
		a.onGroupStopped(c, m)
	case kit.Stopping:
		a.waiters.wakeAll()
	}
}

// onStarted has the group run. If this actor was rebuilt the group runs already.
func (a *Actor) onStarted(c *kit.Context) {
	replica, options := a.replica, a.options
	a.options.Raft.Tell(raftactor.Start{
		Spec: raftactor.Spec{
			Group: replica.Group, Name: replica.Name(), Replica: replica.ID, Voters: replica.Voters,
			Open: func(state []byte, rebuild bool) (applier.Machine, error) {
				return OpenMachine(replica, options, state, rebuild)
			},
			// By name: news must reach whoever bears it, should this actor be rebuilt.
			Events: c.Parent().Child(c.Self().Name()),
		},
		ReplyTo: c.Self(),
	})
}

// onGroupStarted catches up with the leadership of a group that was running before this actor.
func (a *Actor) onGroupStarted(c *kit.Context, m raftactor.Started) {
	switch {
	case m.Err == nil:
	case errors.Is(m.Err, raftactor.ErrExists):
		a.options.Raft.Tell(raftactor.Describe{ReplyTo: c.Self()})
	default:
		c.Log().Warn().Err(m.Err).Str("topic", a.replica.Topic).Int32("partition", a.replica.Partition).
			Msg("replica could not be started")
	}
}

func (a *Actor) onDescribed(c *kit.Context, m raftactor.Described) {
	for _, status := range m.Groups {
		if status.Group == a.replica.Group {
			a.lead(c, status.Leader, status.Term, status.Ready)
		}
	}
}

func (a *Actor) onWait(m Wait) {
	if !a.waiters.add(m) {
		m.ReplyTo.Tell(Woken{Token: m.Token})
		return
	}
	a.replica.watched.Store(true)
	a.onAdvanced() // the high watermark may have passed before watched was set
}

func (a *Actor) onUnwait(m Unwait) {
	a.waiters.remove(m)
	a.unwatch()
}

func (a *Actor) onAdvanced() {
	if view := a.replica.View(); view != nil {
		a.waiters.passed(view.End())
	}
	a.unwatch()
}

// unwatch spares the machine a message per append while nobody waits.
func (a *Actor) unwatch() {
	if a.waiters.empty() {
		a.replica.watched.Store(false)
	}
}

func (a *Actor) onLeaderChanged(c *kit.Context, m group.LeaderChanged) {
	a.lead(c, m.Leader, m.Term, m.Ready)
}

// lead publishes who leads. Whoever waits looks again: he may have to go elsewhere.
func (a *Actor) lead(c *kit.Context, leader, term uint64, ready bool) {
	next := &Leadership{Node: NoLeader, Epoch: protocol.LeaderEpoch(term), Ready: ready}
	if leader != 0 {
		next.Node = image.ReplicaID(leader).Broker()
	}
	if *next == *a.replica.Leadership() {
		return
	}
	a.replica.leadership.Store(next)
	a.waiters.wakeAll()
	a.unwatch()
	c.Parent().Tell(Led{Replica: a.replica})
}

// onOffline says that the replica serves no more; the node works on without it.
func (a *Actor) onOffline(c *kit.Context, m raftactor.Offline) {
	c.Log().Error().Err(m.Err).Str("topic", a.replica.Topic).Int32("partition", a.replica.Partition).
		Msg("replica is offline until the node is started again")
	a.replica.offline.Store(true)
	a.lead(c, 0, uint64(a.replica.Leadership().Epoch), false)
}

// onDelete lets the group forget the replica. Its machine is closed by the time of the answer.
func (a *Actor) onDelete(c *kit.Context) {
	a.lead(c, 0, uint64(a.replica.Leadership().Epoch), false)
	a.options.Raft.Tell(raftactor.Stop{Group: a.replica.Group, Remove: true, ReplyTo: c.Self()})
}

// onGroupStopped removes the files. If power fails before, the tombstone and the image are there, and the
// next start finds a directory whose topic no longer exists.
func (a *Actor) onGroupStopped(c *kit.Context, m raftactor.Stopped) {
	err := m.Err
	if err == nil {
		err = a.replica.removeLog(a.options.FS)
	}
	c.Parent().Tell(Deleted{Replica: a.replica, Err: err})
	c.Stop(c.Self())
}
