// Package broker is the root of the tree: one node, built of its parts in order and taken apart in reverse.
//
//	actor     broker
//	parent    none, or whoever embeds the node
//	children  storage, raft, metadata, partitions, brokers, groups, transactions, listener-kafka, admin
//	owns      the order in which parts start and stop; the pace at which they are rebuilt
//	on panic  the node stops
//	loses     nothing that is not in the write-ahead log
//	mailbox   one by one
//	blocks    on disk once, when the data directory learns its cluster's id
//	receives  Stop, Await, storage.Opened, storage.Failed, server.Bound, listener.Bound, listener.Drained,
//	          admin.Opened, admin.Failed, metadata.ImageChanged, metadata.Removed, partitions.LeadersReady,
//	          electionOver, raftactor.Resigned, janitor.CheckpointsMade, rebuild
//	sends     Ready and Stopped; listener.Open, listener.Drain, metadata.Announce, raftactor.Subscribe,
//	          raftactor.Resign, janitor.CheckpointNow
//
// # From nothing to ready
//
//	storage opens       lock, identity, write-ahead log replayed
//	raft, metadata,     peers are served first, then links dial; groups start as the log and the image say;
//	partitions          a new cluster is formed, or an existing one joined
//	listener binds      the port is known and taken; clients that connect wait in the backlog
//	broker registers    the image names this node and its address
//	leaders are ready   of the partitions that exist, or 5 s are over
//	listener opens      the first request is served
//
// Every step is the answer to the one before.
//
// # From serving to gone
//
//	raft resigns        leaderships go to other nodes while clients are still served and told where to go
//	listener drains     requests under way are answered
//	janitor             checkpoints, so that the next start has nothing to replay
//	parts stop          those who ask before those who answer
//
// # Repairs
//
// A child that fails is built again with growing back-off. The host of the Raft groups takes metadata and
// partitions with it, since their groups are gone. Storage is never rebuilt: the node stops and says why.
//
// # What it refuses to be
//
// No request passes through it. It is imported by cmd and by programs that embed a node.
package broker
