// Package janitor is the actor that keeps a data directory tidy: it makes Raft groups write checkpoints, so
// that the write-ahead log stays short, and it watches the free space.
//
//	Card
//	Name      janitor
//	Parent    storage
//	Children  none
//	Owns      the round of checkpoints under way, the Space figures
//	On panic  stopped and made anew by storage; groups register again
//	Loses     the round under way; the next one starts with the next file of the log
//	Mailbox   one by one
//	Blocks    on disk: it runs the flushes of the groups, one per turn
//	Receives  Register, Unregister, Captured (groups), CheckpointNow (broker), walactor.Grown, Pinned,
//	          Appended, Released (wal), flush, sweep, again, look (private)
//	Sends     Capture, Checkpointed (groups), CheckpointsMade (asker), walactor.Subscribe, Pins, Append,
//	          Release (wal)
//
// A round goes like this. The log has grown beyond its bound, or somebody asks: the janitor asks the log
// which groups hold the oldest entries, and asks these groups, a few at a time, for their state (Capture).
// Each answers with Captured from its own turn, at once; the slow part is the function in it, which the
// janitor runs: it makes the group's files durable. Then the checkpoint goes into the log, and once it is
// durable there the group is told (Checkpointed).
//
// Flushes are never run side by side, and other messages get their turn between two of them: a round over
// thousands of groups neither floods the disk nor holds anybody up. A group that does not answer within the
// deadline is left out of this round; one that fails to flush is told so by the error of its own files, not
// by the janitor.
package janitor
