// Package walactor is the actor that owns the write-ahead log: group commit for all Raft groups of a node.
//
//	Card
//	Name      wal
//	Parent    storage
//	Children  none
//	Owns      the wal.WAL, its files included
//	On panic  the node stops: nobody knows what reached the disk
//	Loses     nothing that was answered; what was not is refused with kit.ErrStopped
//	Mailbox   batched: one turn takes all that waits
//	Blocks    on disk
//	Receives  Append, Load, Embed (groups), Pins, Release, Subscribe (janitor), readOn (itself)
//	Sends     Appended, Loaded, Embedded, Pinned, Released (askers), Grown (subscribers), Failed (parent)
//
// A turn encodes all appends of the mailbox into one frame, writes it with one system call, syncs once, and
// then answers all in the order in which they came. Very large turns are split, so that a frame stays
// smaller than a file.
//
// # What is written once
//
// Large entries of a group that has a Placer, and enough of them in the turn to be worth the sync of another
// file, do not go through the log: the Placer writes their data to where the group's machine will want it,
// that is synced, and only then the frame is written, which refers to it (place.go). A group with less, and
// all others, have their entries in the frame; both kinds come in any order.
//
// Embed takes data back into the log whose place is needed for something else.
//
// Load has its place in the order of the mailbox: it sees everything that was appended before it, durable,
// and nothing of what comes later. That makes it the barrier at which a group that is rebuilt picks up its
// state.
// Its answer may come later: a turn reads a few MiB back and no more, since nobody's appends are committed
// meanwhile, and a group may have much to read.
//
// # When something goes wrong
//
// After a failed write or sync the log is never touched again: everything is answered with ErrFailed, and
// the parent is told once with Failed.
//
// A full disk, or an update that contradicts the log, concerns one group only. That group's Append is
// answered with wal.ErrNoSpace or a *wal.UpdateError, and so is everything it sends after that, because
// later updates build on the one that is missing: a commit index must not become durable without its
// entries. Load ends this. Checkpoints and removals are taken all the time, they are the way out.
//
// A disk that does not answer for a second is reported while it does not, by a timer outside of the actor.
package walactor
