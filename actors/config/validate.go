package config

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

var logLevels = []string{"trace", "debug", "info", "warn", "error"}

// shortestSilence leaves a node that lives the time to say so twice.
const shortestSilence = 300 * time.Millisecond

// Sizes below these leave no room to work.
const (
	smallestSegment   = 14 // Kafka's own bound: the smallest batch header it can hold
	smallestWALFile   = 1 << 20
	smallestRequest   = 1 << 10
	smallestQueue     = 1 << 20
	largestRequest    = math.MaxInt32 // a frame's length is a signed 32-bit number
	largestPartitions = 1_000_000
	largestOffsets    = 10_000 // partitions of __consumer_offsets, and of __transaction_state
	longestRack       = 255
)

// validate checks every setting by itself and against the others.
func (c *Config) validate(found *problems) {
	v := validator{found}
	v.number("node_id", int64(c.NodeID), 0, math.MaxInt32)
	v.oneOf("log_level", c.LogLevel, logLevels)
	if len(c.Rack) > longestRack {
		v.found.add("", "rack", fmt.Sprintf("has %d bytes; at most %d can be", len(c.Rack), longestRack))
	}
	if c.DataDir == "" {
		v.found.add("", "data_dir", "is empty; name a folder")
	}
	v.number("advertise.kafka_port", int64(c.Advertise.KafkaPort), 0, math.MaxUint16)
	v.replication(c)
	v.peerTLS(c.PeerTLS)
	v.number("topics.partitions", int64(c.Topics.Partitions), 1, largestPartitions)
	v.log(&c.Log)
	v.groups(c)
	v.transactions(c)
	v.limits(c)
	v.storage(&c.Storage)
	v.size("memory.limit", c.Memory.Limit, 0, math.MaxInt64)
	v.number("memory.gc_percent", int64(c.Memory.GCPercent), 10, 10_000)
}

type validator struct{ found *problems }

func (v validator) replication(c *Config) {
	nodes := max(1, len(c.Peers))
	if int(c.ReplicationFactor) > nodes {
		v.found.add("", "replication_factor",
			fmt.Sprintf("%d is more than the number of nodes, %d", c.ReplicationFactor, nodes))
	}
	if c.ReplicationFactor >= 1 && c.MinInsyncReplicas > c.ReplicationFactor {
		v.found.add("", "min_insync_replicas",
			fmt.Sprintf("%d is more than replication_factor, %d", c.MinInsyncReplicas, c.ReplicationFactor))
	}
	v.number("replication_factor", int64(c.ReplicationFactor), 1, math.MaxInt16)
	v.number("min_insync_replicas", int64(c.MinInsyncReplicas), 1, math.MaxInt16)
}

// peerTLS takes all three files or none: half of them would leave the links open without a word.
func (v validator) peerTLS(t PeerTLS) {
	if t == (PeerTLS{}) {
		return
	}
	for _, file := range []struct{ key, path string }{
		{"peer_tls.cert", t.Cert}, {"peer_tls.key", t.Key}, {"peer_tls.ca", t.CA},
	} {
		if file.path == "" {
			v.found.add("", file.key, "is missing; [peer_tls] takes cert, key and ca together")
		}
	}
}

