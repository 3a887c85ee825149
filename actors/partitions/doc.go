// Package partitions is the manager of the partition replicas on this node.
//
//	actor     partitions
//	parent    broker
//	children  partition-<topic>-<index>
//	owns      the table of replicas; who waits for leaders; the retention sweep
//	on panic  stopped with its children; the broker builds a new one, which reads the image again and
//	          finds its groups running
//	loses     who waits for leaders: they answer at their own deadline
//	mailbox   one by one
//	blocks    on disk at its start, while it looks for directories of deleted topics
//	receives  metadata.ImageChanged, AwaitLeaders, partition.Led, partition.Deleted, sweep, Retain,
//	          group.Proposed, rebuild, resubscribe
//	sends     LeadersReady, partition.Delete, group.Propose (retention)
//
// The image says what should be here and the manager makes it so: it compares the topics of the image
// with the table, spawns what is missing and deletes what is gone. A topic that is deleted and created
// again uses the same directory name, so the new replica waits until the old one has left.
//
// # What it refuses to be
//
// It does not decide where replicas live, and no record passes through it. It is imported by
// actors/broker and the request packages.
package partitions
