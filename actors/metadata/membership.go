package metadata

import (
	"errors"
	"slices"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/group"
)

// groupName is the name of the metadata log's group.
const groupName = "meta"

// rejoinAfter is the pause before a failed step to membership is tried again.
const rejoinAfter = time.Second

// membership is how far this broker has come with joining the cluster.
//
//	state         condition                          does
//	forming       the cluster has no id              proposes FormCluster
//	registering   endpoints are known                proposes RegisterBroker
//	joined        since this actor was started
type membership struct {
	endpoints []image.Endpoint // where clients reach this broker now
	proposed  []image.Endpoint // with the registration under way, or the last one
	underWay  bool             // a proposal of ours is
	joined    bool
}

// onStarted starts the metadata log, or finds it running. The log and its machine outlive this actor, so
// they get its address by name, which reaches the one that is built after it too.
func (a *Actor) onStarted(c *kit.Context) {
	self := c.Parent().Child(c.Self().Name())
	a.core = a.options.Raft.Child("group-" + groupName)
	machine := MachineConfig{
		FS:      a.options.FS,
		Dir:     a.options.Dir,
		Planner: a.planner,
		Current: a.options.Current,
		Owner:   self,
		Log:     a.options.Log,
	}
	a.options.Raft.Tell(raftactor.Start{
		Spec: raftactor.Spec{
			Group:   image.MetadataGroup,
			Name:    groupName,
			Replica: a.replica(),
			Voters:  a.options.Voters,
			Open: func(state []byte, _ bool) (applier.Machine, error) {
				return OpenMachine(machine, state)
			},
			Events: self,
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
		c.Log().Error().Err(m.Err).Msg("metadata log could not be started")
	}
}

func (a *Actor) onDescribed(c *kit.Context, m raftactor.Described) {
	for _, status := range m.Groups {
		if status.Group == image.MetadataGroup {
			a.lead(c, status.Leader, status.Ready)
		}
	}
}

// onOffline passes on that the metadata log has failed for good: without it nothing can change here.
func (a *Actor) onOffline(c *kit.Context, m raftactor.Offline) {
	a.ready = false
	c.Parent().Tell(m)
}

// replica returns the Raft id of this broker in the metadata log. The log begins with the first data
// directory of each voter.
func (a *Actor) replica() uint64 {
	for _, voter := range a.options.Voters {
		if image.ReplicaID(voter).Broker() == a.options.NodeID {
			return voter
		}
	}
	return uint64(image.NewReplicaID(a.options.NodeID, 1))
}

func (a *Actor) onLeaderChanged(c *kit.Context, m group.LeaderChanged) {
	a.lead(c, m.Leader, m.Ready)
}

// lead takes note of who leads the metadata log; replica is 0 when nobody is known to.
func (a *Actor) lead(c *kit.Context, replica uint64, ready bool) {
	a.ready = ready
	leader := NoController
	if replica != 0 {
		leader = image.ReplicaID(replica).Broker()
	}
	a.options.Current.controller.Store(leader)
	if a.ready {
		a.catchUp()
		a.flush(c)
		a.join(c)
	}
}

// catchUp tells the subscribers, once, that nothing of the log is missing in the image any more: a replica
// leads only after it has applied everything that was committed before.
func (a *Actor) catchUp() {
	if a.caughtUp {
		return
	}
	a.caughtUp = true
	for _, subscriber := range a.subscribers {
		subscriber.Tell(ImageChanged{Image: a.image, CaughtUp: true})
	}
}

// onAnnounce registers the broker again under other addresses.
func (a *Actor) onAnnounce(c *kit.Context, m Announce) {
	a.membership.endpoints, a.membership.joined = m.Endpoints, false
	if a.ready {
		a.join(c)
	}
}

func (a *Actor) onRejoin(c *kit.Context) {
	if a.ready {
		a.join(c)
	}
}

// join takes the next step to membership. It is called whenever something may have changed.
func (a *Actor) join(c *kit.Context) {
	s := &a.membership
	switch {
	case s.underWay || s.joined:
	case a.image.ClusterID() == "":
		s.underWay = a.form(c)
	case len(s.endpoints) > 0:
		s.proposed = s.endpoints
		s.underWay = a.proposeOwn(c, forRegistering, controller.RegisterBroker{
			ID:        a.options.NodeID,
			Directory: a.options.Directory,
			Endpoints: s.endpoints,
			Rack:      a.options.Rack,
		})
	}
}

// form proposes the first command of a cluster.
func (a *Actor) form(c *kit.Context) bool {
	id := a.options.ClusterID
	if id == "" {
		drawn, err := image.NewTopicID(a.options.Random) // cluster ids have the same form
		if err != nil {
			c.Log().Error().Err(err).Msg("no cluster id drawn")
			return false
		}
		id = drawn.String()
	}
	return a.proposeOwn(c, forForming, controller.FormCluster{ClusterID: id, Features: a.options.Features})
}

// onJoined goes on after a step. One that failed is tried again after a pause while this replica leads, and
// when it does next: a change that timed out may have been made, and a cluster that has been formed
// meanwhile will be seen by then. Addresses that were announced while the broker registered under others
// are registered next.
func (a *Actor) onJoined(c *kit.Context, step purpose, err error) {
	s := &a.membership
	s.underWay = false
	switch {
	case err != nil:
		c.Log().Warn().Err(err).Msg("broker is not a member of the cluster yet")
		c.After(rejoinAfter, rejoin{})
	case step == forRegistering && slices.Equal(s.proposed, s.endpoints):
		s.joined = true
		c.Log().Info().Str("cluster", a.image.ClusterID()).Msg("broker registered")
		a.flush(c)
	case a.ready:
		a.join(c)
	}
}
