package classic

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

// comeBack gives the place of a static member to its successor, which has the same instance id and a new
// member id (KIP-345). Whoever had the place before is fenced.
func (g *Group) comeBack(now time.Time, client Client, r *kmsg.JoinGroupRequest, t Ticket, m *member,
	id string,
) {
	before := *m
	wasLeader := g.leader == m.id
	g.rename(m, id)
	m.set(client, r)
	m.heard(now)
	switch {
	case g.state == Stable && g.choose() == g.protocol:
		response := g.returned(m, r.Version, wasLeader, before.id)
		g.save(saving{kind: savesReturn, ticket: t, response: response, now: id, before: &before})
	case g.state == Stable, g.state == CompletingRebalance:
		m.join = t
		g.prepareRebalance(now)
	default:
		m.join = t
		g.maybeCompleteJoin(now)
	}
}

// rename gives a member another id. Requests that wait under the old one are fenced.
func (g *Group) rename(m *member, id string) {
	g.endJoin(m, protocol.FencedInstanceID)
	g.endSync(m, protocol.FencedInstanceID)
	delete(g.index, m.id)
	if _, missing := g.unsynced[m.id]; missing {
		delete(g.unsynced, m.id)
		g.unsynced[id] = struct{}{}
	}
	if g.leader == m.id {
		g.leader = id
	}
	m.id = id
	g.index[id] = m
	g.statics[*m.instance] = id
}

// returned is the answer to a static member that goes on with the assignment that there is. One that leads
// would make a new assignment if it learned that it does: from version 9 on it is told to leave that, before
// it is told that somebody else leads (KIP-814).
func (g *Group) returned(m *member, version int16, leads bool, before string) *kmsg.JoinGroupResponse {
	response := g.joined(m)
	switch {
	case leads && version >= skipsAssignment:
		response.SkipAssignment = true
		response.Members = g.roster()
	case leads:
		response.LeaderID = before
	}
	return response
}

// onReturnSaved ends the return of a static member. If it could not be written nothing has happened.
func (g *Group) onReturnSaved(now time.Time, s saving, code protocol.Code) {
	if code == protocol.None {
		g.reply(s.ticket, s.response)
		return
	}
	g.reply(s.ticket, joinRefused(code, ""))
	if m := g.index[s.now]; m != nil {

		if !m.waits() && g.index[s.before.id] == nil {
			g.rename(m, s.before.id)
			m.client, m.protocols = s.before.client, s.before.protocols
			m.session, m.rebalance = s.before.session, s.before.rebalance
			m.heard(now)
		}
	}
}
