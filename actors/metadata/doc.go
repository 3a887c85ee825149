// Package metadata keeps the cluster's metadata on this node: it replicates changes through the metadata
// log, a Raft group of its own, and publishes the image that results.
//
//	actor     metadata
//	parent    broker
//	children  none
//	owns      the proposals under way, the subscribers, this broker's block of producer ids
//	on panic  stopped; the broker builds a new one, which finds the group running and starts from the
//	          newest published image. Subscribers watch it and subscribe again
//	loses     proposals under way: their askers are told that the outcome is open. The rest of a block of
//	          producer ids: nobody will get them. What peers have said: they are asked again
//	mailbox   one by one
//	blocks    on disk when the node founds or joins a cluster, for one small file
//	receives  Submit, Subscribe, AllocateProducerID, Announce, DescribeQuorum; raftactor.Started,
//	          raftactor.Described, raftactor.Offline, group.Proposed, group.LeaderChanged, group.CaughtUp,
//	          group.MembersDescribed; link.Up, link.Down, link.Noticed, link.Incoming, link.Returned; applied,
//	          tick, flush, rejoin, forsaken
//	sends     raftactor.Start, raftactor.Describe, raftactor.Subscribe, raftactor.SetPeers; group.Propose,
//	          group.Want, group.DescribeMembers; link.Call, link.Notice, link.Answer; Submitted, ImageChanged,
//	          ProducerIDAllocated, QuorumDescribed; raftactor.Offline and Removed to its parent
//
// # Coming to a cluster
//
// A node without peers is a cluster of one, at once. With peers, a node whose data directory is empty waits
// until it knows whether there is a cluster: see forming for the table. Nodes tell each other how far they
// have come whenever that changes and whenever a link comes up; nobody polls and nobody waits for a time.
//
//	fresh ── most are empty ──> founded ── the log has a cluster id ──> member
//	  └───── a peer is a member ──> registered through it ── has the image ──┘
//
// Who founds notes the founders in its data directory before its replica does anything, so that after a
// crash it begins with the same voters. Who joins notes the incarnation that the cluster gave it: its replica
// has an id that was never used and learns everything from the leader. All brokers are members of the
// log, the first five of them as voters.
//
// # Changes asked for elsewhere
//
// A broker that does not lead passes changes to the one that does, by a call on the link; if it does not
// know who that is, to a member of the cluster, which may. The outcome carries the version of the image
// that has the change, and whoever asked is answered when the image here has it too. A call that was not
// sent is made again until the deadline; one whose answer was lost only if that does no harm.
//
// # From request to image
//
//	asker        metadata       group core            applier
//	  │ Submit      │               │                    │
//	  │────────────>│ Propose       │                    │
//	  │             │──────────────>│ Preparer: plan     │
//	  │             │               │ against the tail   │
//	  │             │               │ ... committed ...  │
//	  │             │               │───────────────────>│ Machine: Apply, publish the image
//	  │             │<──────────────┼─── applied ────────│
//	  │             │<──────────────┼─── Proposed ───────│
//	  │             │──> ImageChanged to subscribers     │
//	  │<── Submitted│
//
// The applier sends applied before Proposed, so whoever gets Submitted finds the change in the image, and
// whoever is asked after that has been told of it before.
//
// # Machine
//
// The state machine is the image; it has no files but its snapshots. A checkpoint writes the whole image
// to a file of its own and keeps only the file's name and checksum, since every file of the write-ahead
// log begins with a copy of all checkpoints:
//
//	metadata/<index of the last command, 20 digits>.snapshot    format: see package metadatapb
//	checkpoint   | version 1 | index u64 | size u64 | crc32c u32 of the file |    big endian
//
// Snapshots older than the one that a restart begins with are removed. Other files are left alone.
//
// # What it refuses to be
//
// It does not know what Kafka's protocol says, nor which changes make sense (that is package controller),
// nor who leads a partition. It is imported by actors/partitions, the request packages and actors/broker.
package metadata
