// Package metadata keeps the cluster's metadata on this node: it replicates changes through the metadata
// log, a Raft group of its own, and publishes the image that results.
//
//	actor     metadata
//	parent    broker
//	children  none
//	owns      the proposals under way, the subscribers, this broker's block of producer ids
//	on panic  stopped; the broker builds a new one, which finds the group running and starts from the
//	          newest published image. Subscribers watch it and subscribe again
//	loses     proposals under way: their askers answer at their own deadline. The rest of a block of
//	          producer ids: nobody will get them
//	mailbox   one by one
//	blocks    never
//	receives  Submit, Subscribe, AllocateProducerID, Announce; raftactor.Started, raftactor.Described,
//	          raftactor.Offline, group.Proposed, group.LeaderChanged; applied, tick, flush, rejoin
//	sends     raftactor.Start, raftactor.Describe; group.Propose; Submitted, ImageChanged,
//	          ProducerIDAllocated; raftactor.Offline to its parent
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
