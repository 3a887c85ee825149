package metadata

import (
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/raftactor/group"
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
	Static    map[string]string // configs of the configuration file by Kafka's names
	FS        vfs.FS
	Dir       string      // of the metadata snapshots
	Raft      kit.Address // host of the Raft groups
	Voters    []uint64    // replica ids that a new metadata log begins with
	Current   *Current    // where images are published
	Random    io.Reader   // for topic and cluster ids
	Log       zerolog.Logger
}

// Actor keeps the metadata. See the package comment for its card.
type Actor struct {
	options     Options
	planner     *controller.Planner
	core        kit.Address // of the metadata log's group
	ready       bool        // this replica leads and takes proposals
	image       *image.Image
	caughtUp    bool // the image had everything of the log once
	subscribers []kit.Address
	proposals   proposals
	ids         producerIDs
	membership  membership
	timer       kit.Timer // goes off at the earliest deadline
	timerAt     time.Time
}

// Spec returns how to spawn the actor. It fails on options that it cannot work with.
func Spec(options Options) (kit.Spec, error) {
	planner, err := controller.NewPlanner(options.NodeID, options.Static, options.Random)
	if err != nil {
		return kit.Spec{}, err
	}
	return kit.Spec{
		New: func() kit.Actor {
			return &Actor{
				options:    options,
				planner:    planner,
				image:      options.Current.Image(),
				ids:        newProducerIDs(),
				membership: membership{endpoints: options.Endpoints},
			}
		},
		Log: options.Log,
	}, nil
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
	case kit.Terminated:
		a.onTerminated(m)
	case tick:
		a.onTick(c)
	case flush:
		a.flush(c)
	case rejoin:
		a.onRejoin(c)
	}
}
