// Package broker is the root of the tree: one node, built of its parts in order and taken apart in reverse.
//
//	actor     broker
//	parent    none, or whoever embeds the node
//	children  storage, raft, metadata, partitions, brokers, groups, transactions, local, listener-kafka, admin
//	owns      the order in which parts start and stop; the pace at which they are rebuilt
//	on panic  the node stops
//	loses     nothing that is not in the write-ahead log
//	mailbox   one by one
//	blocks    on disk once, when the data directory learns its cluster's id
//	receives  Stop, Await, Subscribe, Unsubscribe, Produce, Request, Fetch, Watch, Next, Unwatch,
//	          partitions.Moved, storage.Opened, storage.Failed, server.Bound, listener.Bound, listener.Drained,
//	          admin.Opened, admin.Failed, metadata.ImageChanged, metadata.Removed, partitions.LeadersReady,
//	          electionOver, drainLate, raftactor.Offline, raftactor.Resigned, janitor.CheckpointsMade,
//	          rebuild
//	sends     Ready, Failed, LeaderChanged and Stopped; what local takes; listener.Open, listener.Drain,
//	          metadata.Announce, raftactor.Subscribe,
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
// A part that does not answer in time is not waited for.
//
// # Repairs
//
// A child that fails is built again with growing back-off. The host of the Raft groups takes metadata and
// partitions with it, since their groups are gone. Storage is never rebuilt: the node stops and says why.
//
// # In somebody else's program
//
// Props makes a node an actor of a host application: Example functions show an application that produces and
// consumes, a cluster in one process, and a node that the host's supervisor restarts. Start is for programs
// that have no actors of their own. Nothing is global: names, logger, metrics, clock, file system and network
// are what the host hands in, and there may be several nodes in one process. A node that has stopped leaves
// no goroutine, file or port behind.
//
//	message                       answer                  what
//	Await                         Ready                   when the node serves, or why it does not
//	Subscribe, Unsubscribe        Ready, LeaderChanged,   events of its life
//	                              Failed, Stopped
//	Produce                       Produced                records, durable on a majority
//	Fetch                         Fetched                 records, within limits, with or without waiting
//	Watch, Next, Unwatch          Arrived                 records as they come, as fast as the asker takes them
//	Request                       Responded               anything else of Kafka's protocol
//	Stop                          Stopped                 drains, checkpoints, ends
//
// An actor of the host requests them of the PID (Context.Request); Go code without actors has kit.Ask. A
// Kafka client reaches the node over a memnet.Network as over TCP.
//
// # What it refuses to be
//
// No request of a client passes through it. It is imported by cmd and by programs that embed a node.
package broker
