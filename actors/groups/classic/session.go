package classic

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

// leavesInBatch is the first version of LeaveGroup that names several members.
const leavesInBatch = 3

// Heartbeat returns what a member is told that says it lives.
func (g *Group) Heartbeat(now time.Time, r *kmsg.HeartbeatRequest) protocol.Code {
	if g.state == Dead {
		return protocol.CoordinatorNotAvailable
	}
	if code := g.check(r.MemberID, r.InstanceID); code != protocol.None {
		return code
	}
	if r.Generation != g.generation {
		return protocol.IllegalGeneration
	}
	switch g.state {
	case PreparingRebalance:
		g.index[r.MemberID].heard(now)
		return protocol.RebalanceInProgress
	case CompletingRebalance, Stable:
		g.index[r.MemberID].heard(now)
		return protocol.None
	}
	return protocol.UnknownMemberID
}

// Leave handles a LeaveGroup and returns its answer.
func (g *Group) Leave(now time.Time, r *kmsg.LeaveGroupRequest) *kmsg.LeaveGroupResponse {
	response := kmsg.NewPtrLeaveGroupResponse()
	if g.state == Dead {
		response.ErrorCode = int16(protocol.CoordinatorNotAvailable)
		return response
	}
	if r.Version < leavesInBatch {
		response.ErrorCode = int16(g.leave(r.MemberID, nil))
	}
	for _, one := range r.Members {
		answer := kmsg.NewLeaveGroupResponseMember()
		answer.MemberID, answer.InstanceID = one.MemberID, one.InstanceID
		answer.ErrorCode = int16(g.leave(one.MemberID, one.InstanceID))
		response.Members = append(response.Members, answer)
	}
	g.afterRemoval(now)
	return response
}

// leave removes one member; an administrator names a static one by its instance alone.
func (g *Group) leave(id string, instance *string) protocol.Code {
	if instance == nil {
		if _, given := g.pending[id]; given {
			delete(g.pending, id)
			return protocol.None
		}
	} else if owner, known := g.statics[*instance]; known && id == "" {
		id = owner
	}
	if code := g.check(id, instance); code != protocol.None {
		return code
	}
	g.remove(g.index[id], protocol.UnknownMemberID)
	g.left = true
	return protocol.None
}

// afterRemoval begins a rebalance if members have left, or completes one that waited for them.
func (g *Group) afterRemoval(now time.Time) {
	left := g.left
	g.left = false
	switch g.state {
	case CompletingRebalance, Stable:
		if left {
			g.prepareRebalance(now)
		}
	case PreparingRebalance:
		g.maybeCompleteJoin(now)
	}
}

// Tick makes true what the time has brought: silent members go, rebalances end.
func (g *Group) Tick(now time.Time) {
	for id, deadline := range g.pending {
		if !now.Before(deadline) {
			delete(g.pending, id)
		}
	}
	for _, m := range slices.Clone(g.members) {
		if m.expires() && !now.Before(m.deadline) {
			g.remove(m, protocol.UnknownMemberID)
			g.left = true
		}
	}
	g.afterRemoval(now)
	if g.state == PreparingRebalance && !g.joinBy.IsZero() && !now.Before(g.joinBy) {
		g.onJoinExpired(now)
	}
	if !g.syncBy.IsZero() && !now.Before(g.syncBy) {
		g.onSyncExpired(now)
	}
}

// expires tells whether the deadline of the member counts: we owe no answer, or it has never been in.
func (m *member) expires() bool { return m.fresh || !m.waits() }

// Next returns when Tick has something to do, zero if never.
func (g *Group) Next() time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, deadline := range g.pending {
		sooner(deadline)
	}
	for _, m := range g.members {
		if m.expires() {
			sooner(m.deadline)
		}
	}
	if g.state == PreparingRebalance {
		sooner(g.joinBy)
	}
	sooner(g.syncBy)
	return next
}

// CheckCommit says whether offsets may be committed in the name of a member, or without one (generation -1)
// while nobody is in the group. A member that commits lives.
func (g *Group) CheckCommit(now time.Time, generation int32, id string, instance *string) protocol.Code {
	anonymous := generation < 0 && id == "" && instance == nil
	switch {
	case g.state == Dead:
		return protocol.GroupIDNotFound
	case generation < 0 && g.state == Empty:
		return protocol.None
	case anonymous:
		return protocol.UnknownMemberID
	}
	if code := g.check(id, instance); code != protocol.None {
		return code
	}
	switch {
	case generation != g.generation:
		return protocol.IllegalGeneration
	case g.state == CompletingRebalance:
		return protocol.RebalanceInProgress
	}
	g.index[id].heard(now)
	return protocol.None
}

// CheckTransactionalCommit is CheckCommit for offsets that are part of a transaction. Older producers name no
// member, and the transaction may end while the group rebalances, so neither is asked for (KIP-447).
func (g *Group) CheckTransactionalCommit(_ time.Time, generation int32, id string, instance *string,
) protocol.Code {
	switch {
	case g.state == Dead:
		return protocol.CoordinatorNotAvailable
	case generation < 0 && (g.state == Empty || id == "" && instance == nil):
		return protocol.None
	}
	if code := g.check(id, instance); code != protocol.None {
		return code
	}
	if generation != g.generation {
		return protocol.IllegalGeneration
	}
	return protocol.None
}

// Kill makes the group Dead. Requests that wait are told that there is no coordinator for them.
func (g *Group) Kill(now time.Time) {
	for _, m := range slices.Clone(g.members) {
		g.remove(m, protocol.CoordinatorNotAvailable)
	}
	g.pending, g.saves = nil, nil
	g.joinBy, g.syncBy = time.Time{}, time.Time{}
	g.become(Dead, now)
}
