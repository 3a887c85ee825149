package modern

import (
	"math"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/protocol"
)

// ownIDs is the first version of ConsumerGroupHeartbeat whose clients make their member ids (KIP-1082).
const ownIDs = 1

// Check says what is wrong with a heartbeat whatever the group is like, nil if nothing is.
func Check(r *kmsg.ConsumerGroupHeartbeatRequest, s *Settings) error {
	for _, one := range []struct {
		name string
		text *string
	}{{"GroupId", &r.Group}, {"InstanceId", r.InstanceID}, {"RackId", r.RackID}} {
		if one.text != nil && *one.text == "" {
			return refusal(protocol.InvalidRequest, "%s can't be empty.", one.name)
		}
	}
	if r.MemberID == "" && (r.Version >= ownIDs || r.MemberEpoch != 0) {
		return refusal(protocol.InvalidRequest, "MemberId can't be empty.")
	}
	if len(r.Group) > math.MaxInt16 || len(r.MemberID) > math.MaxInt16 {
		return refusal(protocol.InvalidRequest, "GroupId and MemberId can't have more than %d bytes.",
			math.MaxInt16)
	}
	switch {
	case r.MemberEpoch < absent:
		return refusal(protocol.InvalidRequest, "MemberEpoch is invalid.")
	case r.MemberEpoch == absent && r.InstanceID == nil:
		return refusal(protocol.InvalidRequest, "InstanceId can't be null.")
	case r.MemberEpoch == 0:
		if err := checkJoin(r); err != nil {
			return err
		}
	}
	if r.ServerAssignor != nil && !slices.Contains(s.Assignors, *r.ServerAssignor) {
		return refusal(protocol.UnsupportedAssignor,
			"ServerAssignor %s is not supported. Supported assignors: %s.", *r.ServerAssignor,
			strings.Join(s.Assignors, ", "))
	}
	return nil
}

// checkJoin checks what the first request of a member has to say.
func checkJoin(r *kmsg.ConsumerGroupHeartbeatRequest) error {
	switch {
	case r.RebalanceTimeoutMillis == -1:
		return refusal(protocol.InvalidRequest, "RebalanceTimeoutMs must be provided in first request.")
	case r.Topics == nil || len(r.Topics) > 0:
		return refusal(protocol.InvalidRequest, "TopicPartitions must be empty when (re-)joining.")
	case r.SubscribedTopicNames == nil && r.SubscribedTopicRegex == nil:
		return refusal(protocol.InvalidRequest,
			"Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
	}
	return nil
}

// admitted is who a request comes from.
type admitted struct {
	m        *member // as it is, or a new one
	isNew    bool
	replaces *member // a static member whose place it takes
}

// admit finds the member that sends a heartbeat, or makes one.
func (g *Group) admit(r *kmsg.ConsumerGroupHeartbeatRequest) (admitted, error) {
	if len(g.members) >= g.settings.MaxSize && g.members[r.MemberID] == nil {
		return admitted{}, refusal(protocol.GroupMaxSizeReached,
			"The consumer group has reached its maximum capacity of %d members.", g.settings.MaxSize)
	}
	if r.InstanceID != nil {
		return g.admitStatic(r)
	}
	m := g.members[r.MemberID]
	switch {
	case m == nil && r.MemberEpoch != 0:
		return admitted{}, refusal(protocol.UnknownMemberID, "Member %s is not a member of group %s.",
			r.MemberID, g.id)
	case m == nil:
		return g.admitNew(r.MemberID), nil
	case r.MemberEpoch == 0:
		return admitted{m: m}, nil
	}
	return admitted{m: m}, checkEpoch(m, r)
}

func (g *Group) admitNew(id string) admitted {
	if id == "" {
		id = g.settings.NewID()
	}
	return admitted{m: &member{id: id}, isNew: true}
}

// admitStatic does it for a member with an instance id. Its place can be taken once it has left for a while.
func (g *Group) admitStatic(r *kmsg.ConsumerGroupHeartbeatRequest) (admitted, error) {
	existing := g.members[g.statics[*r.InstanceID]]
	switch {
	case existing == nil && r.MemberEpoch != 0:
		return admitted{}, refusal(protocol.UnknownMemberID, "Instance id %s is unknown.", *r.InstanceID)
	case existing == nil:
		if m := g.members[r.MemberID]; m != nil {
			return admitted{m: m}, nil
		}
		return g.admitNew(r.MemberID), nil
	case r.MemberEpoch != 0:
		if existing.id != r.MemberID {
			return admitted{}, fencedInstance(r.MemberID, existing)
		}
		return admitted{m: existing}, checkEpoch(existing, r)
	case existing.id == r.MemberID && existing.epoch != absent:
		return admitted{m: existing}, nil
	case existing.classic == nil && existing.epoch != absent:
		return admitted{}, refusal(protocol.UnreleasedInstanceID,
			"Static member %s with instance id %s cannot join the group because the instance id is owned by "+
				"member %s.",
			r.MemberID, existing.instance, existing.id)
	}
	return g.successor(existing, r.MemberID), nil
}

// successor is a static member under another id, with all that it had.
func (g *Group) successor(existing *member, id string) admitted {
	if id == "" {
		id = g.settings.NewID()
	}
	c := *existing
	c.id, c.epoch, c.previous = id, 0, 0
	return admitted{m: &c, isNew: true, replaces: existing}
}

func fencedInstance(id string, owner *member) error {
	return refusal(protocol.FencedInstanceID, "Static member %s with instance id %s was fenced by member %s.",
		id, owner.instance, owner.id)
}

// checkEpoch says whether a member is in the epoch that it should be in. One that is in the epoch before has
// lost an answer; that is fine if it has nothing but what belongs to it. What it has yet to give back does:
// the answer that was lost may be the one that told it so.
func checkEpoch(m *member, r *kmsg.ConsumerGroupHeartbeatRequest) error {
	missed := r.MemberEpoch < m.epoch && r.MemberEpoch == m.previous
	if r.MemberEpoch == m.epoch || missed && within(r.Topics, m.assigned.Plus(m.revoking)) {
		return nil
	}
	relation := "smaller"
	if r.MemberEpoch > m.epoch {
		relation = "greater"
	}
	return refusal(protocol.FencedMemberEpoch, "The consumer group member has a %s member epoch (%d) than the "+
		"one known by the group coordinator (%d). The member must abandon all its partitions and rejoin.",
		relation, r.MemberEpoch, m.epoch)
}

// within tells whether all partitions of a request are in a set. A request that names none does not say.
func within(owned []kmsg.ConsumerGroupHeartbeatRequestTopic, set records.Partitions) bool {
	if owned == nil {
		return false
	}
	for i := range owned {
		for _, index := range owned[i].Partitions {
			if !set.Has(owned[i].TopicID, index) {
				return false
			}
		}
	}
	return true
}
