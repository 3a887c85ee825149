// Package catchup is the actor that brings one replica up to date from the machine of another one: "catchup",
// which lives as long as that takes. The leader has dropped the entries that this replica misses, so it gets
// the state that they led to.
//
// It refuses to know what the state consists of (the machines do), which replica needs one (the core does),
// and to try again: the leader offers its state again, and the replica begins at what it has by then.
//
//	Name      catchup
//	Parent    group-<name>
//	Children  none
//	Owns      the stream from the other replica; one of the node's slots
//	On panic  the unit of the group is rebuilt
//	Loses     nothing: what the machine has taken stays with it
//	Mailbox   one by one
//	Blocks    never; its reader does, on the network
//	Receives  applier.Held, applier.Taken, applier.Finished (applier), arrived, ended (reader), again (itself)
//	Sends     applier.Have, applier.Take, applier.Finish (applier), Done (parent)
//
// # Steps
//
//	waiting     for a slot: a node fetches only so many states at once
//	asking      the machine what it has
//	fetching    piece by piece; the next one is asked for when one before has been taken
//	finishing   the machine makes the state durable
//	done        the parent is told, and stops this actor
//
// # What comes over the stream
//
// The first piece is a head of this package, all others belong to the machines.
//
//	| version 1 | index u64 | term u64 | membership ... |    big endian
package catchup
