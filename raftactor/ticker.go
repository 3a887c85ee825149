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
	if !u.awake {
		u.awake, u.tickPlace = true, len(h.awake)
		h.awake = append(h.awake, u)
	}
	if h.ticker == nil {
		h.ticker = c.Every(group.TickEvery, tick{})
	}
}

// sleep takes a unit off the list.
func (h *host) sleep(u *unit) {
	if !u.awake {
		return
	}
	last := h.awake[len(h.awake)-1]
	h.awake[u.tickPlace], last.tickPlace = last, u.tickPlace
	h.awake[len(h.awake)-1] = nil
	h.awake = h.awake[:len(h.awake)-1]
	u.awake = false
	if len(h.awake) == 0 {
		h.ticker.Stop()
		h.ticker = nil
	}
}

// tick passes a tick on.
func (h *host) tick() {
	for _, u := range h.awake {
		u.address.Tell(group.Tick{})
	}
}
