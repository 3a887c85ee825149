package partition

import (
	"errors"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/group"
)

// Actor is the actor of one replica. See the package comment for its card.
type Actor struct {
	replica *Replica
	options *Options
	waiters waiters
	known   group.LeaderChanged // what the group said last
}

// Spec returns how to spawn the actor of a replica.
func Spec(replica *Replica, options *Options) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor { return &Actor{replica: replica, options: options} },
		Log: &options.Log,
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
	case group.MembersChanged:
		a.onMembersChanged(c, m)
	case SetMembers:
		a.onSetMembers(m)
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
			Group: replica.Group, Name: replica.Name(), Replica: replica.ID,
			Voters: replica.Voters, Preferred: replica.Preferred,
			Open: func(state []byte, rebuild bool) (applier.Machine, error) {
				return OpenMachine(replica, options, state, rebuild)
			},
			Place: replica.place,
			// By name: news must reach whoever bears it, should this actor or its manager be rebuilt.
			Events: replica.Waiters,
		},
		ReplyTo: c.Self(),
	})
}

// onGroupStarted tells the group what was said before it could hear it, or catches up with a group that was
// running before this actor: it may have told its news when nobody was here to hear them.
func (a *Actor) onGroupStarted(c *kit.Context, m raftactor.Started) {
	switch {
	case m.Err == nil:
		a.tellMembers()
	case errors.Is(m.Err, raftactor.ErrExists):
		a.options.Raft.Tell(raftactor.Describe{ReplyTo: c.Self()})
		a.replica.Core.Tell(group.TellMembers{})
	default:
		c.Log().Warn().Err(m.Err).Str("topic", a.replica.Topic).Int32("partition", a.replica.Partition).
			Msg("replica could not be started")
	}
}

func (a *Actor) onDescribed(c *kit.Context, m raftactor.Described) {
	for _, status := range m.Groups {
		if status.Group == a.replica.Group {
			if status.State == raftactor.GivenUp {
				a.onOffline(c, raftactor.Offline{Group: status.Group, Err: status.Err})
				return
			}
			a.onLeaderChanged(c, group.LeaderChanged{
				Group: status.Group, Leader: status.Leader, Term: status.Term, Ready: status.Ready,
			})
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
		a.waiters.passed(view.End(), view.LastStable())
	}
	a.unwatch()
}

// unwatch spares the machine a message per append while nobody waits.
func (a *Actor) unwatch() {
	if a.waiters.empty() {
		a.replica.watched.Store(false)
	}
}

// onSetMembers notes who should be a member of the group and tells it.
func (a *Actor) onSetMembers(m SetMembers) {
	a.replica.want.Store(&m.Want)
	a.tellMembers()
}

func (a *Actor) tellMembers() {
	if want := a.replica.want.Load(); want != nil {
		a.replica.Core.Tell(*want)
	}
}

// onLeaderChanged publishes who leads. A replica that has just come to lead is told anew who should be a
// member: the group may have been rebuilt since it heard that.
func (a *Actor) onLeaderChanged(c *kit.Context, m group.LeaderChanged) {
	if m.Leader == a.replica.ID && a.known.Leader != m.Leader {
		a.tellMembers()
	}
	a.known = m
	a.publish(c)
}

func (a *Actor) onMembersChanged(c *kit.Context, m group.MembersChanged) {
	a.replica.members.Store(&m)
	if !a.publish(c) {
		// A change that clients do not see may still complete a reassignment.
		c.Parent().Tell(Led{Replica: a.replica})
	}
}

// publish shows what is known of the leadership and reports whether that is news. Whoever waits looks again
// if the leader is another one: he may have to go elsewhere.
func (a *Actor) publish(c *kit.Context) bool {
	before := a.replica.Leadership()
	next := leadershipOf(a.known, a.replica.Members())
	if next.Equal(before) {
		return false
	}
	a.replica.leadership.Store(next)
	if next.movedFrom(before) {
		a.waiters.wakeAll()
		a.unwatch()
	}
	c.Parent().Tell(Led{Replica: a.replica})
	return true
}

// onOffline says that the replica serves no more; the node works on without it.
func (a *Actor) onOffline(c *kit.Context, m raftactor.Offline) {
	c.Log().Error().Err(m.Err).Str("topic", a.replica.Topic).Int32("partition", a.replica.Partition).
		Msg("replica is offline until the node is started again")
	a.replica.offline.Store(true)
	a.resign(c)
}

// onDelete lets the group forget the replica. Its machine is closed by the time of the answer.
func (a *Actor) onDelete(c *kit.Context) {
	a.resign(c)
	a.options.Raft.Tell(raftactor.Stop{Group: a.replica.Group, Remove: true, ReplyTo: c.Self()})
}

// resign says that this replica knows of no leader any more.
func (a *Actor) resign(c *kit.Context) {
	a.known = group.LeaderChanged{Group: a.replica.Group, Term: uint64(a.replica.Leadership().Epoch)}
	a.publish(c)
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
