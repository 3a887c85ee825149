package link

import (
	"github.com/chronik-go/chronik/raftactor/link/wire"
)

// Each of two nodes pings the other on the connection that it has made. Most pongs need no message of their
// own: a ping that has come in is answered in the frame of the next ping that goes out anyway.
//
//	node 1                       node 2
//	Ping 7 ────────────────────►            on the connection of node 1
//	       ◄──────────────────── Pong 7, Ping 3        on that of node 2
//	Pong 3, Ping 8 ────────────►
//
// So a pair of idle nodes exchanges two frames in a beat and not four. What a pong proves is the same: the
// ping went one way, and the pong came the other way. One ping in every directPong is answered at once on its
// own connection, which measures the round trip; and all are while there is no connection the other way.

// directPong is how many pings come between two that are answered at once.
const directPong = 16

// Owe notes that a ping of a node is to be answered with the next ping to it. It declines if there is no
// link, or if it is time to measure: then the caller answers at once.
func (p *Peers) Owe(node int32, number uint64) bool {
	one := p.peer(node)
	if one == nil || one.session.Load() == nil || one.pings.Add(1)%directPong == 0 {
		return false
	}
	one.owed.Store(number)
	return true
}

// beat returns what a link sends in a beat: the pong that it owes, and a ping.
func (p *peer) beat(s *session) []wire.Item {
	if number := p.owed.Swap(0); number != 0 {
		return []wire.Item{{Kind: wire.Pong, Number: number}, s.ping()}
	}
	return []wire.Item{s.ping()}
}
