package modern

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/protocol"
)

// epochsInCommits is the first version of OffsetCommit whose generation may be an epoch of a member.
const epochsInCommits = 9

// CheckCommit says whether offsets may be committed in the name of a member, or without one (epoch below 0)
// while nobody is in the group. version is that of OffsetCommit; epochsInCommits or more for commits of
// transactions. An epoch older than that of the member is fine here, but see Late.
func (g *Group) CheckCommit(epoch int32, id string, version int16) protocol.Code {
	if epoch < 0 && len(g.members) == 0 {
		return protocol.None
	}
	m := g.members[id]
	switch {
	case m == nil:
		return protocol.UnknownMemberID
	case m.classic != nil && epoch != m.epoch:
		return protocol.IllegalGeneration
	case m.classic != nil:
		return protocol.None
	case version < epochsInCommits:
		return protocol.UnsupportedVersion
	case epoch > m.epoch || epoch < 0:
		return protocol.StaleMemberEpoch
	}
	return protocol.None
}

// Late tells whether a commit that CheckCommit let pass comes too late for a partition: the epoch is not that
// of the member, and it has not had the partition since then (KIP-1251).
func (g *Group) Late(epoch int32, id, topic string, index int32) bool {
	m := g.members[id]
	if m == nil || m.epoch == epoch {
		return false
	}
	since, has := m.since[g.topics[topic].ID][index]
	return !has || epoch < since
}

// CheckFetch says whether offsets may be read in the name of a member; without one (no id, epoch below 0)
// they may.
func (g *Group) CheckFetch(epoch int32, id *string) protocol.Code {
	if id == nil && epoch < 0 {
		return protocol.None
	}
	m := g.members[orEmpty(id)]
	switch {
	case m == nil:
		return protocol.UnknownMemberID
	case m.epoch == epoch:
		return protocol.None
	case m.classic != nil:
		return protocol.IllegalGeneration
	}
	return protocol.StaleMemberEpoch
}

// What a description says of which protocol a member speaks.
const (
	describedClassic  = 0
	describedConsumer = 1
)

// Describe returns the group as ConsumerGroupDescribe shows it.
func (g *Group) Describe(topics Topics) kmsg.ConsumerGroupDescribeResponseGroup {
	answer := kmsg.NewConsumerGroupDescribeResponseGroup()
	answer.Group, answer.State, answer.Epoch = g.id, g.State().String(), g.epoch
	answer.AssignmentEpoch, answer.AssignorName = g.targetEpoch, g.Assignor()
	for _, id := range slices.Sorted(maps.Keys(g.members)) {
		m := g.members[id]
		one := kmsg.NewConsumerGroupDescribeResponseGroupMember()
		one.MemberID, one.MemberEpoch = id, m.epoch
		one.InstanceID, one.RackID = maybe(m.instance), maybe(m.rack)
		one.ClientID, one.ClientHost = m.client.ID, m.client.Host
		one.SubscribedTopics, one.SubscribedTopicRegex = m.names, maybe(m.regex)
		one.Assignment = described(m.assigned, topics)
		one.TargetAssignment = described(g.target[id], topics)
		one.MemberType = describedConsumer
		if m.classic != nil {
			one.MemberType = describedClassic
		}
		answer.Members = append(answer.Members, one)
	}
	return answer
}

func described(p records.Partitions, topics Topics) kmsg.Assignment {
	assignment := kmsg.NewAssignment()
	for _, id := range p.Topics() {
		topic, exists := topics.TopicByID(id)
		if !exists {
			continue
		}
		one := kmsg.NewAssignmentTopicPartition()
		one.TopicID, one.Topic, one.Partitions = id, topic.Name, p[id]
		assignment.TopicPartitions = append(assignment.TopicPartitions, one)
	}
	return assignment
}
