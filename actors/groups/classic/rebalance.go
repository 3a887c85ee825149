package classic

import (
	"time"

	"github.com/chronik-go/chronik/protocol"
)

// maybePrepareRebalance begins a rebalance; if one is under way already it may be complete now.
func (g *Group) maybePrepareRebalance(now time.Time) {
	switch g.state {
	case Empty, CompletingRebalance, Stable:
		g.prepareRebalance(now)
	case PreparingRebalance:
		g.maybeCompleteJoin(now)
	}
}

// prepareRebalance makes all members join anew. An empty group waits a little for further members: in a
// group that starts they come one by one, and each would start the work of all others again.
func (g *Group) prepareRebalance(now time.Time) {
	if g.state == CompletingRebalance {
		g.dropAssignment(now, protocol.RebalanceInProgress)
	}
	g.syncBy = time.Time{}
	g.initial = g.state == Empty
	g.become(PreparingRebalance, now)
	if g.initial {
		g.arrived = false
		g.grace = max(g.rebalanceTime()-g.settings.InitialDelay, 0)
		g.joinBy = now.Add(g.settings.InitialDelay)
		if g.settings.InitialDelay <= 0 {
			g.completeJoin(now)
		}
		return
	}
	g.joinBy = now.Add(g.rebalanceTime())
	g.maybeCompleteJoin(now)
}

// rebalanceTime is the longest time that a member allows for joining anew.
func (g *Group) rebalanceTime() time.Duration {
	var longest time.Duration
	for _, m := range g.members {
		longest = max(longest, m.rebalance)
	}
	return longest
}

// maybeCompleteJoin completes the rebalance if everybody has joined. An initial one takes its time.
func (g *Group) maybeCompleteJoin(now time.Time) {
	if g.state != PreparingRebalance || g.initial {
		return
	}
	if g.joining() == len(g.members) && len(g.pending) == 0 {
		g.completeJoin(now)
	}
}

// onJoinExpired ends the rebalance without those who have not joined. The initial delay begins again as
// long as members keep coming, up to what they allow for a rebalance.
func (g *Group) onJoinExpired(now time.Time) {
	if g.initial && g.arrived && g.grace > 0 {
		delay := min(g.settings.InitialDelay, g.grace)
		g.arrived, g.grace = false, max(g.grace-delay, 0)
		g.joinBy = now.Add(delay)
		return
	}
	g.completeJoin(now)
}

// completeJoin begins the next generation with those who have joined. Static members that have not are kept
// until their session ends, since they are expected back.
func (g *Group) completeJoin(now time.Time) {
	for _, m := range append([]*member(nil), g.members...) {
		if m.join == 0 && m.instance == nil {
			g.remove(m, protocol.UnknownMemberID)
		}
	}
	if len(g.members) > 0 && !g.electLeader() {
		g.joinBy = now.Add(g.rebalanceTime()) // only absent static members: wait for one of them
		g.initial = false
		return
	}
	g.initial, g.joinBy = false, time.Time{}
	g.generation++
	g.unsynced = nil
	if len(g.members) == 0 {
		g.protocol, g.leader, g.topics = "", "", nil
		if g.protocolType == ConsumerType {
			g.topics = map[string]struct{}{}
		}
		g.become(Empty, now)
		g.save(saving{kind: savesEmpty})
		return
	}
	g.protocol = g.choose()
	g.topics = g.subscriptions()
	g.become(CompletingRebalance, now)
	g.syncBy = now.Add(g.rebalanceTime())
	g.unsynced = make(map[string]struct{}, len(g.members))
	for _, m := range g.members {
		g.unsynced[m.id] = struct{}{}
		g.reply(m.join, g.joined(m))
		m.join, m.fresh = 0, false
		m.heard(now)
	}
}

// electLeader makes sure that the leader is one who has joined. It returns false if nobody has.
func (g *Group) electLeader() bool {
	if m := g.index[g.leader]; m != nil && m.join != 0 {
		return true
	}
	for _, m := range g.members {
		if m.join != 0 {
			g.leader = m.id
			return true
		}
	}
	return false
}

// choose returns the protocol that all members know and most prefer; the one named first wins a tie.
func (g *Group) choose() string {
	votes := map[string]int{}
	var order []string
	for _, m := range g.members {
		for _, p := range m.protocols {
			if !g.known(p.Name) {
				continue
			}
			if votes[p.Name] == 0 {
				order = append(order, p.Name)
			}
			votes[p.Name]++
			break
		}
	}
	best := ""
	for _, name := range order {
		if best == "" || votes[name] > votes[best] {
			best = name
		}
	}
	return best
}
