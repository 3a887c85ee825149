package raftactor

import (
	"sync"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/wal"
)

// routes finds the cores of the groups that run here. The host writes; the goroutines that read from peers
// read, so that a message of raft needs no turn of the host on its way.
type routes struct{ all sync.Map } // wal.GroupID → kit.Address

func (r *routes) put(id wal.GroupID, core kit.Address) { r.all.Store(id, core) }

func (r *routes) drop(id wal.GroupID) { r.all.Delete(id) }

func (r *routes) find(id wal.GroupID) (kit.Address, bool) {
	core, found := r.all.Load(id)
	if !found {
		return kit.Address{}, false
	}
	return core.(kit.Address), true
}

// early keeps messages for groups that do not run here yet. All nodes of a new partition learn of it at about
// the same time, and the first of them stands for election at once; without this its request would be
// lost on the others, and the election would wait for the next attempt.
type early struct {
	messages map[wal.GroupID]*held
}

type held struct {
	since   time.Time
	batches [][]*raftpb.Message
}

// What is kept is small, and not for long.
const (
	maxEarlyGroups  = 16384
	maxEarlyBatches = 8
	earlyFor        = 2 * time.Second
)

// keep notes messages. Those with entries are dropped: the leader sends these again.
func (e *early) keep(m Deliver, now time.Time) {
	for _, one := range m.Messages {
		if len(one.GetEntries()) > 0 {
			return
		}
	}
	if e.messages == nil {
		e.messages = make(map[wal.GroupID]*held)
	}
	if len(e.messages) >= maxEarlyGroups {
		e.expire(now)
	}
	h := e.messages[m.Group]
	if h == nil || now.Sub(h.since) > earlyFor {
		if len(e.messages) >= maxEarlyGroups {
			return
		}
		h = &held{since: now}
		e.messages[m.Group] = h
	}
	if len(h.batches) < maxEarlyBatches {
		h.batches = append(h.batches, m.Messages)
	}
}

// take returns what was kept for a group that starts.
func (e *early) take(id wal.GroupID, now time.Time) [][]*raftpb.Message {
	h := e.messages[id]
	delete(e.messages, id)
	if h == nil || now.Sub(h.since) > earlyFor {
		return nil
	}
	return h.batches
}

func (e *early) expire(now time.Time) {
	for id, h := range e.messages {
		if now.Sub(h.since) > earlyFor {
			delete(e.messages, id)
		}
	}
}

// send hands the messages of a group to the links of the nodes that they are for. It runs in the turn of the
// group's core.
func (h *host) send(message any) {
	m := message.(group.Send)
	peers := h.config.Network.Peers
	for first := 0; first < len(m.Messages); {
		node, last := h.config.NodeOf(m.Messages[first].GetTo()), first+1
		for last < len(m.Messages) && h.config.NodeOf(m.Messages[last].GetTo()) == node {
			last++
		}
		if run := m.Messages[first:last]; !peers.Send(node, m.Group, run) {
			m.From.Tell(group.Unreachable{Replica: run[0].GetTo()})
		}
		first = last
	}
}
