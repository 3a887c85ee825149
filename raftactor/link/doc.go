// Package link connects a node to its peers: one actor for each.
//
//	Name      link-<node>
//	Parent    raft
//	Children  none
//	Owns      the connection to one peer, which it makes and uses to send; the calls that wait for answers
//	On panic  stopped; the connection closes, open calls are answered; the parent builds another
//	Loses     what waited to be sent
//	Mailbox   one by one
//	Blocks    never
//	Receives  Dial, SetAddress, Leaving, Call, Notice (anybody), opened, ended (the dialer), returned (the
//	          reader), retry, expire (itself)
//	Sends     Up, Down, Refused (Config.Events), Returned (askers)
//
// What peers send to this node comes in through the actor of package server, which hands on Incoming and
// Noticed, takes Answer, and tells Greeted.
//
// # Two halves
//
// The actor decides when to dial and when a link is up, which is rare. What is frequent goes past it: Peers
// is a table that any goroutine may read, Peers.Send puts messages into the outbox of a stream under a mutex,
// and the stream's writer sends them. So a message of raft passes no mailbox on its way, one slow peer slows
// only its own writers, and the order of one sender's messages is that of the outbox.
//
// Each node dials each other: a pair of nodes has two connections, and each is used in one direction, but for
// pongs and answers. On a connection appends have a stream of their own, Bulk, which a long queue may delay;
// all else is small and goes over Control. See package wire for the bytes.
//
// # States
//
//	state     what happens             then
//	waiting   back-off over, Dial,     dialing
//	          SetAddress
//	dialing   hello answered           up; Up is told
//	          refused or failed        waiting: 50 ms at first, doubled up to 1 s, with jitter
//	          1 s is over              failed
//	          Dial                     dialing again if the attempt is older than 100 ms, else when it fails
//	up        connection lost, or      waiting; Down is told, what waits is dropped, calls get ErrLost
//	          silence, 500 ms
//
// Pings, every 100 ms (see pings.go and pulse.go), are the only sign of life that counts, and the link is
// where a node learns whether another lives. A peer that said hello to us certainly listens: whoever hears
// Greeted tells the link Dial, so that nodes which start one after the other are connected within a round
// trip.
//
// # Bounds
//
//	appends that wait for one peer     Options.Queue, 64 MiB; further ones are dropped, Send returns false
//	all else that waits                16 MiB, the same
//	calls open on one link             1024; further ones get ErrBusy
//	one message, one call              128 MiB, 64 MiB
//
// It refuses to know what raft's messages, calls and notices mean. Imported by raftactor, raftactor/group and
// whoever speaks to its like on other nodes.
package link
