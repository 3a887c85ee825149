package raftactor

import (
	"bytes"
	"encoding/binary"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/storage/wal"
)

// Notices are what hosts tell each other beside the messages of raft. A version is the first byte; what a
// newer version says, or what has another length, is not for this one.
//
//	goodbye    1                                        the node is about to stop
//	offline    1, group (8 bytes), replica (8 bytes)    the replica was given up; integers are big-endian
var goodbye = []byte{1}

const offlineBytes = 1 + 8 + 8

func offlineNotice(group wal.GroupID, replica uint64) []byte {
	body := binary.BigEndian.AppendUint64([]byte{1}, uint64(group))
	return binary.BigEndian.AppendUint64(body, replica)
}

// tellPeers sends all peers a notice.
func (h *host) tellPeers(body []byte) {
	switch {
	case h.config.test != nil:
		h.config.test.notice(body)
	case h.config.Network != nil:
		peers := h.config.Network.Peers
		for _, node := range peers.Nodes() {
			peers.Link(node).Tell(link.Notice{Service: link.ServiceGroups, Body: body})
		}
	}
}

// onNoticed hears that a peer is about to stop, or that it has given up a replica. If that one led, the
// others may sleep and believe in it, as its node can be reached as before: no tick and no silence would tell
// them.
func (h *host) onNoticed(c *kit.Context, m link.Noticed) {
	switch {
	case bytes.Equal(m.Body, goodbye):
		c.Self().Child(link.Name(m.From)).Tell(link.Leaving{})
	case len(m.Body) == offlineBytes && m.Body[0] == 1:
		id, replica := binary.BigEndian.Uint64(m.Body[1:]), binary.BigEndian.Uint64(m.Body[9:])
		if u := h.units[wal.GroupID(id)]; u != nil && u.state == Running {
			u.address.Tell(group.ReplicaLost{Replica: replica})
		}
	}
}
