package transactions

import (
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/transactions/coordinator"
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

// Actor is the manager. See the package comment for its card.
type Actor struct {
	coordinators coordinators.Set
}

// Spec returns how to spawn the manager.
func Spec(options Options) kit.Spec {
	return kit.Spec{New: func() kit.Actor { return newActor(options) }, Log: &options.Log}
}

func newActor(options Options) *Actor {
	spec := func(replica *partition.Replica, index int32, epoch protocol.LeaderEpoch) kit.Spec {
		its := options.Coordinator
		its.Replica, its.Epoch = replica, epoch
		its.Log = options.Log.With().Int32("coordinator", index).Logger()
		return coordinator.Spec(its)
	}
	return &Actor{coordinators: coordinators.Set{
		Topic: image.TransactionsTopic, Table: options.Table, Image: options.Image, Metadata: options.Metadata,
		Spec: spec,
	}}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.coordinators.Start(c)
	case coordinator.Ask:
		a.onAsk(c, m)
	case coordinators.List:
		a.coordinators.List(m)
	case metadata.ImageChanged, coordinators.Look:
		a.coordinators.Look(c)
	case partition.Woken:
		a.coordinators.Woken(c, m)
	case coordinators.Resubscribe:
		a.coordinators.Subscribe(c)
	case kit.ChildFailed:
		a.coordinators.Failed(c, m)
	case kit.Terminated:
		a.coordinators.Terminated(c, m)
	}
}

// onAsk passes a request on to the coordinator of its id.
func (a *Actor) onAsk(c *kit.Context, m coordinator.Ask) {
	coordinator, code := a.coordinators.Of(c, m.ID)
	if code != protocol.None {
		m.Answer(code, nil)
		return
	}
	coordinator.Tell(m)
}
