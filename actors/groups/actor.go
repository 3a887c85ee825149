package groups

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/groups/coordinator"
	"github.com/chronik-go/chronik/actors/groups/expressions"
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

// nameExpressions is the child that knows what regular expressions match; no coordinator bears such a name.
const nameExpressions = "expressions"

// express is the end of the wait before that child is built again.
type express struct{}

// Actor is the manager. See the package comment for its card.
type Actor struct {
	options      Options
	coordinators coordinators.Set
	repairs      kit.Restarts  // of the child that knows expressions
	pause        time.Duration // before it is built again
}

// Spec returns how to spawn the manager.
func Spec(options Options) kit.Spec {
	return kit.Spec{New: func() kit.Actor { return newActor(options) }, Log: &options.Log}
}

func newActor(options Options) *Actor {
	a := &Actor{options: options, repairs: kit.Restarts{
		Limit: kit.NoLimit, Within: time.Minute, Min: 10 * time.Millisecond, Max: 10 * time.Second,
	}}
	a.coordinators = coordinators.Set{
		Topic: image.OffsetsTopic, Table: options.Table, Image: options.Image, Metadata: options.Metadata,
	}
	return a
}

// start begins to follow who leads, and what expressions match.
func (a *Actor) start(c *kit.Context) {
	searcher, options := c.Self().Child(nameExpressions), a.options
	a.coordinators.Spec = func(replica *partition.Replica, index int32, _ protocol.LeaderEpoch) kit.Spec {
		return coordinator.Spec(coordinator.Options{
			Replica: replica, Settings: options.Settings, CleanupInterval: options.CleanupInterval,
			Low: options.Low, Expressions: searcher,
			Log: options.Log.With().Int32("coordinator", index).Logger(),
		})
	}
	a.spawnExpressions(c)
	a.coordinators.Start(c)
}

func (a *Actor) spawnExpressions(c *kit.Context) {
	c.Spawn(nameExpressions, expressions.Spec(expressions.Options{
		Image: a.options.Image, Metadata: a.options.Metadata, Log: a.options.Log,
	}))
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.start(c)
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
	case express:
		a.spawnExpressions(c)
	case kit.ChildFailed:
		a.onChildFailed(c, m)
	case kit.Terminated:
		a.onTerminated(c, m)
	}
}

// onChildFailed makes a pause before a child that failed is built again.
func (a *Actor) onChildFailed(c *kit.Context, m kit.ChildFailed) {
	if m.Who.Name() == nameExpressions {
		a.pause, _ = a.repairs.Failed(c.Now()) // without a limit there is always a wait
		return
	}
	a.coordinators.Failed(c, m)
}

func (a *Actor) onTerminated(c *kit.Context, m kit.Terminated) {
	if m.Who.Name() == nameExpressions {
		c.After(a.pause, express{})
		return
	}
	a.coordinators.Terminated(c, m)
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
