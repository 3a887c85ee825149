package classic

import (
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

// saving is a write of the group that is under way.
type saving struct {
	kind       savingKind
	generation int32
	assigned   map[string][]byte       // savesAssignment: by member id
	ticket     Ticket                  // savesReturn
	response   *kmsg.JoinGroupResponse // savesReturn: the answer if it is written
	now        string                  // savesReturn: the new id
	before     *member                 // savesReturn: what is undone if it is not written
}

type savingKind uint8

const (
	savesEmpty      savingKind = iota // a generation without members
	savesAssignment                   // the leader's assignment
	savesReturn                       // a static member under a new id
)

// Sync handles a SyncGroup. That of the leader brings the assignment; the others wait for it.
func (g *Group) Sync(now time.Time, r *kmsg.SyncGroupRequest, t Ticket) {
	if code := g.checkSync(r); code != protocol.None {
		g.reply(t, syncRefused(code))
		return
	}
	m := g.index[r.MemberID]
	switch g.state {
	case PreparingRebalance:
		g.reply(t, syncRefused(protocol.RebalanceInProgress))
	case Stable:
		delete(g.unsynced, m.id)
		g.settleSyncs()
		m.heard(now)
		g.reply(t, g.synced(m))
	case CompletingRebalance:
		g.endSync(m, protocol.RebalanceInProgress) // given up by the client
		m.sync = t
		delete(g.unsynced, m.id)
		if m.id == g.leader {
			g.assign(r)
		}
	default:
		g.reply(t, syncRefused(protocol.UnknownMemberID))
	}
}

func (g *Group) checkSync(r *kmsg.SyncGroupRequest) protocol.Code {
	if g.state == Dead {
		return protocol.CoordinatorNotAvailable
	}
	if code := g.check(r.MemberID, r.InstanceID); code != protocol.None {
		return code
	}
	switch {
	case r.Generation != g.generation:
		return protocol.IllegalGeneration
	case r.ProtocolType != nil && *r.ProtocolType != g.protocolType,
		r.Protocol != nil && *r.Protocol != g.protocol:
		return protocol.InconsistentGroupProtocol
	}
	return protocol.None
}

// assign writes the leader's assignment; members that it left out get an empty one.
func (g *Group) assign(r *kmsg.SyncGroupRequest) {
	assigned := make(map[string][]byte, len(g.members))
	for _, a := range r.GroupAssignment {
		assigned[a.MemberID] = a.MemberAssignment
	}
	g.save(saving{kind: savesAssignment, assigned: assigned})
}

// save asks for the group to be written and remembers what follows.
func (g *Group) save(s saving) {
	if g.saves == nil {
		g.saves = map[uint64]saving{}
	}
	g.lastSave++
	s.generation = g.generation
	g.saves[g.lastSave] = s
	g.out.Saves = append(g.out.Saves, Save{g.lastSave, g.record(s.assigned)})
}

// Saved ends a write that Save asked for: it is committed if code is None, and else the members are told
// the code.
func (g *Group) Saved(now time.Time, id uint64, code protocol.Code) {
	s, open := g.saves[id]
	if !open {
		return
	}
	delete(g.saves, id)
	switch s.kind {
	case savesAssignment:
		g.onAssignmentSaved(now, s, code)
	case savesReturn:
		g.onReturnSaved(now, s, code)
	}
}

// onAssignmentSaved hands out the assignment, unless the group has moved on meanwhile.
func (g *Group) onAssignmentSaved(now time.Time, s saving, code protocol.Code) {
	if g.state != CompletingRebalance || g.generation != s.generation {
		return
	}
	if code != protocol.None {
		g.dropAssignment(now, code)
		g.prepareRebalance(now)
		return
	}
	for _, m := range g.members {
		m.assignment = s.assigned[m.id]
	}
	g.become(Stable, now)
	for _, m := range g.members {
		if m.sync != 0 {
			g.reply(m.sync, g.synced(m))
			m.sync = 0
			m.heard(now)
		}
	}
	g.settleSyncs()
}

// settleSyncs stops to wait for syncs once all members of the generation have sent theirs.
func (g *Group) settleSyncs() {
	if len(g.unsynced) == 0 {
		g.unsynced, g.syncBy = nil, time.Time{}
	}
}

// dropAssignment ends all syncs that wait.
func (g *Group) dropAssignment(now time.Time, code protocol.Code) {
	for _, m := range g.members {
		m.assignment = nil
		if m.sync != 0 {
			m.heard(now)
		}
		g.endSync(m, code)
	}
}

// onSyncExpired drops the members that have joined and never asked for their assignment.
func (g *Group) onSyncExpired(now time.Time) {
	g.syncBy = time.Time{}
	if g.state != CompletingRebalance && g.state != Stable || len(g.unsynced) == 0 {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(g.unsynced)) {
		if m := g.index[id]; m != nil {
			g.remove(m, protocol.UnknownMemberID)
		}
	}
	g.prepareRebalance(now)
}

func (g *Group) synced(m *member) *kmsg.SyncGroupResponse {
	response := kmsg.NewPtrSyncGroupResponse()
	chosen, kind := g.protocol, g.protocolType
	response.Protocol, response.ProtocolType = &chosen, &kind
	response.MemberAssignment = orEmpty(m.assignment)
	return response
}

func orEmpty(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

func syncRefused(code protocol.Code) *kmsg.SyncGroupResponse {
	response := kmsg.NewPtrSyncGroupResponse()
	response.ErrorCode, response.MemberAssignment = int16(code), []byte{}
	return response
}
