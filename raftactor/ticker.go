package raftactor

import (
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/group"
)

// One timer serves all groups, and only those that asked for it: a group of one replica never does, and one
// with peers sleeps while all of them have everything. While all sleep there is no timer at all.

// wake notes whether a group wants ticks. A wish of an incarnation that is gone does not count.
func (h *host) wake(c *kit.Context, m group.Awake) {
	u := h.units[m.Group]
	if u == nil || u.incarnation != m.Incarnation || u.gone {
		return
	}
	if !m.Awake {
		h.sleep(u)
		return
	}
	u.awake = true
	h.awake[m.Group] = u
	if h.ticker == nil {
		h.ticker = c.Every(group.TickEvery, tick{})
	}
}

// sleep takes a unit off the list.
func (h *host) sleep(u *unit) {
	if !u.awake {
		return
	}
	u.awake = false
	delete(h.awake, u.spec.Group)
	if len(h.awake) == 0 {
		h.ticker.Stop()
		h.ticker = nil
	}
}

// tick passes a tick on.
func (h *host) tick() {
	for _, u := range kit.InOrder(h.awake) {
		u.address.Tell(group.Tick{})
	}
}
