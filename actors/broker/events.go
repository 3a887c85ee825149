package broker

import (
	"slices"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/partitions"
)

// onSubscribe tells what has been: a subscriber that comes late knows as much as one that came early.
func (a *Actor) onSubscribe(c *kit.Context, m Subscribe) {
	a.onUnsubscribe(Unsubscribe{Who: m.Who})
	a.subscribers = append(a.subscribers, m)
	switch a.phase {
	case serving:
		m.Who.Tell(Ready{Kafka: a.kafka, Admin: a.http})
	case failed:
		m.Who.Tell(Failed{Err: a.err})
	}
	if !m.Leaders {
		return
	}
	i := a.current.Image()
	for topic := range i.Topics() {
		for _, p := range topic.Partitions {
			known := a.leaders.Of(p.Group)
			if known.Node != partition.NoLeader {
				m.Who.Tell(a.changeOf(topic.Name, p.Index, known))
			}
		}
	}
}

func (a *Actor) onUnsubscribe(m Unsubscribe) {
	a.subscribers = slices.DeleteFunc(a.subscribers, func(s Subscribe) bool { return s.Who.Equal(m.Who) })
}

// onMoved passes on that a partition is led by another node, or by the same in another epoch.
func (a *Actor) onMoved(m partitions.Moved) {
	change := a.changeOf(m.Topic, m.Partition, m.Leadership)
	for _, s := range a.subscribers {
		if s.Leaders {
			s.Who.Tell(change)
		}
	}
}

func (a *Actor) changeOf(topic string, index int32, l *partition.Leadership) LeaderChanged {
	return LeaderChanged{
		Topic: topic, Partition: index, Leader: l.Node, Epoch: int32(l.Epoch),
		Here: l.Node == a.options.Config.NodeID && l.Ready,
	}
}

// tell tells all subscribers.
func (a *Actor) tell(event any) {
	for _, s := range a.subscribers {
		s.Who.Tell(event)
	}
}

// pass hands a message of this process to the actor that serves them.
func (a *Actor) pass(c *kit.Context, message any) {
	if a.phase == serving {
		c.Self().Child(nameLocal).Tell(message)
		return
	}
	if m, ok := message.(kit.Refusable); ok {
		m.Refuse(errNotServing)
	}
}
