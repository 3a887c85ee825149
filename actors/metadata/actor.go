package metadata

import (
	"io"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/features"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/storage/vfs"
)

// Options is what the actor needs to know.
type Options struct {
	NodeID    int32
	Directory [16]byte         // id of the data directory
	Endpoints []image.Endpoint // where clients reach this broker; if empty, Announce tells
	Rack      string
	ClusterID string            // that the data directory belongs to; "" lets a new cluster draw one
	Features  map[string]int32  // levels that a new cluster begins with
	Supported features.Ranges   // levels that this broker serves
	Static    map[string]string // configs of the configuration file by Kafka's names
	FS        vfs.FS
	Dir       string      // of the metadata snapshots
	Raft      kit.Address // host of the Raft groups
	Current   *Current    // where images are published
	Random    io.Reader   // for topic and cluster ids
	Log       zerolog.Logger

	// What a cluster of several nodes needs; Peers is nil on a single one.
	Peers       Peers
	Identity    Identity // of the data directory
	Configured  []int32  // nodes that found the cluster together, this one among them
	RaftAddress string   // that the other nodes reach this one at
	Self        *link.Self
}

// Actor keeps the metadata. See the package comment for its card.
type Actor struct {
	options     Options
	planner     *controller.Planner
	core        kit.Address // of the metadata log's group
	started     bool        // so is the group
	ready       bool        // this replica leads and takes proposals
	image       *image.Image
	caughtUp    bool // the image had everything of the log once
	subscribers []kit.Address
	proposals   proposals
	ids         producerIDs
	membership  membership
	forming     forming
	told        standing         // to the peers
	lost        bool             // what this node held while a cluster was founded
	differing   map[int32]bool   // peers with other nodes in their configuration
	wanted      group.Want       // that the group was told last
	linked      []raftactor.Peer // that the links were told last
	quorums     kit.Pending[uint64, quorumAsker]
	retrying    bool      // a flush is on its way
	timer       kit.Timer // goes off at the earliest deadline
	timerAt     time.Time
}

// Spec returns how to spawn the actor. It fails on options that it cannot work with.
func Spec(options Options) (kit.Spec, error) {
	planner, err := controller.NewPlanner(options.NodeID, options.Static, options.Random)
	if err != nil {
		return kit.Spec{}, err
	}
	if options.Peers != nil {
		planner = planner.In(clusterOf(options.Peers))
	}
	options.Configured = slices.Sorted(slices.Values(options.Configured))
	return kit.Spec{New: func() kit.Actor { return newActor(options, planner) }, Log: &options.Log}, nil
}

func newActor(options Options, planner *controller.Planner) *Actor {
	return &Actor{
		options:    options,
		planner:    planner,
		image:      options.Current.Image(),
		caughtUp:   options.Current.caughtUp.Load(),
		ids:        newProducerIDs(),
		membership: membership{endpoints: options.Endpoints},
		forming: forming{
			node:       options.NodeID,
			directory:  image.TopicID(options.Directory).String(),
			configured: options.Configured,
			peers:      make(map[int32]standing),
		},
		differing: make(map[int32]bool),
	}
}

// clusterOf returns what the links know of the brokers.
func clusterOf(peers Peers) controller.Cluster {
	return controller.Cluster{
		Alive: peers.Alive,
		Directory: func(node int32) (string, bool) {
			hello, up := peers.Hello(node)
			return hello.Directory, up
		},
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case Submit:
		a.onSubmit(c, m)
	case AllocateProducerID:
		a.onAllocate(c, m)
	case Subscribe:
		a.onSubscribe(c, m)
	case Announce:
		a.onAnnounce(c, m)
	case applied:
		a.onApplied(c, m)
	case group.Proposed:
		a.onProposed(c, m)
	case raftactor.Started:
		a.onGroupStarted(c, m)
	case raftactor.Described:
		a.onDescribed(c, m)
	case raftactor.Offline:
		a.onOffline(c, m)
	case group.LeaderChanged:
		a.onLeaderChanged(c, m)
	case DescribeQuorum:
		a.onDescribeQuorum(c, m)
	case group.MembersDescribed:
		a.onMembersDescribed(m)
	case group.CaughtUp:
		a.onCaughtUp(c)
	case link.Up:
		a.onUp(c, m)
	case link.Down:
		a.onDown(c, m)
	case link.Noticed:
		a.onNoticed(c, m)
	case link.Incoming:
		a.onIncoming(c, m)
	case link.Returned:
		a.onReturned(c, m)
	case kit.Terminated:
		a.onTerminated(m)
	case tick:
		a.onTick(c)
	case flush:
		a.retrying = false
		a.flush(c)
	case rejoin:
		a.onRejoin(c)
	case forsaken:
		a.onForsaken(c)
	case kit.Stopping:
		a.onStopping(c)
	}
}
