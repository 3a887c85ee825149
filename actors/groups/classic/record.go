package classic

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// recordVersion is that of the group's record: with instance ids, before tagged fields, as Kafka 4 writes it.
const recordVersion = 3

// record encodes the group for the log, with the assignments given in the place of those that the members
// have, if there are any.
func (g *Group) record(assigned map[string][]byte) []byte {
	value := kmsg.NewGroupMetadataValue()
	value.Version = recordVersion
	value.ProtocolType, value.Generation = g.protocolType, g.generation
	if g.protocol != "" {
		value.Protocol = &g.protocol
	}
	if g.leader != "" {
		value.Leader = &g.leader
	}
	value.CurrentStateTimestamp = g.since.UnixMilli()
	for _, m := range g.members {
		one := kmsg.NewGroupMetadataValueMember()
		one.MemberID, one.InstanceID = m.id, m.instance
		one.ClientID, one.ClientHost = m.client.ID, m.client.Host
		one.RebalanceTimeoutMillis = int32(m.rebalance.Milliseconds())
		one.SessionTimeoutMillis = int32(m.session.Milliseconds())
		one.Subscription = orEmpty(m.metadata(g.protocol))
		one.Assignment = orEmpty(m.assignment)
		if assigned != nil {
			one.Assignment = orEmpty(assigned[m.id])
		}
		value.Members = append(value.Members, one)
	}
	return value.AppendTo(nil)
}

// Restore returns the group that a record of the log describes. Its members have a whole session from now
// on to be heard of.
func Restore(id string, data []byte, settings *Settings, now time.Time) (*Group, error) {
	value := kmsg.NewGroupMetadataValue()
	if err := value.ReadFrom(data); err != nil {
		return nil, fmt.Errorf("record of group %q: %w", id, err)
	}
	g := New(id, settings, now)
	g.protocolType, g.generation = value.ProtocolType, value.Generation
	if value.Protocol != nil {
		g.protocol = *value.Protocol
	}
	if value.CurrentStateTimestamp > 0 {
		g.since = time.UnixMilli(value.CurrentStateTimestamp)
	}
	for i := range value.Members {
		g.add(g.restored(&value.Members[i], now))
	}
	if value.Leader != nil {
		g.leader = *value.Leader
	}
	if len(g.members) > 0 {
		g.state = Stable
		g.topics = g.subscriptions()
	} else if g.protocolType == ConsumerType {
		g.topics = map[string]struct{}{}
	}
	return g, nil
}

func (g *Group) restored(one *kmsg.GroupMetadataValueMember, now time.Time) *member {
	m := &member{
		id: one.MemberID, instance: one.InstanceID, client: Client{one.ClientID, one.ClientHost},
		session:    time.Duration(one.SessionTimeoutMillis) * time.Millisecond,
		rebalance:  time.Duration(one.RebalanceTimeoutMillis) * time.Millisecond,
		assignment: one.Assignment,
	}
	if m.rebalance <= 0 {
		m.rebalance = m.session
	}
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name, p.Metadata = g.protocol, one.Subscription
	m.protocols = []kmsg.JoinGroupRequestProtocol{p}
	m.heard(now)
	return m
}

// subscriptions returns the topics that the members read, nil if one of them does not say.
func (g *Group) subscriptions() map[string]struct{} {
	if g.protocolType != ConsumerType {
		return nil
	}
	topics := map[string]struct{}{}
	for _, m := range g.members {
		var subscription kmsg.ConsumerMemberMetadata
		if subscription.ReadFrom(m.metadata(g.protocol)) != nil {
			return nil
		}
		for _, topic := range subscription.Topics {
			topics[topic] = struct{}{}
		}
	}
	return topics
}

// Describe returns the group as DescribeGroups shows it. What members read and were assigned is shown while
// it counts, that is in a stable group.
func (g *Group) Describe() kmsg.DescribeGroupsResponseGroup {
	answer := kmsg.NewDescribeGroupsResponseGroup()
	answer.Group, answer.State, answer.ProtocolType = g.id, g.state.String(), g.protocolType
	if g.state == Stable {
		answer.Protocol = g.protocol
	}
	for _, m := range g.members {
		one := kmsg.NewDescribeGroupsResponseGroupMember()
		one.MemberID, one.InstanceID = m.id, m.instance
		one.ClientID, one.ClientHost = m.client.ID, m.client.Host
		one.ProtocolMetadata, one.MemberAssignment = []byte{}, []byte{}
		if g.state == Stable {
			one.ProtocolMetadata = orEmpty(m.metadata(g.protocol))
			one.MemberAssignment = orEmpty(m.assignment)
		}
		answer.Members = append(answer.Members, one)
	}
	return answer
}
