// Package server takes what the peers of this node send: the other half of package link.
//
//	Name      server
//	Parent    raft
//	Children  none
//	Owns      the socket that peers dial and the streams they open; the calls that wait for answers from here
//	On panic  stopped with all streams; the parent builds another
//	Loses     nothing that was promised: peers connect again
//	Mailbox   one by one
//	Blocks    never, but at its end until the streams' goroutines have ended
//	Receives  stopped (the accept loop)
//	Sends     Bound, link.Greeted, link.Refused (Config.Events), link.Incoming, link.Noticed (Config.Services)
//
// The actor binds, and unbinds. What comes in is handed on by the goroutines of the streams: messages of raft
// to Config.Deliver, calls and notices to the services, pings back to where they came from. Answers are taken
// by a function, on the goroutine of whoever answers, and sent by the writer of the stream.
//
// A hello that does not fit is refused: the peer is told why, and so are the log and Config.Events, once
// until the reason changes. A node has one session: a new one ends the one before, and what still arrives
// from that is ignored, so that messages of a process that has died do not come after those of its successor.
//
// Catch-ups share one rate, and only a few are served at a time; one more is told to come later. So they
// leave to producers the greater part of the network and the disk.
//
//	calls of one peer without an answer   2048; further ones are refused
//	answers that wait for one peer        64 MiB; further ones are dropped, the asker has a timeout
//	streams on one connection             16
//	catch-ups at once                     Config.CatchUps, 4
//	bytes per second of all catch-ups     Config.Rate, 512 MiB
//
// It refuses to dial, and to know what it hands on. Imported by raftactor.
package server
