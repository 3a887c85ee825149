package classic

import (
	"bytes"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

// memberIDRequired is the first version of JoinGroup whose clients join with the id that they were given
// (KIP-394). skipsAssignment is the first that can be told to leave the assignment as it is (KIP-814).
const (
	memberIDRequired = 4
	skipsAssignment  = 9
)

// Join handles a JoinGroup. It is answered when the rebalance that it takes part in is complete.
func (g *Group) Join(now time.Time, client Client, r *kmsg.JoinGroupRequest, t Ticket) {
	if code := g.admit(r); code != protocol.None {
		id := r.MemberID
		if code == protocol.GroupMaxSizeReached {
			id = ""
		}
		g.reply(t, joinRefused(code, id))
		return
	}
	if r.MemberID == "" {
		g.joinNew(now, client, r, t)
		return
	}
	g.joinKnown(now, client, r, t)
}

// admit says why nobody may join with this request.
func (g *Group) admit(r *kmsg.JoinGroupRequest) protocol.Code {
	session := time.Duration(r.SessionTimeoutMillis) * time.Millisecond
	switch {
	case session < g.settings.MinSession || session > g.settings.MaxSession:
		return protocol.InvalidSessionTimeout
	case g.full(r.MemberID):
		return protocol.GroupMaxSizeReached
	case g.state == Dead:
		return protocol.CoordinatorNotAvailable
	case !g.supports(r):
		return protocol.InconsistentGroupProtocol
	}
	return protocol.None
}

// full tells whether there is no place for a member. While a rebalance is being prepared only those count
// that have joined it, since the others may never come back.
func (g *Group) full(id string) bool {
	m := g.index[id]
	switch g.state {
	case PreparingRebalance:
		return (m == nil || m.join == 0) && g.joining() >= g.settings.MaxSize
	case CompletingRebalance, Stable:
		return m == nil && len(g.members) >= g.settings.MaxSize
	}
	return false
}

// supports tells whether a request has a protocol that all members know.
func (g *Group) supports(r *kmsg.JoinGroupRequest) bool {
	if r.ProtocolType == "" || len(r.Protocols) == 0 {
		return false
	}
	if len(g.members) == 0 {
		return true
	}
	if r.ProtocolType != g.protocolType {
		return false
	}
	for _, p := range r.Protocols {
		if g.known(p.Name) {
			return true
		}
	}
	return false
}

// known tells whether all members know a protocol.
func (g *Group) known(name string) bool {
	for _, m := range g.members {
		if m.metadata(name) == nil {
			return false
		}
	}
	return true
}

func (m *member) metadata(name string) []byte {
	for _, p := range m.protocols {
		if p.Name == name {
			if p.Metadata == nil {
				return []byte{}
			}
			return p.Metadata
		}
	}
	return nil
}

// joinNew handles a request without a member id.
func (g *Group) joinNew(now time.Time, client Client, r *kmsg.JoinGroupRequest, t Ticket) {
	prefix := client.ID
	if r.InstanceID != nil {
		prefix = *r.InstanceID
	}
	id := prefix + "-" + g.settings.NewID()
	if r.InstanceID != nil {
		if owner, known := g.statics[*r.InstanceID]; known {
			g.comeBack(now, client, r, t, g.index[owner], id)
			return
		}
	} else if r.Version >= memberIDRequired {
		if g.pending == nil {
			g.pending = map[string]time.Time{}
		}
		g.pending[id] = now.Add(time.Duration(r.SessionTimeoutMillis) * time.Millisecond)
		g.reply(t, joinRefused(protocol.MemberIDRequired, id))
		return
	}
	g.enter(now, client, r, t, id)
}

// joinKnown handles a request with a member id.
func (g *Group) joinKnown(now time.Time, client Client, r *kmsg.JoinGroupRequest, t Ticket) {
	if _, given := g.pending[r.MemberID]; given {
		if r.InstanceID != nil { // ids are given out to members without an instance only
			g.reply(t, joinRefused(protocol.UnknownMemberID, r.MemberID))
			return
		}
		g.enter(now, client, r, t, r.MemberID)
		return
	}
	if code := g.check(r.MemberID, r.InstanceID); code != protocol.None {
		g.reply(t, joinRefused(code, r.MemberID))
		return
	}
	m := g.index[r.MemberID]
	switch {
	case g.state == PreparingRebalance:
		g.update(now, client, r, t, m)
		g.maybeCompleteJoin(now)
	case g.state == CompletingRebalance && m.matches(r):
		// The answer to the same request was lost; it is given again.
		m.heard(now)
		g.reply(t, g.joined(m))
	case g.state == Stable && m.id != g.leader && m.matches(r):
		m.heard(now)
		g.reply(t, g.joined(m))
	case g.state == CompletingRebalance || g.state == Stable:
		g.update(now, client, r, t, m)
		g.prepareRebalance(now)
	default:
		g.reply(t, joinRefused(protocol.UnknownMemberID, r.MemberID))
	}
}

// enter adds a member and has all others join anew.
func (g *Group) enter(now time.Time, client Client, r *kmsg.JoinGroupRequest, t Ticket, id string) {
	m := &member{id: id, instance: r.InstanceID, fresh: true}
	m.set(client, r)
	m.join, m.deadline = t, now.Add(newMemberTime)
	g.add(m)
	g.protocolType = r.ProtocolType
	if g.state == PreparingRebalance && g.initial {
		g.arrived = true
	}
	g.maybePrepareRebalance(now)
}

// update takes over what a member says of itself and lets its join wait. An older join of it that still
// waits was given up by the client.
func (g *Group) update(now time.Time, client Client, r *kmsg.JoinGroupRequest, t Ticket, m *member) {
	g.endJoin(m, protocol.RebalanceInProgress)
	m.set(client, r)
	m.join = t
	m.heard(now)
}

func (m *member) set(client Client, r *kmsg.JoinGroupRequest) {
	m.client, m.protocols = client, r.Protocols
	m.session = time.Duration(r.SessionTimeoutMillis) * time.Millisecond
	m.rebalance = time.Duration(r.RebalanceTimeoutMillis) * time.Millisecond
	if r.Version == 0 { // which has no rebalance timeout
		m.rebalance = m.session
	}
}

// matches tells whether a request says the same as the member has said before.
func (m *member) matches(r *kmsg.JoinGroupRequest) bool {
	if len(m.protocols) != len(r.Protocols) {
		return false
	}
	for i, p := range r.Protocols {
		if p.Name != m.protocols[i].Name || !bytes.Equal(p.Metadata, m.protocols[i].Metadata) {
			return false
		}
	}
	return true
}

// joined is the answer to a member that has its place in the present generation. Only the leader of a
// generation whose assignment is open is told who the others are.
func (g *Group) joined(m *member) *kmsg.JoinGroupResponse {
	response := kmsg.NewPtrJoinGroupResponse()
	response.Generation, response.LeaderID, response.MemberID = g.generation, g.leader, m.id
	chosen, kind := g.protocol, g.protocolType // copies: the group goes on while the answer is encoded
	response.Protocol, response.ProtocolType = &chosen, &kind
	if m.id == g.leader && g.state == CompletingRebalance {
		response.Members = g.roster()
	}
	return response
}

// roster lists the members for the one that makes the assignment.
func (g *Group) roster() []kmsg.JoinGroupResponseMember {
	list := make([]kmsg.JoinGroupResponseMember, 0, len(g.members))
	for _, m := range g.members {
		one := kmsg.NewJoinGroupResponseMember()
		one.MemberID, one.InstanceID, one.ProtocolMetadata = m.id, m.instance, m.metadata(g.protocol)
		list = append(list, one)
	}
	return list
}

func joinRefused(code protocol.Code, id string) *kmsg.JoinGroupResponse {
	response := kmsg.NewPtrJoinGroupResponse()
	response.ErrorCode, response.MemberID, response.Generation = int16(code), id, -1
	return response
}
