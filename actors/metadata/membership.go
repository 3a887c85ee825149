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
	"github.com/chronik-go/chronik/raftactor/link"
)

// groupName is the name of the metadata log's group.
const groupName = "meta"

// The pauses before a failed step to membership is tried again, from the first to the longest.
const (
	rejoinMin = 50 * time.Millisecond
	rejoinMax = time.Second
)

// membership is how far this broker has come with joining the cluster.
//
//	state         condition                          does
//	waiting       its directory is empty             see forming
//	joining       a peer knows a cluster             proposes RegisterBroker through it, then starts the log
//	forming       leads, the cluster has no id       proposes FormCluster
//	registering   the cluster has an id              proposes RegisterBroker
//	joined        since this actor was started
type membership struct {
	endpoints []image.Endpoint // where clients reach this broker now
	proposed  []image.Endpoint // with the registration under way, or the last one
	underWay  bool             // a proposal of ours is
	joined    bool
	waiting   bool // for the end of a pause
	pause     time.Duration
}

// onStarted starts the metadata log, or finds it running, unless the data directory is empty and there are
// peers to found a cluster with.
func (a *Actor) onStarted(c *kit.Context) {
	a.core = a.options.Raft.Child("group-" + groupName)
	if !a.clustered() {
		a.startLog(c)
		return
	}
	if a.standing().state != link.Fresh || len(a.options.Configured) == 1 {
		a.startLog(c)
	}
	a.proclaim()
	a.options.Raft.Tell(raftactor.Subscribe{Who: c.Self()})
}

// startLog starts the replica of the metadata log. The log and its machine outlive this actor, so they get
// its address by name, which reaches the one that is built after it too.
func (a *Actor) startLog(c *kit.Context) {
	a.started = true
	self := c.Parent().Child(c.Self().Name())
	machine := MachineConfig{
		FS:      a.options.FS,
		Dir:     a.options.Dir,
		Planner: a.planner,
		Current: a.options.Current,
		Owner:   self,
		Log:     a.options.Log,
	}
	voters, preferred := a.voters(), uint64(0)
	if len(voters) > 1 {
		preferred = slices.Min(voters)
	}
	a.options.Raft.Tell(raftactor.Start{
		Spec: raftactor.Spec{
			Group:     image.MetadataGroup,
			Name:      groupName,
			Replica:   a.replica(),
			Voters:    voters,
			Preferred: preferred,
			Open: func(state []byte, _ bool) (applier.Machine, error) {
				return OpenMachine(machine, state)
			},
			Events: self,
		},
		ReplyTo: c.Self(),
	})
	a.steer()
}

// replica returns the Raft id of this broker in the metadata log.
func (a *Actor) replica() uint64 {
	incarnation := uint32(1)
	if a.options.Identity != nil {
		incarnation = max(a.options.Identity.Incarnation(), 1)
	}
	return uint64(image.NewReplicaID(a.options.NodeID, incarnation))
}

// voters returns the replicas that the metadata log begins with: those of the founders, or this one if it
// was alone; nil if this broker came to a log that existed.
func (a *Actor) voters() []uint64 {
	identity := a.options.Identity
	switch {
	case identity != nil && len(identity.Founders()) > 0:
		var voters []uint64
		for _, node := range nodesOf(identity.Founders()) {
			voters = append(voters, uint64(image.NewReplicaID(node, 1)))
		}
		return voters
	case identity != nil && identity.Incarnation() > 0:
		return nil
	}
	return []uint64{uint64(image.NewReplicaID(a.options.NodeID, 1))}
}

// onGroupStarted catches up with a group that was running before this actor: who leads it, and what it
// tells once, maybe when nobody was here to hear it: that nothing is missing, or that it is offline.
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
			a.onStatus(c, status)
		}
	}
}

func (a *Actor) onStatus(c *kit.Context, status raftactor.GroupStatus) {
	if status.State == raftactor.GivenUp {
		a.onOffline(c, raftactor.Offline{Group: status.Group, Err: status.Err})
	}
	if status.CaughtUp {
		a.catchUp()
	}
	a.lead(c, status.Leader, status.Ready)
}

// onOffline passes on that the metadata log has failed for good: without it nothing can change here.
func (a *Actor) onOffline(c *kit.Context, m raftactor.Offline) {
	a.ready = false
	c.Parent().Tell(m)
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
	if leader == NoController && a.clustered() {
		c.After(forsakenAfter, forsaken{})
	}
	if a.ready {
		a.catchUp()
	}
	a.flush(c)
	a.join(c)
}

