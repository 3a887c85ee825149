// Package raftactor hosts the Raft groups of a node: the actor "raft".
//
// A replica is one unit of two actors, the core (package group) and the applier (package applier). The host
// starts units, rebuilds those that fail from the write-ahead log, gives ticks to those that want some,
// and knows the state of all. It also keeps this node connected: one link to each peer, and the server that
// the links of the peers lead to.
//
// It refuses to know what the groups replicate: it has never heard of Kafka. It may be imported by the
// packages that own replicated state, and by the root of the tree.
//
//	Name      raft
//	Parent    the root of the tree
//	Children  group-<name>, each with its applier; server; link-<node>
//	Owns      which groups run here; their incarnations; the one ticker; which peers there are
//	On panic  the host and all groups stop; the root decides
//	Loses     nothing that is not in the write-ahead log
//	Mailbox   one by one
//	Blocks    never
//	Receives  Start, Stop, Describe, Subscribe, SetPeers, Resign (anybody), Deliver, server.Bound,
//	          link.Greeted, link.Noticed (server), link.Up, link.Down, link.Refused (links), group.Awake
//	          (groups), walactor.Appended (wal), rebuild, mend, lookAgain, tick (itself)
//	Sends     Started, Stopped, Described, Resigned (askers), Offline (Spec.Events), group.Step, group.Tick,
//	          group.NodeChanged, group.ReplicaLost, group.Resign (groups), walactor.Append with a tombstone
//	          (wal), link.Dial, link.SetAddress, link.Notice (links), and what it hears of links to its
//	          subscribers
//
// # The way of a message of raft
//
//	group ─► links (a function: finds the node) ─► outbox of the link ─► peer's server ─► routes ─► group
//
// No turn of the host lies on it. A message for a group that does not run here takes the way through the
// host, which keeps it for a moment if it is small: the group may be about to start.
//
// A unit that fails is rebuilt up to 5 times in 30 s, with growing waits. After that, or at once if its
// durable state is contradictory or the write-ahead log has failed, the group is offline: logged as an error,
// told to Spec.Events, and left alone. Everybody else works on.
package raftactor
