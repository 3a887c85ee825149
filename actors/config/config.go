package config

import "time"

// Config is the complete configuration of a node. The help tag of a field is its documentation; the toml
// tags along the path make its key. Load returns it resolved and validated: no address is left empty.
type Config struct {
	Enabled           bool   `toml:"enabled" default:"true" help:"false ignores [[peers]], so a cluster's file can start a single node"`
	NodeID            int32  `toml:"node_id" default:"1" flag:"--node-id" help:"id of this node; stays with the data directory for ever"`
	DataDir           string `toml:"data_dir" default:"./data" flag:"--data-dir" help:"folder for everything that is kept"`
	LogLevel          string `toml:"log_level" default:"info" flag:"--log-level" help:"trace, debug, info, warn or error"`
	Rack              string `toml:"rack" help:"where the node stands (broker.rack): replicas are spread over racks, and clients that name theirs read from a replica in it"`
	ReplicationFactor int16  `toml:"replication_factor" default:"the number of nodes, 3 at most" help:"copies of a topic made without a replication factor; at most the number of nodes; 0 stands for the default"`
	MinInsyncReplicas int16  `toml:"min_insync_replicas" default:"2 with three copies or more, else 1" help:"default of the topic config min.insync.replicas; 0 stands for the default"`

	Bind         Bind         `toml:"bind"`
	Advertise    Advertise    `toml:"advertise"`
	Peers        []Peer       `toml:"peers"`
	PeerTLS      PeerTLS      `toml:"peer_tls"`
	Topics       Topics       `toml:"topics"`
	Log          Log          `toml:"log"`
	Groups       Groups       `toml:"groups"`
	Transactions Transactions `toml:"transactions"`
	Limits       Limits       `toml:"limits"`
	Storage      Storage      `toml:"storage"`
	Memory       Memory       `toml:"memory"`
	Admin        Admin        `toml:"admin"`
}

// Bind says where the node listens. A port of 0 takes a free one.
type Bind struct {
	Kafka   string `toml:"kafka" default:"all addresses, port of the own [[peers]] entry or 9092" env:"CHRONIK_BIND,CHRONIK_BIND_ADDR" flag:"--bind" help:"address of the Kafka listener; HOST, HOST:PORT or :PORT"`
	Metrics string `toml:"metrics" default:"127.0.0.1:(10000 + node id)" help:"address of the HTTP listener: metrics, health, admin; off switches it off"`
	WAL     string `toml:"wal" help:"accepted and not used: Raft carries the log, so no such port is opened"`
	Raft    string `toml:"raft" default:"host of bind.kafka, port of the own [[peers]] entry" help:"address that the other nodes connect to; a node without [[peers]] opens it only when it is given"`
}

// Advertise says which addresses others are told.
type Advertise struct {
	Kafka     string `toml:"kafka" default:"the own [[peers]] entry, else the bound host, localhost for a wildcard" env:"CHRONIK_ADVERTISE,CHRONIK_ADVERTISED_ADDR" flag:"--advertise" help:"address that clients are told; HOST or HOST:PORT, the port of the listener if none is given"`
	KafkaPort int32  `toml:"kafka_port" default:"0" env:"CHRONIK_ADVERTISED_PORT" help:"port that clients are told, in place of the one above; 0 leaves it"`
	Metrics   string `toml:"metrics" help:"accepted and not used: nobody is told"`
	WAL       string `toml:"wal" help:"accepted and not used, as bind.wal"`
	Raft      string `toml:"raft" default:"the own [[peers]] entry, else as bind.raft" help:"address of this node that the other nodes are told"`
}

// Peer is one node of a cluster, the same list on all nodes. Complete turns the addresses that are given into
// HOST:PORT.
type Peer struct {
	ID    int32  `toml:"id"`
	Kafka string `toml:"kafka"` // what clients are told
	WAL   string `toml:"wal"`   // accepted and not used, may be empty
	Raft  string `toml:"raft"`  // what the other nodes connect to
}

// PeerTLS encrypts the links between nodes, which then prove to each other who they are.
type PeerTLS struct {
	Cert string `toml:"cert" help:"PEM file with this node's certificate for the links between nodes; none of the three is plain TCP"`
	Key  string `toml:"key" help:"PEM file with the certificate's key"`
	CA   string `toml:"ca" help:"PEM file with the authorities whose certificates the other nodes have"`
}

// Topics are the rules for making topics.
type Topics struct {
	AutoCreate bool  `toml:"auto_create" default:"true" help:"make a topic when a client asks for its metadata (auto.create.topics.enable)"`
	Partitions int32 `toml:"partitions" default:"1" help:"partitions of a topic made without a number (num.partitions)"`
}

