// Package cleaner is the actor that compacts the logs of topics with cleanup.policy=compact, one at a time,
// no faster than it is allowed to.
//
//	Card
//	Name      cleaner
//	Parent    partitions
//	Children  none
//	Owns      the compaction under way and its memory for keys; which logs failed lately
//	On panic  stopped and made anew by partitions
//	Loses     the keys in memory and the group of segments under way; the next one goes on there
//	Mailbox   one by one
//	Blocks    on disk: it reads and writes a piece of a log per turn
//	Receives  Look (anybody), step (private)
//	Sends     nothing to anybody else
//
// Now and then it looks which logs on this node have something to gain and takes the one with the largest
// share of it, as Kafka's log cleaner does. Leaders and followers are compacted alike and each on its own:
// what is left for a reader is the same. How a compaction works, and why it disturbs neither readers nor
// appends, is told by partitionlog.Compaction.
//
// It belongs below partitions and not below storage, although it works on files: whose logs there are, and
// what their topics ask for, is known there. A data directory has one cleaner since it has one partitions.
//
// Throttling is by pauses between steps: a step counts the bytes that it has read and written, and the next
// one comes when the rate allows it.
package cleaner
