package modern

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/records"
)

// Downgraded is the classic group that follows.
type Downgraded struct {
	Classic   classic.Exported
	Rebalance bool // its members have to join again
}

// Upgrade returns the group that follows a classic one, with the records that make it. Members go on with
// what they have, in an epoch that is the generation.
func Upgrade(id string, from classic.Exported, settings *Settings, now time.Time, topics Topics,
) (*Group, error) {
	g := New(id, settings)
	g.touch()
	g.epoch, g.targetEpoch = from.Generation, from.Generation
	for i := range from.Members {
		m, err := upgraded(&from.Members[i], from.Generation, topics)
		if err != nil {
			return nil, fmt.Errorf("member %q: %w", from.Members[i].ID, err)
		}
		g.put(m)
		g.target[m.id] = m.assigned
		g.heard(now, m)
	}
	g.topics, g.seen = g.subscribed(topics), topics.Version()
	ids := slices.Sorted(maps.Keys(g.members))
	for _, name := range ids {
		g.write(records.MemberKind, name, records.MemberValue(g.members[name].record()))
	}
	g.write(records.TopicsKind, "", records.TopicsValue(inOrder(g.topics)))
	g.write(records.EpochKind, "", records.EpochValue(g.epoch))
	for _, name := range ids {
		g.write(records.TargetKind, name, records.TargetValue(g.target[name]))
	}
	g.write(records.TargetEpochKind, "", records.EpochValue(g.targetEpoch))
	for _, name := range ids {
		g.write(records.CurrentKind, name, records.CurrentValue(g.members[name].current()))
	}
	return g, nil
}

func upgraded(from *classic.ExportedMember, generation int32, topics Topics) (*member, error) {
	subscription, err := subscriptionOf(from.Subscription)
	if err != nil {
		return nil, err
	}
	assigned, err := decodeAssignment(from.Assignment, topics)
	if err != nil {
		return nil, err
	}
	m := &member{
		id: from.ID, instance: orEmpty(from.Instance), rack: orEmpty(subscription.Rack), client: from.Client,
		names: ordered(subscription.Topics), rebalance: from.Rebalance,
		epoch: generation, previous: generation, assigned: assigned,
		classic: &records.ClassicMember{
			SessionMillis: int32(from.Session.Milliseconds()), Protocols: protocolsOf(from.Protocols),
		},
	}
	m.since = sinceOf(m, assigned, generation)
	return m, nil
}

// canDowngrade tells whether the group is to become a classic one of so many members when a member leaves, or
// with those that there are.
func (g *Group) canDowngrade(leaving *member, size int) bool {
	left := len(g.members)
	if leaving != nil {
		if leaving.classic != nil {
			return false
		}
		left--
	}
	return g.speakers == left && g.settings.Migration.Downgrade && size <= g.settings.ClassicMaxSize
}

// downgrade ends the group and says what classic one follows, without who leaves. Members have their part of
// the target there; a rebalance follows unless a static member has only been replaced by joining.
func (g *Group) downgrade(leaving *member, rebalance bool, topics Topics) {
	g.touch()
	follows := &Downgraded{Classic: classic.Exported{Generation: g.epoch}, Rebalance: rebalance}
	for _, id := range slices.Sorted(maps.Keys(g.members)) {
		if m := g.members[id]; m != leaving {
			follows.Classic.Members = append(follows.Classic.Members, g.exported(m, topics))
		}
	}
	g.tombstones()
	g.downgraded = follows
}

func (g *Group) exported(m *member, topics Topics) classic.ExportedMember {
	one := classic.ExportedMember{
		ID: m.id, Instance: maybe(m.instance), Client: m.client, Rebalance: m.rebalance,
		Session:    time.Duration(m.classic.SessionMillis) * time.Millisecond,
		Assignment: encodeAssignment(g.target[m.id], m.classic.Protocols[0].Metadata, topics),
	}
	for _, p := range m.classic.Protocols {
		offer := kmsg.NewJoinGroupRequestProtocol()
		offer.Name, offer.Metadata = p.Name, p.Metadata
		one.Protocols = append(one.Protocols, offer)
	}
	return one
}

// lastAssignment is the newest version of assignments in the classic protocol.
const lastAssignment = 3

// encodeAssignment writes an assignment as classic members read it, in the version of their subscription.
func encodeAssignment(p records.Partitions, metadata []byte, topics Topics) []byte {
	assignment := kmsg.NewConsumerMemberAssignment()
	if subscription, err := subscriptionOf(metadata); err == nil {
		assignment.Version = min(max(subscription.Version, 0), lastAssignment)
	}
	for _, id := range p.Topics() {
		topic, exists := topics.TopicByID(id)
		if !exists {
			continue
		}
		one := kmsg.NewConsumerMemberAssignmentTopic()
		one.Topic, one.Partitions = topic.Name, p[id]
		assignment.Topics = append(assignment.Topics, one)
	}
	return assignment.AppendTo(nil)
}

// decodeAssignment reads one. What a custom assignor added would be lost, so that it is refused.
func decodeAssignment(data []byte, topics Topics) (records.Partitions, error) {
	if len(data) == 0 {
		return records.Partitions{}, nil
	}
	assignment := kmsg.NewConsumerMemberAssignment()
	if err := assignment.ReadFrom(data); err != nil {
		return nil, err
	}
	if len(assignment.UserData) > 0 {
		return nil, fmt.Errorf("its assignment has data of a custom assignor")
	}
	lists := map[records.TopicID][]int32{}
	for i := range assignment.Topics {
		if topic, exists := topics.Topic(assignment.Topics[i].Topic); exists {
			lists[topic.ID] = append(lists[topic.ID], assignment.Topics[i].Partitions...)
		}
	}
	return records.PartitionsOf(lists), nil
}
