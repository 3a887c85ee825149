package modern

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/protocol"
)

// Heartbeat handles a ConsumerGroupHeartbeat that Check let pass. What a new expression matches has to be
// known.
func (g *Group) Heartbeat(now time.Time, who client, r *kmsg.ConsumerGroupHeartbeatRequest, topics Topics,
) *kmsg.ConsumerGroupHeartbeatResponse {
	if r.MemberEpoch < 0 {
		return g.leaveBy(r, topics)
	}
	from, err := g.admit(r)
	if err != nil {
		return Refused(err)
	}
	said := from.m.withRequest(r, who)
	m := g.advance(now, from, said, ownedBy(r.Topics), topics)
	g.heard(now, m)
	g.watchRevocation(now, from.m, m)
	response := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	id := m.id // a copy: the group goes on while the answer is encoded
	response.MemberID, response.MemberEpoch = &id, m.epoch
	response.HeartbeatIntervalMillis = int32(g.settings.Heartbeat.Milliseconds())
	if whole(r) || !m.assigned.Equal(from.m.assigned) {
		response.Assignment = assignmentOf(m.assigned)
	}
	return response
}

// Refused is the answer to a heartbeat that an error refuses.
func Refused(err error) *kmsg.ConsumerGroupHeartbeatResponse {
	response := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	response.ErrorCode, response.ErrorMessage = int16(protocol.CodeOf(err)), protocol.MessageOf(err)
	return response
}

// whole tells whether a request says everything, as the first one does and one after an error. The member is
// told what it has then, as it may not know.
func whole(r *kmsg.ConsumerGroupHeartbeatRequest) bool {
	return r.MemberEpoch == 0 || r.RebalanceTimeoutMillis != -1 && r.Topics != nil &&
		(r.SubscribedTopicNames != nil || r.SubscribedTopicRegex != nil)
}

// ownedBy returns what a member says that it has, nil if it does not say.
func ownedBy(topics []kmsg.ConsumerGroupHeartbeatRequestTopic) records.Partitions {
	if topics == nil {
		return nil
	}
	lists := map[records.TopicID][]int32{}
	for i := range topics {
		lists[topics[i].TopicID] = append(lists[topics[i].TopicID], topics[i].Partitions...)
	}
	return records.PartitionsOf(lists)
}

func assignmentOf(p records.Partitions) *kmsg.ConsumerGroupHeartbeatResponseAssignment {
	assignment := kmsg.NewConsumerGroupHeartbeatResponseAssignment()
	for _, topic := range p.Topics() {
		one := kmsg.NewConsumerGroupHeartbeatResponseAssignmentTopic()
		one.TopicID, one.Partitions = topic, p[topic]
		assignment.Topics = append(assignment.Topics, one)
	}
	return &assignment
}

// watchRevocation keeps the time that a member has to give partitions back.
func (g *Group) watchRevocation(now time.Time, before, m *member) {
	timers := g.timersOf(m.id)
	switch {
	case m.state != unrevoked || m.classic != nil:
		timers.rebalance = time.Time{}
	case timers.rebalance.IsZero() || !m.has(before):
		timers.rebalance = now.Add(m.rebalance)
	}
}
