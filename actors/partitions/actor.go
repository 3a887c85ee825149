package partitions

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/raftactor/group"
)

// Options is what the manager needs to know.
type Options struct {
	NodeID    int32
	Table     *partition.Table
	Metadata  kit.Address
	Partition *partition.Options
	// Configure derives the effective configuration of a topic from the image.
	Configure func(*image.Image, *image.Topic) *partition.Config
	// RetentionInterval is the time between two retention sweeps.
	RetentionInterval time.Duration
	Log               zerolog.Logger
}

// Actor is the manager. See the package comment for its card.
type Actor struct {
	options   Options
	image     *image.Image
	names     map[string]*hosted // by the name of the child
	postponed map[string]*hosted // wait for the child of that name to leave
	awaiting  awaiting
	cleared   bool // directories of deleted topics have been looked for
}

// Spec returns how to spawn the manager.
func Spec(options Options) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor {
			return &Actor{
				options: options, names: map[string]*hosted{}, postponed: map[string]*hosted{},
			}
		},
		Log: options.Log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case metadata.ImageChanged:
		a.onImageChanged(c, m)
	case AwaitLeaders:
		a.awaiting.add(m)
	case partition.Led:
		a.onLed(m)
	case partition.Deleted:
		a.onDeleted(c, m)
	case kit.Terminated:
		a.onTerminated(c, m)
	case rebuild:
		a.onRebuild(c, m)
	case resubscribe:
		a.onResubscribe(c)
	case sweep:
		a.onRetain(c)
	case Retain:
		a.onRetain(c)
	case group.Proposed:
		a.onRetained(c, m)
	}
}
