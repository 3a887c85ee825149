package broker

import (
	"context"
	"fmt"

	"github.com/chronik-go/chronik/actors/admin"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
)

// changer makes what the HTTP listener is asked to change, on its goroutines.
func (a *Actor) changer(c *kit.Context) func(ctx context.Context, change any) error {
	if a.cluster == nil {
		return nil
	}
	one := changer{system: a.system, metadata: c.Self().Child(nameMetadata), current: a.current}
	return one.change
}

type changer struct {
	system   *kit.System
	metadata kit.Address
	current  *metadata.Current
}

func (r changer) change(ctx context.Context, change any) error {
	switch m := change.(type) {
	case admin.AddNode:
		return r.submit(ctx, controller.ExpectBroker{ID: m.ID, Raft: m.Raft, Kafka: m.Kafka})
	case admin.RemoveNode:
		return r.remove(ctx, m)
	case admin.Rebalance:
		return r.submit(ctx, controller.Rebalance{})
	}
	return fmt.Errorf("no change of kind %T is known", change)
}

// remove empties a node and then takes it out. Each call does what can be done by now.
func (r changer) remove(ctx context.Context, m admin.RemoveNode) error {
	if r.current.Image().Broker(m.ID) != nil {
		if err := r.submit(ctx, controller.Drain{Broker: m.ID, Force: m.Force}); err != nil {
			return err
		}
		if left := held(r.current.Image(), m.ID); left > 0 {
			return fmt.Errorf("%w: %d replicas are left on node %d", admin.ErrUnderWay, left, m.ID)
		}
	}
	return r.submit(ctx, controller.UnregisterBroker{ID: m.ID})
}

// held counts the partitions that have a replica on a broker.
func held(i *image.Image, broker int32) (replicas int) {
	for topic := range i.Topics() {
		for _, p := range topic.Partitions {
			if _, here := p.ReplicaOn(broker); here {
				replicas++
			}
		}
	}
	return replicas
}

// submit has the controller make a change and returns when this node's image has it.
func (r changer) submit(ctx context.Context, request any) error {
	submitted, err := kit.Ask[metadata.Submitted](ctx, r.system, r.metadata, func(replyTo kit.Address) any {
		return metadata.Submit{Request: request, ReplyTo: replyTo}
	})
	if err != nil {
		return err
	}
	return submitted.Err
}
