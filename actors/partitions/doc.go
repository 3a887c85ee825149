// Package partitions is the manager of the partition replicas on this node, and of what this node knows
// about the leaders of all others.
//
//	actor     partitions
//	parent    broker
//	children  partition-<topic>-<index>, cleaner
//	owns      the table of replicas; the table of leaders; who waits for leaders; the retention sweep; what
//	          other nodes are told of leaders; leaderships that are handed over; the ends of reassignments
//	on panic  stopped with its children; the broker builds a new one, which reads the image again and
//	          finds its groups running
//	loses     who waits for leaders or for a handover: they are answered, and find out what has become of it
//	mailbox   one by one
//	blocks    on disk at its start, while it looks for directories that nobody needs
//	receives  metadata.ImageChanged, metadata.Submitted, AwaitLeaders, Handover, partition.Led,
//	          partition.Deleted, sweep, Retain, group.Proposed, group.Transferred, raftactor.Stopped,
//	          rebuild, clean, resubscribe, announce, doubt, balance, complete, link.Up, link.Down,
//	          link.Noticed, link.Incoming, link.Returned
//	sends     LeadersReady, Moved, partition.SetMembers, partition.Delete, group.Propose (retention, expiry),
//	          group.Transfer, metadata.Submit, link.Notice, link.Call, link.Answer
//
// The image says what should be here and the manager makes it so: it compares the topics of the image
// with the table, spawns what is missing and deletes what is gone. A topic that is deleted and created
// again uses the same directory name, and so does a partition that comes back to this node under another
// replica id; the new replica waits until the old one has left.
//
// # Reassignment
//
// The image says which replicas a partition shall have (Target). Every replica tells its group so
// (group.Want), and the one that leads takes the steps. New replicas start here when the image lists them,
// old ones go when the image has dropped them, which is after the leader has told the controller that the
// group has the members that it should have.
//
//	image                  this node                 group                     next
//	lists a new replica    it starts, knows nobody   learner, then voter       the leader says: completed
//	target without ours    it serves on              leads over, drops ours    the leader says: completed
//	dropped ours           it is deleted             knows it no longer
//
// # Announcements
//
// Nodes tell each other of the partitions that they lead: what has changed, a few milliseconds after it did,
// to every node that is up; and everything, in an exchange, to a node whose link has just come up and to one
// that asks, as it does when it has just been started or does not know the leader of a partition for a while.
// What leads but was not mentioned in an exchange leads no longer. They go as link.Notice in order; numbers
// are uvarints in their shortest form, brokers ascend.
//
//	announcement  | version 1 | flags | count (at most 4096) | changes ... |
//	              flags: bit 0 first of an exchange, bit 1 last of it, bit 2 asks for one
//	change        | group | epoch | 1 | brokers in sync | brokers that learn |   the sender leads
//	              | group | epoch | 0 |                                          it led and stepped down
//	brokers       | count (at most 64) | ids ... |
//	handover      | version 1 | kind 1 | group | replica |     a link.Call: hand the leadership to the replica
//
// # What it refuses to be
//
// It does not decide where replicas live, and no record passes through it. It is imported by
// actors/broker and the request packages.
package partitions
