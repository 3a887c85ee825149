package groups

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/groups/coordinator"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
)

// Options say what the manager works with.
type Options struct {
	Table           *partition.Table
	Image           func() *image.Image
	Metadata        kit.Address
	Settings        *consumers.Settings
	CleanupInterval time.Duration
	Low             func() bool // the disk has no room
	Log             zerolog.Logger
}

// Actor is the manager. See the package comment for its card.
type Actor struct {
	coordinators coordinators.Set
}

// Spec returns how to spawn the manager.
func Spec(options Options) kit.Spec {
	return kit.Spec{New: func() kit.Actor { return newActor(options) }, Log: options.Log}
}

func newActor(options Options) *Actor {
	spec := func(replica *partition.Replica, index int32, _ protocol.LeaderEpoch) kit.Spec {
		return coordinator.Spec(coordinator.Options{
			Replica: replica, Settings: options.Settings, CleanupInterval: options.CleanupInterval,
			Low: options.Low, Log: options.Log.With().Int32("coordinator", index).Logger(),
		})
	}
	return &Actor{coordinators: coordinators.Set{
		Topic: image.OffsetsTopic, Table: options.Table, Image: options.Image, Metadata: options.Metadata,
		Spec: spec,
	}}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.coordinators.Start(c)
	case consumers.Ask:
		a.onAsk(c, m)
	case coordinators.List:
		a.coordinators.List(m)
	case metadata.ImageChanged:
		a.onImageChanged(c, m)
	case partition.Woken:
		a.coordinators.Woken(c, m)
	case coordinators.Look:
		a.coordinators.Look(c)
	case coordinators.Resubscribe:
		a.coordinators.Subscribe(c)
	case kit.ChildFailed:
		a.coordinators.Failed(c, m)
	case kit.Terminated:
		a.coordinators.Terminated(c, m)
	}
}

// onAsk passes a request on to the coordinator of its group.
func (a *Actor) onAsk(c *kit.Context, m consumers.Ask) {
	coordinator, code := a.coordinators.Of(c, m.Group)
	if code != protocol.None {
		m.Answer(code, nil)
		return
	}
	coordinator.Tell(m)
}

// onImageChanged has groups forget topics that are gone, and follows the partitions of the offsets topic.
func (a *Actor) onImageChanged(c *kit.Context, m metadata.ImageChanged) {
	var gone []string
	for _, event := range m.Events {
		if deleted, is := event.(image.TopicDeleted); is {
			gone = append(gone, deleted.Topic.Name)
		}
	}
	if len(gone) > 0 {
		for _, coordinator := range a.coordinators.All() {
			coordinator.Tell(consumers.Forget{Topics: gone})
		}
	}
	a.coordinators.Look(c)
}
