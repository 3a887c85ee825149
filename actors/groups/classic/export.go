package classic

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

// Exported is a group of consumers as the newer protocol (KIP-848) takes it over, or gives it back.
type Exported struct {
	Generation int32
	Members    []ExportedMember
}

// ExportedMember is one member. Subscription is that for the protocol of the group.
type ExportedMember struct {
	ID           string
	Instance     *string
	Client       Client
	Session      time.Duration
	Rebalance    time.Duration
	Protocols    []kmsg.JoinGroupRequestProtocol
	Subscription []byte
	Assignment   []byte
}

// Consumers tells whether the members are Kafka consumers, whose subscriptions and assignments can be read.
func (g *Group) Consumers() bool { return g.protocolType == ConsumerType }

// Size returns the number of members.
func (g *Group) Size() int { return len(g.members) }

// Generation returns how many generations there were.
func (g *Group) Generation() int32 { return g.generation }

// Export returns the group.
func (g *Group) Export() Exported {
	exported := Exported{Generation: g.generation}
	for _, m := range g.members {
		one := ExportedMember{
			ID: m.id, Instance: m.instance, Client: m.client, Session: m.session, Rebalance: m.rebalance,
			Protocols: m.protocols, Subscription: m.metadata(g.protocol), Assignment: m.assignment,
		}
		if g.protocol == "" { // its first rebalance is under way
			one.Subscription = m.protocols[0].Metadata
		}
		exported.Members = append(exported.Members, one)
	}
	return exported
}

// Interrupt ends the requests that wait: the members join again.
func (g *Group) Interrupt() {
	for _, m := range g.members {
		g.endJoin(m, protocol.RebalanceInProgress)
		g.endSync(m, protocol.RebalanceInProgress)
	}
}

// Adopt returns a stable group with the members and assignments given, and its record for the log.
func Adopt(id string, from Exported, settings *Settings, now time.Time) (*Group, []byte) {
	g := New(id, settings, now)
	g.protocolType, g.generation = ConsumerType, from.Generation
	for i := range from.Members {
		one := &from.Members[i]
		m := &member{
			id: one.ID, instance: one.Instance, client: one.Client, session: one.Session, rebalance: one.Rebalance,
			protocols: one.Protocols, assignment: one.Assignment,
		}
		m.heard(now)
		g.add(m)
	}
	g.protocol = g.choose()
	g.topics = g.subscriptions()
	g.become(Stable, now)
	return g, g.record(nil)
}

// Rebalance makes all members join again.
func (g *Group) Rebalance(now time.Time) { g.prepareRebalance(now) }
