package modern

import "github.com/chronik-go/chronik/actors/groups/records"

// reconcile leads a member a step towards its part of the target. owned is what the member says that it has;
// nil if it does not say.
func (g *Group) reconcile(m *member, owned records.Partitions) *member {
	switch {
	case m.reconciledTo(g.targetEpoch):
		return m
	case m.state == unrevoked && holds(owned, m.revoking):
		return m // it still has to give partitions back
	case m.state == unrevoked:
		return g.step(m, m.epoch+1, owned)
	}
	return g.step(m, m.epoch, owned)
}

// holds tells whether a member has some of the partitions, or may have them.
func holds(owned, some records.Partitions) bool {
	return owned == nil && len(some) > 0 || owned.And(some).Len() > 0
}

// step compares what a member has with its target. Partitions that it must not have are taken first: until it
// has given them back it stays in its epoch. Then it comes to the epoch of the target, with what is free.
//
// A member that has given back what an older target took from it and finds that the newest one takes more is
// not let into the newest epoch yet; it counts one up, so that each round of giving back has an epoch.
func (g *Group) step(m *member, epoch int32, owned records.Partitions) *member {
	target := g.target[m.id]
	kept := m.assigned.And(target)
	if revoking := m.assigned.Minus(target); len(revoking) > 0 && holds(owned, revoking) {
		return m.in(epoch, unrevoked, kept, revoking)
	}
	missing := target.Minus(kept)
	free := missing.Keep(func(topic records.TopicID, index int32) bool { return g.free(topic, index, m.id) })
	state := stable
	if free.Len() < missing.Len() {
		state = unreleased
	}
	return m.in(g.targetEpoch, state, kept.Plus(free), nil)
}

// waits tells whether all that a member waits for still belongs to others.
func (g *Group) waits(m *member) bool {
	if m.state != unreleased {
		return false
	}
	missing := g.target[m.id].Minus(m.assigned)
	return missing.Keep(func(topic records.TopicID, index int32) bool {
		return !g.free(topic, index, m.id)
	}).Len() > 0
}