// Log holds the defaults of topic configs and what all partition logs share.
type Log struct {
	SegmentBytes            Size          `toml:"segment_bytes" default:"1GiB" help:"size at which a segment is closed (segment.bytes)"`
	SegmentTime             time.Duration `toml:"segment_time" default:"7d" help:"age at which a segment is closed (segment.ms)"`
	RetentionBytes          Size          `toml:"retention_bytes" default:"unlimited" help:"size above which the oldest segments of a partition go (retention.bytes)"`
	RetentionTime           time.Duration `toml:"retention_time" default:"7d" help:"age above which segments go; unlimited keeps them (retention.ms)"`
	RetentionCheckInterval  time.Duration `toml:"retention_check_interval" default:"5m" help:"time between two looks at retention"`
	ProducerExpiration      time.Duration `toml:"producer_expiration" default:"1d" help:"how long a partition remembers a producer that is silent (producer.id.expiration.ms)"`
	CompactionCheckInterval time.Duration `toml:"compaction_check_interval" default:"15s" help:"time between two looks at what to compact (log.cleaner.backoff.ms)"`
	CompactionRate          Size          `toml:"compaction_rate" default:"32MiB" help:"bytes per second that compaction reads and writes (log.cleaner.io.max.bytes.per.second)"`
	CompactionMemory        Size          `toml:"compaction_memory" default:"64MiB" help:"memory for keys while a log is compacted; more keys take more passes (log.cleaner.dedupe.buffer.size)"`
	MaxMessageBytes         Size          `toml:"max_message_bytes" default:"1048588" help:"largest record batch taken (max.message.bytes)"`
	IndexIntervalBytes      Size          `toml:"index_interval_bytes" default:"4KiB" help:"bytes of log between two index entries (index.interval.bytes)"`
	IndexBytes              Size          `toml:"index_bytes" default:"10MiB" help:"largest index of a segment (segment.index.bytes)"`
}

// Groups are the rules for consumer groups.
type Groups struct {
	OffsetsPartitions      int32         `toml:"offsets_partitions" default:"50" help:"partitions of __consumer_offsets when it is made (offsets.topic.num.partitions)"`
	OffsetsReplication     int32         `toml:"offsets_replication_factor" default:"the number of nodes, 3 at most" help:"copies of __consumer_offsets when it is made (offsets.topic.replication.factor); 0 stands for the default"`
	OffsetsRetention       time.Duration `toml:"offsets_retention" default:"7d" help:"offsets go so long after their group was left (offsets.retention.minutes)"`
	RetentionCheckInterval time.Duration `toml:"retention_check_interval" default:"10m" help:"time between two looks at offsets and groups that expire (offsets.retention.check.interval.ms)"`
	OffsetMetadataBytes    Size          `toml:"offset_metadata_bytes" default:"4096" help:"longest text that a client may store with an offset (offset.metadata.max.bytes)"`
	InitialRebalanceDelay  time.Duration `toml:"initial_rebalance_delay" default:"3s" help:"an empty group waits so long for more members (group.initial.rebalance.delay.ms)"`
	MinSessionTime         time.Duration `toml:"min_session_time" default:"6s" help:"shortest session timeout that a member may ask for (group.min.session.timeout.ms)"`
	MaxSessionTime         time.Duration `toml:"max_session_time" default:"30m" help:"longest session timeout that a member may ask for (group.max.session.timeout.ms)"`
	MaxSize                int32         `toml:"max_size" default:"2147483647" help:"members of one group of the classic protocol (group.max.size)"`
	ConsumerSessionTime    time.Duration `toml:"consumer_session_time" default:"45s" help:"a member of the newer protocol that is silent for so long is out (group.consumer.session.timeout.ms)"`
	ConsumerHeartbeat      time.Duration `toml:"consumer_heartbeat_interval" default:"5s" help:"such members are told to send heartbeats so often (group.consumer.heartbeat.interval.ms)"`
	ConsumerMinSession     time.Duration `toml:"consumer_min_session_time" default:"45s" help:"shortest consumer.session.timeout.ms that a group may be given by its own configs (group.consumer.min.session.timeout.ms)"`
	ConsumerMaxSession     time.Duration `toml:"consumer_max_session_time" default:"60s" help:"longest one (group.consumer.max.session.timeout.ms)"`
	ConsumerMinHeartbeat   time.Duration `toml:"consumer_min_heartbeat_interval" default:"5s" help:"shortest consumer.heartbeat.interval.ms that a group may be given by its own configs (group.consumer.min.heartbeat.interval.ms)"`
	ConsumerMaxHeartbeat   time.Duration `toml:"consumer_max_heartbeat_interval" default:"15s" help:"longest one (group.consumer.max.heartbeat.interval.ms)"`
	ConsumerMaxSize        int32         `toml:"consumer_max_size" default:"2147483647" help:"members of one group of the newer protocol (group.consumer.max.size)"`
	ConsumerAssignors      string        `toml:"consumer_assignors" default:"uniform,range" help:"ways of assignment that its members may ask for; the first where they ask for none (group.consumer.assignors)"`
	ConsumerMigration      string        `toml:"consumer_migration_policy" default:"bidirectional" help:"which groups with members turn from one protocol to the other: bidirectional, upgrade, downgrade or disabled (group.consumer.migration.policy)"`
}