// forsakenAfter is how long a broker that knows no leader waits before it asks whether it still belongs to
// the cluster. It is longer than an election takes.
const forsakenAfter = 3 * time.Second

// onForsaken asks to be registered again. A broker that was removed while it ran may never hear of it: it
// leaves the metadata log before it is told that its removal is committed. One that was not loses nothing.
func (a *Actor) onForsaken(c *kit.Context) {
	if a.options.Current.Controller() == NoController && a.membership.joined {
		a.membership.joined = false
		a.join(c)
	}
}

// catchUp tells the subscribers, once, that nothing of the log is missing in the image any more.
func (a *Actor) catchUp() {
	if a.caughtUp {
		return
	}
	a.caughtUp = true
	a.options.Current.caughtUp.Store(true) // the group tells it once for each start, not to a rebuilt actor
	for _, subscriber := range a.subscribers {
		subscriber.Tell(ImageChanged{Image: a.image, CaughtUp: true})
	}
}

// onAnnounce registers the broker again under other addresses.
func (a *Actor) onAnnounce(c *kit.Context, m Announce) {
	a.membership.endpoints, a.membership.joined = m.Endpoints, false
	a.join(c)
	a.advance(c)
}

func (a *Actor) onRejoin(c *kit.Context) {
	a.membership.waiting = false
	a.join(c)
	a.advance(c)
}

// join takes the next step to membership. It is called whenever something may have changed.
func (a *Actor) join(c *kit.Context) {
	s := &a.membership
	switch {
	case s.underWay || s.waiting:
	case a.started && a.image.ClusterID() == "": // nobody registers before there is a cluster
		s.underWay = a.ready && a.form(c)
	case !a.started && !a.forming.decide(a.reached()).join: // it may come to found one
	case !s.joined && len(s.endpoints) > 0:
		s.proposed, s.underWay = s.endpoints, true
		s.underWay = a.proposeOwn(c, forRegistering, controller.RegisterBroker{
			ID:        a.options.NodeID,
			Directory: a.options.Directory,
			Endpoints: s.endpoints,
			Rack:      a.options.Rack,
			Raft:      a.options.RaftAddress,
			Empty:     !a.started,
			Features:  a.options.Supported,
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
	request := controller.FormCluster{ClusterID: id, Features: a.options.Features}
	if a.options.Identity != nil && len(a.options.Identity.Founders()) > 0 {
		request.Founders = nodesOf(a.options.Identity.Founders())
	}
	return a.proposeOwn(c, forForming, request)
}

// onJoined goes on after a step. One that failed is tried again after a pause: a change that timed out may
// have been made, and a cluster that has been formed meanwhile will be seen by then. Addresses that were
// announced while the broker registered under others are registered next.
func (a *Actor) onJoined(c *kit.Context, step purpose, event image.Event, err error) {
	s := &a.membership
	s.underWay = false
	registered, is := event.(image.BrokerRegistered)
	if err == nil && is {
		err = a.enter(c, registered.Broker)
	}
	switch {
	case errors.Is(err, errRegistration):
		c.Parent().Tell(Removed{Err: err})
	case err != nil:
		c.Log().Warn().Err(err).Msg("broker is not a member of the cluster yet")
		s.pause = min(max(2*s.pause, rejoinMin), rejoinMax)
		s.waiting = true
		c.After(s.pause, rejoin{})
	case step == forRegistering && slices.Equal(s.proposed, s.endpoints):
		s.joined, s.pause = true, 0
		c.Log().Info().Str("cluster", a.image.ClusterID()).Msg("broker registered")
		a.flush(c)
	default:
		a.join(c)
	}
}

// maybeRemoved tells the parent when the cluster has taken this broker out.
func (a *Actor) maybeRemoved(c *kit.Context) {
	if a.membership.joined && a.image.Broker(a.options.NodeID) == nil {
		a.membership.joined = false
		c.Parent().Tell(Removed{Err: errRemoved})
	}
}

// enter notes which incarnation of this broker the cluster knows. A broker whose directory was empty starts
// its replica of the metadata log then; one that has another incarnation was unregistered while it was away.
func (a *Actor) enter(c *kit.Context, broker *image.Broker) error {
	if !a.clustered() || a.options.Identity == nil {
		return nil
	}
	if err := a.options.Identity.SetIncarnation(broker.Incarnation); err != nil {
		return err
	}
	if !a.started {
		a.startLog(c)
		a.proclaim()
	}
	return nil
}
