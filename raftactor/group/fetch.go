package group

import (
	"errors"
	"fmt"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/catchup"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

// embedding is how the log takes in what it refers to, before a state is fetched: that comes to stand where
// entries lie that are not applied and that the log may have been believed for. Until the fetch is over all
// entries go to the log itself.
//
//	CatchUp ─► Embed ─► wal: refers to nothing that is not applied ─► Embedded ─► catchup ─► Terminated
//	           none is placed from here on ............................................... to here
type embedding struct {
	under bool   // asked for, or over and the fetch under way
	from  uint64 // replica to fetch from when it is done; 0: the fetch is given up, or under way
}

// holds tells whether nothing may be placed.
func (e *embedding) holds() bool { return e.under }

// catchUp fetches the state of another replica, unless a fetch that is given up is still ending.
func (a *Actor) catchUp(c *kit.Context, m CatchUp) {
	switch {
	case a.config.Fetch == nil && a.config.Pull == nil, !a.catchup.IsZero(), a.embedding.under:
		a.core.CatchUpFailed()
	case a.placer == nil:
		a.fetch(c, m.From)
	default:
		a.embedding = embedding{under: true, from: m.From}
		a.config.WAL.Tell(walactor.Embed{
			Group: a.config.Group, From: a.core.applied + 1, Placer: a.placer, ReplyTo: c.Self(),
			Token: token(a.config.Incarnation, 0),
		})
	}
}

func (a *Actor) embedded(c *kit.Context, m walactor.Embedded) {
	if !ofIncarnation(m.Token, a.config.Incarnation) || a.core == nil {
		return
	}
	from := a.embedding.from
	a.embedding.from = 0
	switch {
	case from == 0: // given up meanwhile
		a.embedding = embedding{}
	case errors.As(m.Err, new(*wal.CorruptError)):
		panic(fmt.Errorf("make room for a fetch in raft group %d: %w", a.config.Group, m.Err))
	case m.Err != nil:
		a.embedding = embedding{}
		c.Log().Warn().Err(m.Err).Str("group", a.config.Name).Msg("cannot make room for a fetch")
		a.core.CatchUpFailed()
	default:
		a.fetch(c, from)
	}
}

func (a *Actor) fetch(c *kit.Context, from uint64) {
	c.Log().Info().Str("group", a.config.Name).Uint64("from", from).Msg("replica fetches what it misses")
	a.catchup = c.Spawn("catchup", catchup.Spec(catchup.Config{
		Group: a.config.Group, From: a.config.NodeOf(from), Open: a.config.Fetch,
		Pull: a.config.Pull, Applier: a.applier, Slots: a.config.Slots,
	}))
}

// stopFetch gives a fetch up that is of no use any more.
func (a *Actor) stopFetch(c *kit.Context) {
	a.embedding.from = 0
	if !a.catchup.IsZero() {
		c.Stop(a.catchup)
	}
}
