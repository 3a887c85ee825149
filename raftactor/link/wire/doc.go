// Package wire is what nodes of a cluster say to each other on the network, byte by byte, and how it gets
// into gRPC and out of it without copies of what is large.
//
// It refuses to know who speaks and why: there is no actor in it and it opens no connection. Imported by
// raftactor/link and raftactor/link/server.
//
// # Streams
//
// The service chronik.peer.v1.Peer has three streams. A node opens Control and Bulk to each of its peers, on
// one connection, and CatchUp on a connection of its own.
//
//	stream    from the one who dials            from the one who is dialed
//	Control   Greet, then Raft, Ping, Pong,     Welcome or Refuse, then Pong, Return
//	          Call, Notice
//	Bulk      Join, then Raft                   nothing
//	CatchUp   Request                           Refuse or Piece; Piece; ...
//
// # Frames
//
// A message of gRPC is a frame, at most 128 MiB. It holds items: their heads one after the other, then their
// bodies in the same order, so that the bodies (data of entries, mostly) are the sender's own memory, and
// become memory of the receiver's own with one copy.
//
//	+---------+------------------+-------------------+----------------------+
//	| version | length of heads  | heads of items    | bodies               |
//	| 1 byte  | uvarint          |                   | to the frame's end   |
//	+---------+------------------+-------------------+----------------------+
//
// The version is 1. A receiver refuses any other: the stream ends, and both nodes say why. Numbers are
// uvarints unless noted; int32 travels as uint32; a string is its length and its bytes.
//
//	item      head after the kind byte
//	Greet     hello
//	Welcome   hello
//	Refuse    string
//	Join      number of the session, from Welcome
//	Raft      group, message
//	Ping      number, comes back in Pong: at once, or along with a Ping on the connection the other way
//	Pong      number
//	Call      number, service (1 byte), timeout in milliseconds, length of the body
//	Return    number, 0 or 1 and the string of an error, length of the body
//	Notice    service (1 byte), length of the body
//	Request   hello, group, length of the body: what the asker has
//	Piece     length of the body
//
//	hello     node, directory, cluster (strings), state (1 byte), count of founders, each node and directory,
//	          raft address, build (strings), feature, instance, then a number: of the attempt among
//	          the sender's (Greet), of the session (Welcome), 0 (Request)
//
//	message   type, to, from, 2 bytes of flags (low byte first), then what the flags announce, in this order:
//	          bit 0 term, 1 logTerm, 2 index, 3 commit, 4 vote, 5 rejectHint, 6 context (string),
//	          7 snapshot (length of a body: raftpb.Snapshot), 8 reject, 9 its value (neither has bytes),
//	          10 entries: their count, and each as below
//
//	entry     1 byte: bits 0-1 type, bit 2 the term is that of the entry before, bit 3 the index follows that
//	          of the entry before; then term and index where the bits are 0; then the length of its data,
//	          which is a body. Before the first entry are logTerm and index of the message.
//
// The entries of one message share one piece of memory at the receiver, so what is kept of them keeps alive
// only data of the same group.
package wire