func (v validator) log(l *Log) {
	v.size("log.segment_bytes", l.SegmentBytes, smallestSegment, math.MaxInt32)
	v.duration("log.segment_time", l.SegmentTime, time.Millisecond, true)
	v.unlimitedSize("log.retention_bytes", l.RetentionBytes, 0)
	v.duration("log.retention_time", l.RetentionTime, time.Millisecond, true)
	v.duration("log.retention_check_interval", l.RetentionCheckInterval, time.Millisecond, false)
	v.duration("log.producer_expiration", l.ProducerExpiration, time.Millisecond, false)
	if most := math.MaxInt32 * time.Millisecond; l.ProducerExpiration > most { // Kafka's is an int32
		v.found.add("", "log.producer_expiration", fmt.Sprintf("%s is longer than %s", l.ProducerExpiration, most))
	}
	v.duration("log.compaction_check_interval", l.CompactionCheckInterval, time.Millisecond, false)
	v.size("log.compaction_rate", l.CompactionRate, smallestSegment, math.MaxInt64)
	v.size("log.compaction_memory", l.CompactionMemory, smallestSegment, math.MaxInt64)
	v.size("log.max_message_bytes", l.MaxMessageBytes, 0, math.MaxInt32)
	v.size("log.index_interval_bytes", l.IndexIntervalBytes, 0, math.MaxInt32)
	v.size("log.index_bytes", l.IndexBytes, 4, math.MaxInt32)
}

func (v validator) transactions(c *Config) {
	t := &c.Transactions
	v.number("transactions.state_partitions", int64(t.StatePartitions), 1, largestOffsets)
	v.number("transactions.state_replication_factor", int64(t.StateReplication), 1, int64(max(1, len(c.Peers))))
	v.duration("transactions.max_time", t.MaxTime, time.Millisecond, false)
	v.duration("transactions.id_expiration", t.IDExpiration, time.Millisecond, false)
	v.duration("transactions.abort_check_interval", t.AbortCheckInterval, time.Millisecond, false)
	v.duration("transactions.expiry_check_interval", t.ExpiryCheckInterval, time.Millisecond, false)
}

func (v validator) groups(c *Config) {
	g := &c.Groups
	v.number("groups.offsets_partitions", int64(g.OffsetsPartitions), 1, largestOffsets)
	v.number("groups.offsets_replication_factor", int64(g.OffsetsReplication), 1, int64(max(1, len(c.Peers))))
	v.duration("groups.offsets_retention", g.OffsetsRetention, time.Minute, false)
	v.duration("groups.retention_check_interval", g.RetentionCheckInterval, time.Millisecond, false)
	v.size("groups.offset_metadata_bytes", g.OffsetMetadataBytes, 0, math.MaxInt16)
	v.duration("groups.initial_rebalance_delay", g.InitialRebalanceDelay, 0, false)
	v.duration("groups.min_session_time", g.MinSessionTime, time.Millisecond, false)
	v.duration("groups.max_session_time", g.MaxSessionTime, g.MinSessionTime, false)
	v.number("groups.max_size", int64(g.MaxSize), 1, math.MaxInt32)
	v.duration("groups.consumer_heartbeat_interval", g.ConsumerHeartbeat, time.Millisecond, false)
	v.duration("groups.consumer_session_time", g.ConsumerSessionTime, g.ConsumerHeartbeat+1, false)
	v.duration("groups.consumer_min_session_time", g.ConsumerMinSession, time.Millisecond, false)
	v.duration("groups.consumer_max_session_time", g.ConsumerMaxSession, g.ConsumerMinSession, false)
	v.duration("groups.consumer_min_heartbeat_interval", g.ConsumerMinHeartbeat, time.Millisecond, false)
	v.duration("groups.consumer_max_heartbeat_interval", g.ConsumerMaxHeartbeat, g.ConsumerMinHeartbeat, false)
	v.number("groups.consumer_max_size", int64(g.ConsumerMaxSize), 1, math.MaxInt32)
	for _, name := range strings.Split(g.ConsumerAssignors, ",") {
		v.oneOf("groups.consumer_assignors", name, []string{"uniform", "range"})
	}
	v.oneOf("groups.consumer_migration_policy", g.ConsumerMigration,
		[]string{"bidirectional", "upgrade", "downgrade", "disabled"})
}

