package modern

import (
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/protocol"
)

// leaveBy handles a heartbeat by which a member leaves, for good or, if it is static, for a while.
func (g *Group) leaveBy(r *kmsg.ConsumerGroupHeartbeatRequest, topics Topics,
) *kmsg.ConsumerGroupHeartbeatResponse {
	m := g.members[r.MemberID]
	if r.InstanceID != nil {
		m = g.members[g.statics[*r.InstanceID]]
	}
	switch {
	case m == nil:
		return Refused(refusal(protocol.UnknownMemberID, "Member %s is not a member of group %s.",
			r.MemberID, g.id))
	case m.id != r.MemberID:
		return Refused(fencedInstance(r.MemberID, m))
	}
	if r.MemberEpoch == absent {
		g.absent(m)
	} else {
		g.fence(m, topics)
	}
	response := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	response.MemberID, response.MemberEpoch = &r.MemberID, r.MemberEpoch
	return response
}

// absent keeps the partitions of a static member for its successor, for a session. What it had to give back
// is free: its process has ended.
func (g *Group) absent(m *member) {
	gone := *m
	gone.epoch, gone.revoking = absent, nil
	g.put(&gone)
	g.timersOf(m.id).rebalance = time.Time{}
	g.write(records.CurrentKind, m.id, records.CurrentValue(gone.current()))
}

// fence takes a member out of the group. The next heartbeat of another one divides what it had. If all others
// speak the classic protocol the group becomes a classic one.
func (g *Group) fence(m *member, topics Topics) {
	if g.canDowngrade(m, len(g.members)-1) && len(g.members) > 1 {
		g.downgrade(m, true, topics)
		return
	}
	g.erase(m)
	g.afterRemoval(topics)
}

// afterRemoval begins the epoch without those who left. Expressions are not looked up for that.
func (g *Group) afterRemoval(topics Topics) {
	wanted := map[string]bool{}
	for _, m := range g.members {
		wanted[m.regex] = true
	}
	g.forget(wanted)
	g.touch()
	if read := g.subscribed(topics); !maps.Equal(read, g.topics) {
		g.topics = read
		g.write(records.TopicsKind, "", records.TopicsValue(inOrder(read)))
	}
	g.epoch++
	g.write(records.EpochKind, "", records.EpochValue(g.epoch))
}

// fenceAgain is the wait before a member is fenced again whose end could not be written.
const fenceAgain = time.Second

// Tick fences those whose time is up. A group that is to become a classic one is left alone.
func (g *Group) Tick(now time.Time, topics Topics) {
	for _, id := range slices.Sorted(maps.Keys(g.members)) {
		m, t := g.members[id], g.timersOf(id)
		if g.downgraded == nil && t.over(now, m) {
			*t = timers{session: now.Add(fenceAgain)}
			g.fence(m, topics)
		}
	}
}

// over tells whether a deadline of a member has passed.
func (t *timers) over(now time.Time, m *member) bool {
	passed := func(deadline time.Time) bool { return !deadline.IsZero() && !now.Before(deadline) }
	return passed(t.session) || passed(t.rebalance) && m.state == unrevoked || passed(t.join) || passed(t.sync)
}

// Next returns when Tick has something to do, zero if never.
func (g *Group) Next() time.Time {
	var next time.Time
	for id, t := range g.timers {
		if g.members[id] == nil {
			continue // it has left, but that is not written yet
		}
		for _, deadline := range []time.Time{t.session, t.rebalance, t.join, t.sync} {
			if !deadline.IsZero() && (next.IsZero() || deadline.Before(next)) {
				next = deadline
			}
		}
	}
	return next
}

// Remove writes the end of a group that nobody is in.
func (g *Group) Remove() {
	g.touch()
	g.tombstones()
	g.dead = true
}

// tombstones removes all records of the group.
func (g *Group) tombstones() {
	ids := slices.Sorted(maps.Keys(g.members))
	for _, kind := range []records.Kind{records.CurrentKind, records.TargetKind} {
		for _, id := range ids {
			g.write(kind, id, nil)
		}
	}
	g.write(records.TargetEpochKind, "", nil)
	for _, id := range ids {
		g.write(records.MemberKind, id, nil)
	}
	for _, expression := range slices.Sorted(maps.Keys(g.regexes)) {
		g.write(records.RegexKind, expression, nil)
	}
	g.write(records.TopicsKind, "", nil)
	g.write(records.EpochKind, "", nil)
}
