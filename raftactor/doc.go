// Package raftactor hosts the Raft groups of a node: the actor "raft".
//
// A replica is one unit of two actors, the core (package group) and the applier (package applier). The host
// starts units, rebuilds those that fail from the write-ahead log, gives ticks to those that want some,
// and knows the state of all.
//
// It refuses to know what the groups replicate: it has never heard of Kafka. It may be imported by the
// packages that own replicated state, and by the root of the tree.
//
//	Name      raft
//	Parent    the root of the tree
//	Children  group-<name>, each with its applier
//	Owns      which groups run here; their incarnations; the one ticker
//	On panic  the host and all groups stop; the root decides
//	Loses     nothing that is not in the write-ahead log
//	Mailbox   one by one
//	Blocks    never
//	Receives  Start, Stop, Describe (anybody), Deliver (links), group.Awake (groups), walactor.Appended (wal),
//	          rebuild, tick (itself)
//	Sends     Started, Stopped, Described (askers), Offline (Spec.Events), group.Step, group.Tick (groups),
//	          walactor.Append with a tombstone (wal)
//
// A unit that fails is rebuilt up to 5 times in 30 s, with growing waits. After that, or at once if its
// durable state is contradictory or the write-ahead log has failed, the group is offline: logged as an error,
// told to Spec.Events, and left alone. Everybody else works on.
package raftactor