func (v validator) limits(c *Config) {
	l := &c.Limits
	v.number("limits.connections", int64(l.Connections), 1, math.MaxInt32)
	v.duration("limits.idle_time", l.IdleTime, time.Second, true)
	v.duration("limits.stall_time", l.StallTime, 100*time.Millisecond, false)
	v.size("limits.request_bytes", l.RequestBytes, smallestRequest, largestRequest)
	v.size("limits.request_memory", l.RequestMemory, smallestRequest, math.MaxInt64)
	v.size("limits.connection_memory", l.ConnectionMemory, smallestRequest, math.MaxInt64)
	v.number("limits.pipeline", int64(l.Pipeline), 1, 100_000)
	v.duration("limits.produce_time", l.ProduceTime, time.Millisecond, false)
	v.duration("limits.request_time", l.RequestTime, time.Millisecond, false)
	v.size("limits.fetch_bytes", l.FetchBytes, 1<<10, math.MaxInt32)
	v.number("limits.fetch_sessions", int64(l.FetchSessions), 0, math.MaxInt32)
	v.duration("limits.hold_time", l.HoldTime, 10*time.Millisecond, true)
	v.duration("limits.drain_time", l.DrainTime, 0, false)
	v.size("limits.peer_queue", l.PeerQueue, smallestQueue, math.MaxInt64)
	v.duration("limits.peer_silence", l.PeerSilence, shortestSilence, false)
	v.size("limits.catchup_rate", l.CatchupRate, smallestQueue, math.MaxInt64)
	v.number("limits.catchups", int64(l.Catchups), 1, 1000)
	if c.Bind.Raft != "" { // a batch that never fits the queue would never reach the other replicas
		v.atMost("log.max_message_bytes", c.Log.MaxMessageBytes, "limits.peer_queue", l.PeerQueue)
	}
	// A request is admitted in one piece, so one of the largest size must fit both budgets.
	v.atMost("limits.request_bytes", l.RequestBytes, "limits.connection_memory", l.ConnectionMemory)
	v.atMost("limits.connection_memory", l.ConnectionMemory, "limits.request_memory", l.RequestMemory)
	v.atMost("log.max_message_bytes", c.Log.MaxMessageBytes, "limits.request_bytes", l.RequestBytes)
}

func (v validator) storage(s *Storage) {
	v.size("storage.wal_file_bytes", s.WALFileBytes, smallestWALFile, math.MaxInt32)
	v.size("storage.checkpoint_bytes", s.CheckpointBytes, smallestWALFile, math.MaxInt64)
	v.unlimitedSize("storage.place_bytes", s.PlaceBytes, 1)
	v.size("storage.reserve_bytes", s.ReserveBytes, 0, math.MaxInt64)
	v.atMost("storage.wal_file_bytes", s.WALFileBytes, "storage.checkpoint_bytes", s.CheckpointBytes)
}

func (v validator) number(key string, got, least, most int64) {
	if got < least || got > most {
		v.found.add("", key, fmt.Sprintf("%d is not between %d and %d", got, least, most))
	}
}

func (v validator) size(key string, got, least, most Size) {
	if got < least || got > most {
		v.found.add("", key, fmt.Sprintf("%s is not between %d and %d bytes", got, int64(least), int64(most)))
	}
}

func (v validator) unlimitedSize(key string, got, least Size) {
	if got != Unlimited {
		v.size(key, got, least, math.MaxInt64)
	}
}

func (v validator) duration(key string, got, least time.Duration, unlimited bool) {
	switch {
	case got == Unlimited && !unlimited:
		v.found.add("", key, "has to end; unlimited is not possible here")
	case got != Unlimited && got < least:
		v.found.add("", key, fmt.Sprintf("%s is shorter than %s", got, least))
	}
}

func (v validator) atMost(key string, got Size, otherKey string, other Size) {
	if got > other {
		v.found.add("", key, fmt.Sprintf("%s is more than %s, %s", got, otherKey, other))
	}
}

func (v validator) oneOf(key, got string, known []string) {
	if !slices.Contains(known, got) {
		v.found.add("", key, fmt.Sprintf("%q is not one of %s", got, strings.Join(known, ", ")))
	}
}
