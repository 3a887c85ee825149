package modern

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/protocol"
)

// memberIDRequired is the first version of JoinGroup whose clients join with the id that they were given
// (KIP-394). leavesInBatch is the first of LeaveGroup that names several members.
const (
	memberIDRequired = 4
	leavesInBatch    = 3
)

// Join handles a JoinGroup in a group that has members. The bounds of its session are checked already.
func (g *Group) Join(now time.Time, who client, r *kmsg.JoinGroupRequest, topics Topics,
) *kmsg.JoinGroupResponse {
	from, code := g.admitClassic(r)
	if code == protocol.None && from.m == nil {
		return joinRefused(protocol.MemberIDRequired, g.settings.NewID())
	}
	if code != protocol.None {
		return joinRefused(code, r.MemberID)
	}
	subscription, err := subscriptionOf(r.Protocols[0].Metadata)
	if err != nil {
		return joinRefused(protocol.UnknownServerError, r.MemberID)
	}
	said := from.m.withJoin(r, who, subscription)
	m := g.advance(now, from, said, ownedByName(subscription.OwnedPartitions, topics), topics)
	g.heard(now, m)
	timers := g.timersOf(m.id)
	timers.join, timers.rebalance, timers.sync = time.Time{}, time.Time{}, now.Add(m.rebalance)
	if from.replaces != nil && from.replaces.classic == nil && g.canDowngrade(nil, len(g.members)) {
		g.downgrade(nil, !said.readsTheSame(from.replaces), topics)
	}
	response := kmsg.NewPtrJoinGroupResponse()
	kind, chosen := classic.ConsumerType, m.classic.Protocols[0].Name
	response.MemberID, response.Generation = m.id, m.epoch
	response.ProtocolType, response.Protocol = &kind, &chosen
	return response
}

func joinRefused(code protocol.Code, id string) *kmsg.JoinGroupResponse {
	response := kmsg.NewPtrJoinGroupResponse()
	response.ErrorCode, response.MemberID, response.Generation = int16(code), id, -1
	return response
}

// admitClassic finds the member that joins, or makes one. Without a member and a code the client is to be
// given an id first.
func (g *Group) admitClassic(r *kmsg.JoinGroupRequest) (admitted, protocol.Code) {
	existing := g.members[r.MemberID]
	switch {
	case len(g.members) >= g.settings.MaxSize && existing == nil:
		return admitted{}, protocol.GroupMaxSizeReached
	case !g.supports(r):
		return admitted{}, protocol.InconsistentGroupProtocol
	case r.MemberID == "" && r.InstanceID == nil && r.Version >= memberIDRequired:
		return admitted{}, protocol.None
	case r.InstanceID == nil && existing != nil:
		return admitted{m: existing}, protocol.None
	case r.InstanceID == nil:
		return g.admitNew(r.MemberID), protocol.None
	}
	static := g.members[g.statics[*r.InstanceID]]
	switch {
	case r.MemberID == "" && static == nil:
		return g.admitNew(""), protocol.None
	case r.MemberID == "":
		return g.successor(static, ""), protocol.None
	case static == nil:
		return admitted{}, protocol.UnknownMemberID
	case static.id != r.MemberID:
		return admitted{}, protocol.FencedInstanceID
	}
	return admitted{m: static}, protocol.None
}

// supports tells whether a request has a way of assignment that all classic members know.
func (g *Group) supports(r *kmsg.JoinGroupRequest) bool {
	if r.ProtocolType != classic.ConsumerType {
		return false
	}
	return slices.ContainsFunc(r.Protocols, func(p kmsg.JoinGroupRequestProtocol) bool {
		for _, m := range g.members {
			if m.classic != nil && !m.speaks(p.Name) {
				return false
			}
		}
		return true
	})
}

// withJoin returns the member as a JoinGroup describes it.
func (m *member) withJoin(r *kmsg.JoinGroupRequest, who client, s *kmsg.ConsumerMemberMetadata) *member {
	c := *m
	c.client, c.names, c.regex = who, ordered(s.Topics), ""
	if r.InstanceID != nil {
		c.instance = *r.InstanceID
	}
	if s.Rack != nil {
		c.rack = *s.Rack
	}
	c.rebalance = time.Duration(r.RebalanceTimeoutMillis) * time.Millisecond
	if r.Version == 0 { // which has no rebalance timeout
		c.rebalance = time.Duration(r.SessionTimeoutMillis) * time.Millisecond
	}
	c.classic = &records.ClassicMember{
		SessionMillis: r.SessionTimeoutMillis, Protocols: protocolsOf(r.Protocols),
	}
	return &c
}

func protocolsOf(list []kmsg.JoinGroupRequestProtocol) []records.ClassicProtocol {
	protocols := make([]records.ClassicProtocol, 0, len(list))
	for _, p := range list {
		protocols = append(protocols, records.ClassicProtocol{Name: p.Name, Metadata: p.Metadata})
	}
	return protocols
}

