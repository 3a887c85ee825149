// Package actors holds every actor of the broker, one package per kind, and this drawing of how they
// supervise each other. A test compares the drawing with the tree of a running broker.
//
//	broker                     root of the tree; builds the rest in order, stops it in reverse
//	├─ storage                 the data directory: lock, identity, write-ahead log
//	│  ├─ wal                  group commit: one write and one fsync for everything that waited
//	│  └─ janitor              checkpoints, free-space watch
//	├─ raft                    hosts all Raft groups of this node
//	│  ├─ server               takes the links of the peers
//	│  ├─ link-<node>          one per peer: dial, back-off, ordered send, is it alive
//	│  └─ group-<name>         Raft core of the metadata or of one partition replica
//	│     ├─ applier           applies committed entries to the group's machine
//	│     └─ catchup           exists only while this replica fetches what it misses from another node
//	├─ metadata                publishes the immutable image of the cluster; submits changes to it
//	├─ partitions              follows the image: one replica for each partition of this node; retention
//	│  ├─ cleaner              compacts the logs of compacted topics, one at a time, throttled
//	│  └─ partition-<name>     waiters and leadership of one replica
//	├─ brokers                 asks other brokers in Kafka's own requests, and answers theirs
//	│  └─ call-<id>            one per request of a broker that waits for other actors or for the disk
//	├─ groups                  one coordinator for each partition of __consumer_offsets that is led here
//	│  ├─ expressions          which topics the regular expressions of groups match
//	│  └─ coordinator-<n>      reads the groups from the log, writes for them, wakes them
//	│     └─ consumers-<group> one consumer group: members, generations, offsets
//	├─ transactions            one coordinator for each partition of __transaction_state that is led here
//	│  └─ coordinator-<n>      reads the transactional ids from the log, decides, tells the partitions
//	├─ listener-<name>         accepts sockets
//	│  └─ conn-<n>             one Kafka connection, replies in request order
//	│     ├─ write-<id>        one per produce request: gathers answers, owns the deadline
//	│     ├─ fetch-<id>        one as soon as the client fetches: sessions, reads, waiting fetches
//	│     └─ call-<id>         one per request that waits for other actors or for the disk
//	├─ local                   actors of the same process: records and requests without a socket
//	│  ├─ write-<id>           one per produce: the same as that of a connection
//	│  ├─ call-<id>            one per request that waits for other actors or for the disk
//	│  └─ pull-<id>            one per fetch or watch: takes records apart
//	│     └─ fetch-<id>        reads and waits, the same as that of a connection
//	└─ admin                   HTTP: metrics, health, status, the tree
//
// # Who repairs what
//
//	what fails                 what happens
//	write, fetch, call         the client gets an error in the shape of its request; nobody else notices
//	conn                       its socket closes; its requests end
//	listener, admin            rebuilt with growing back-off
//	local, pull                who waits is told; local is rebuilt
//	applier or group           both are stopped and rebuilt from the write-ahead log, 5 times in 30 s; then
//	                           that replica goes offline with an error line and the rest works on
//	partition                  rebuilt; waiting fetches look again
//	cleaner                    rebuilt; the compaction under way begins anew
//	metadata, partitions       rebuilt from the image and the groups that run
//	brokers                    rebuilt; whoever asked another broker hears of it and asks again
//	groups                     rebuilt; its coordinators read their groups from the log
//	coordinator                the same, for one partition of __consumer_offsets
//	expressions                rebuilt; groups ask again what their expressions match
//	consumers                  its coordinator reads it again from the log; members join again
//	transactions               rebuilt; its coordinators read the log and carry on with what was decided
//	coordinator of these       the same, for one partition of __transaction_state
//	link, server               rebuilt with growing back-off; what waited to be sent is lost, as on a network
//	catchup                    the unit of its group is rebuilt; what was fetched stays
//	wal, storage               the node stops with the reason: a log that failed once is not trusted again
//
// The package has no code; nothing imports it.
package actors
