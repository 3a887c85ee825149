package group

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/catchup"
)

// What the actor does about the members of its group; what should be done the core decides.

// want takes over which membership should be, for this life of the unit and those after it.
func (a *Actor) want(m Want) {
	a.config.Wanted.Store(&m)
	if a.core != nil {
		a.core.Want(m)
	}
}

func (a *Actor) transfer(m Transfer) {
	if a.core == nil {
		m.ReplyTo.Tell(Transferred{Group: a.config.Group, Token: m.Token, Err: ErrNotLeader{}})
		return
	}
	a.core.Transfer(m)
}

// describe answers with what the core knows, and when that was last so.
func (a *Actor) describe(c *kit.Context, m DescribeMembers) {
	if a.core == nil {
		m.ReplyTo.Tell(MembersDescribed{Token: m.Token, Group: a.config.Group})
		return
	}
	described, behind := a.core.Describe()
	described.Token = m.Token
	for i := range described.Members {
		one := &described.Members[i]
		if !described.Leads {
			continue
		}
		if a.core.reachable(one.Replica) {
			one.LastContact = c.Now()
		}
		if ticks, is := behind[one.Replica]; is {
			one.CaughtUp = c.Now().Add(-time.Duration(ticks) * TickEvery)
		} else if one.InSync {
			one.CaughtUp = c.Now()
		}
	}
	m.ReplyTo.Tell(described)
}

// share lets the applier answer: the state that it has is what can be shared.
func (a *Actor) share(m applier.Share) {
	if a.core == nil {
		m.Refuse(kit.ErrStopped)
		return
	}
	a.applier.Tell(m)
}

// performMembership carries out what the core wants beside the log.
func (a *Actor) performMembership(c *kit.Context, effects *Effects) {
	for _, one := range effects.Members {
		a.config.Events.Tell(one)
	}
	for i, one := range effects.Transferred {
		effects.Transferred[i] = TransferAnswer{}
		one.ReplyTo.Tell(one.Transferred)
	}
	if effects.CaughtUp { // in this order: whoever is built when it has been told finds it in the status
		a.config.Status.caughtUp.Store(true)
		a.config.Events.Tell(CaughtUp{Group: a.config.Group, Term: a.core.term})
	}
	if effects.StopFetch {
		a.stopFetch(c)
	}
	for _, one := range effects.CatchUps {
		a.catchUp(c, one)
	}
}

func (a *Actor) caughtUp(c *kit.Context, m catchup.Done) {
	c.Stop(a.catchup)
	if a.core == nil {
		return
	}
	if m.Err != nil {
		c.Log().Info().Err(m.Err).Str("group", a.config.Name).Msg("replica could not fetch what it misses")
		a.core.CatchUpFailed()
		return
	}
	c.Log().Info().Str("group", a.config.Name).Uint64("index", m.Index).Msg("replica has fetched what it missed")
	a.core.Installed(Installed{Index: m.Index, Term: m.Term, ConfState: m.ConfState, Machine: m.Machine})
}