func subscriptionOf(metadata []byte) (*kmsg.ConsumerMemberMetadata, error) {
	s := kmsg.NewConsumerMemberMetadata()
	err := s.ReadFrom(metadata)
	return &s, err
}

func ownedByName(owned []kmsg.ConsumerMemberMetadataOwnedPartition, topics Topics) records.Partitions {
	lists := map[records.TopicID][]int32{}
	for i := range owned {
		if topic, exists := topics.Topic(owned[i].Topic); exists {
			lists[topic.ID] = append(lists[topic.ID], owned[i].Partitions...)
		}
	}
	return records.PartitionsOf(lists)
}

// classicMember finds the member that a classic request comes from, in its generation.
func (g *Group) classicMember(id string, instance *string, generation int32) (*member, protocol.Code) {
	m, code := g.named(id, instance)
	switch {
	case code != protocol.None:
		return nil, code
	case m.classic == nil:
		return nil, protocol.UnknownMemberID
	case m.epoch != generation:
		return nil, protocol.IllegalGeneration
	}
	return m, protocol.None
}

// named finds a member by its id and, where it is given, its instance.
func (g *Group) named(id string, instance *string) (*member, protocol.Code) {
	m := g.members[id]
	if instance != nil {
		m = g.members[g.statics[*instance]]
		if m != nil && m.id != id {
			return nil, protocol.FencedInstanceID
		}
	}
	if m == nil {
		return nil, protocol.UnknownMemberID
	}
	return m, protocol.None
}

// Sync handles a SyncGroup: the answer is what the member has.
func (g *Group) Sync(now time.Time, r *kmsg.SyncGroupRequest, topics Topics) *kmsg.SyncGroupResponse {
	response := kmsg.NewPtrSyncGroupResponse()
	response.MemberAssignment = []byte{}
	m, code := g.classicMember(r.MemberID, r.InstanceID, r.Generation)
	switch {
	case code != protocol.None:
	case r.ProtocolType != nil && *r.ProtocolType != classic.ConsumerType,
		r.Protocol != nil && *r.Protocol != m.classic.Protocols[0].Name:
		code = protocol.InconsistentGroupProtocol
	case g.epoch > m.epoch && m.state != unrevoked:
		g.expectJoin(now, m)
		code = protocol.RebalanceInProgress
	}
	if code != protocol.None {
		response.ErrorCode = int16(code)
		return response
	}
	g.timersOf(m.id).sync = time.Time{}
	g.heard(now, m)
	response.ProtocolType, response.Protocol = r.ProtocolType, r.Protocol
	response.MemberAssignment = encodeAssignment(m.assigned, m.classic.Protocols[0].Metadata, topics)
	return response
}

// expectJoin gives a classic member the time of its rebalance timeout to join again.
func (g *Group) expectJoin(now time.Time, m *member) {
	if timers := g.timersOf(m.id); timers.join.IsZero() {
		timers.join = now.Add(m.rebalance)
	}
}

// ClassicHeartbeat returns what a classic member is told that says it lives. It has to join again if there is
// a newer epoch, if it has to give partitions back, or if one that it waits for is free. Topics are looked at
// too: nobody else might do so while only classic members are there.
func (g *Group) ClassicHeartbeat(now time.Time, r *kmsg.HeartbeatRequest, topics Topics) protocol.Code {
	m, code := g.classicMember(r.MemberID, r.InstanceID, r.Generation)
	if code != protocol.None {
		return code
	}
	g.heard(now, m)
	g.refresh(now, topics, false)
	if m.epoch < g.epoch || m.state == unrevoked || m.state == unreleased && !g.waits(m) {
		g.expectJoin(now, m)
		return protocol.RebalanceInProgress
	}
	return protocol.None
}

// Leave handles a LeaveGroup, by which only classic members leave.
func (g *Group) Leave(r *kmsg.LeaveGroupRequest, topics Topics) *kmsg.LeaveGroupResponse {
	response := kmsg.NewPtrLeaveGroupResponse()
	before := len(g.members)
	if r.Version < leavesInBatch {
		_, code := g.leaveClassic(r.MemberID, nil)
		response.ErrorCode = int16(code)
	}
	for _, one := range r.Members {
		answer := kmsg.NewLeaveGroupResponseMember()
		id, code := g.leaveClassic(one.MemberID, one.InstanceID)
		answer.MemberID, answer.InstanceID, answer.ErrorCode = id, one.InstanceID, int16(code)
		response.Members = append(response.Members, answer)
	}
	if len(g.members) < before {
		g.afterRemoval(topics)
	}
	return response
}

// leaveClassic takes one member out; an administrator names a static one by its instance alone.
func (g *Group) leaveClassic(id string, instance *string) (string, protocol.Code) {
	if instance != nil && id == "" {
		id = g.statics[*instance]
	}
	m, code := g.named(id, instance)
	if code == protocol.None && m.classic == nil {
		code = protocol.UnknownMemberID
	}
	if code == protocol.None {
		g.erase(m)
	}
	return id, code
}