// Transactions are the rules for transactions.
type Transactions struct {
	StatePartitions     int32         `toml:"state_partitions" default:"50" help:"partitions of __transaction_state when it is made (transaction.state.log.num.partitions)"`
	StateReplication    int32         `toml:"state_replication_factor" default:"the number of nodes, 3 at most" help:"copies of __transaction_state when it is made (transaction.state.log.replication.factor); 0 stands for the default"`
	MaxTime             time.Duration `toml:"max_time" default:"15m" help:"longest transaction timeout that a producer may ask for (transaction.max.timeout.ms)"`
	IDExpiration        time.Duration `toml:"id_expiration" default:"7d" help:"a transactional id that is not used for so long is forgotten (transactional.id.expiration.ms)"`
	AbortCheckInterval  time.Duration `toml:"abort_check_interval" default:"10s" help:"time between two looks at transactions that have taken too long (transaction.abort.timed.out.transaction.cleanup.interval.ms)"`
	ExpiryCheckInterval time.Duration `toml:"expiry_check_interval" default:"1h" help:"time between two looks at transactional ids that expire (transaction.remove.expired.transaction.cleanup.interval.ms)"`
}

// Limits bound what clients and other nodes can take.
type Limits struct {
	Connections      int32         `toml:"connections" default:"20000" help:"client connections open at once; one more is closed at once"`
	IdleTime         time.Duration `toml:"idle_time" default:"10m" help:"a connection silent for so long is closed"`
	StallTime        time.Duration `toml:"stall_time" default:"30s" help:"a client that stops in the middle of sending a request or taking a reply for so long is closed"`
	RequestBytes     Size          `toml:"request_bytes" default:"100MiB" help:"largest request; a larger one closes its connection"`
	RequestMemory    Size          `toml:"request_memory" default:"256MiB" help:"memory for requests of all connections that are not answered yet; further ones are read when there is room"`
	ConnectionMemory Size          `toml:"connection_memory" default:"128MiB" help:"share of it that one connection can hold"`
	Pipeline         int32         `toml:"pipeline" default:"256" help:"requests of one connection under way at once; further ones are read when replies have left"`
	ProduceTime      time.Duration `toml:"produce_time" default:"10s" help:"a produce request is answered within it, or sooner if the client asks for less"`
	RequestTime      time.Duration `toml:"request_time" default:"30s" help:"any other request is answered within it"`
	FetchBytes       Size          `toml:"fetch_bytes" default:"55MiB" help:"largest fetch reply, whatever the client asks for (fetch.max.bytes)"`
	FetchSessions    int32         `toml:"fetch_sessions" default:"1000" help:"incremental fetch sessions kept; beyond it clients send full requests"`
	PeerQueue        Size          `toml:"peer_queue" default:"64MiB" help:"what waits to be sent to one other node; more is dropped and sent again by Raft, so a slow node costs nobody else"`
	PeerSilence      time.Duration `toml:"peer_silence" default:"500ms" help:"another node that is not heard of for so long is taken for dead; it is asked for a sign of life every 100 ms"`
	CatchupRate      Size          `toml:"catchup_rate" default:"512MiB" help:"bytes per second that this node sends to all nodes together that copy what they lack"`
	Catchups         int32         `toml:"catchups" default:"4" help:"such copies served at once; further ones wait"`
	HoldTime         time.Duration `toml:"hold_time" default:"1s" help:"an actor that holds one message for so long is logged, once, and counted in chronik_actor_slow_total; unlimited looks at none"`
	DrainTime        time.Duration `toml:"drain_time" default:"15s" help:"time for replies under way when the node is asked to stop"`
}

// Storage bounds the write-ahead log and guards the disk.
type Storage struct {
	WALFileBytes    Size `toml:"wal_file_bytes" default:"64MiB" help:"size of one file of the write-ahead log; files are made in full and used again"`
	CheckpointBytes Size `toml:"checkpoint_bytes" default:"256MiB" help:"bytes of write-ahead log between checkpoints; bounds the time to start after a crash"`
	PlaceBytes      Size `toml:"place_bytes" default:"256KiB" help:"share of a partition in one sync of the log from which on its large batches are written once, straight to the segment, at the price of another sync; unlimited writes all to the log first"`
	ReserveBytes    Size `toml:"reserve_bytes" default:"256MiB" help:"free disk space below which produce is refused; it opens again by itself at 1.25 times this"`
}

// Memory steers the garbage collector. GOMEMLIMIT and GOGC in the environment win.
type Memory struct {
	Limit     Size  `toml:"limit" default:"0" help:"memory the garbage collector keeps to; 0 takes 60 % of what the machine or its container has, since reads live from the page cache"`
	GCPercent int32 `toml:"gc_percent" default:"100" help:"garbage the heap may grow by between two collections, in percent of what lives; 64 MiB count as living at least; while that grows slowly it is a fifth"`
}

// Admin is about the HTTP listener.
type Admin struct {
	APIKey string `toml:"api_key" env:"CHRONIK_ADMIN_API_KEY" help:"key that calls which change something carry in X-API-Key; without one they are taken from loopback only"`
	Pprof  bool   `toml:"pprof" default:"false" help:"serve /debug/pprof"`
	Faults bool   `toml:"faults" default:"false" help:"serve /admin/faults, which makes actors of this node fail on purpose; for tests only"`
}
