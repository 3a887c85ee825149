package raftactor

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/group"
)

// resigning is a node's way out: its leaderships go to others before it stops.
type resigning struct {
	until time.Time
	asked []Resign
}

// resignEvery is the time between two looks at what is left.
const resignEvery = 5 * time.Millisecond

func (h *host) resign(c *kit.Context, m Resign) {
	if h.resigning == nil {
		h.tellPeers(goodbye)
		h.resigning = &resigning{until: c.Now().Add(m.Within)}
		for _, u := range kit.InOrder(h.units) {
			if u.state == Running {
				u.address.Tell(group.Resign{})
			}
		}
	}
	h.resigning.asked = append(h.resigning.asked, m)
	h.lookAgain(c)
}

// lookAgain answers when no leadership is left that others could take, or the time is up.
func (h *host) lookAgain(c *kit.Context) {
	if len(h.resigning.asked) == 0 {
		return
	}
	left := 0
	for _, u := range h.units {
		if view := u.status; u.state == Running && view != nil && view.View().Leads && view.View().Peers > 0 {
			left++
		}
	}
	if left > 0 && c.Now().Before(h.resigning.until) {
		c.After(resignEvery, lookAgain{})
		return
	}
	for _, m := range h.resigning.asked {
		m.ReplyTo.Tell(Resigned{Token: m.Token, Left: left})
	}
	h.resigning.asked = nil
}

// abandonResigning tells those who wait that nobody looks any more.
func (h *host) abandonResigning(failed any) {
	if h.resigning == nil {
		return
	}
	culprit, _ := failed.(Resign)
	for _, m := range h.resigning.asked {
		if m.Token != culprit.Token || !m.ReplyTo.Equal(culprit.ReplyTo) {
			m.Refuse(kit.ErrStopped)
		}
	}
}
