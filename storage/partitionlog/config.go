package partitionlog

import (
	"math"

	"github.com/chronik-go/chronik/protocol"
)

// Config is what a log needs to know of its topic and its node. Fields that are zero take Kafka's default,
// except the retention fields, where zero is a meaningful value.
type Config struct {
	// SegmentBytes is the size at which a segment is closed and the next one begun (segment.bytes).
	SegmentBytes int64
	// SegmentMs closes a segment when a batch is that much younger than the segment's first, going by the
	// batches' own timestamps (segment.ms).
	SegmentMs int64
	// SegmentJitterMs is the most that SegmentMs is shortened by, by a different amount for every segment, so
	// that partitions that were created together do not all roll together (segment.jitter.ms).
	SegmentJitterMs int64
	// IndexIntervalBytes is how many bytes lie between two index entries (index.interval.bytes).
	IndexIntervalBytes int
	// MaxIndexBytes is the size of an index file at which its segment is closed (segment.index.bytes).
	MaxIndexBytes int
	// RetentionBytes is how much View.Expired keeps; negative is no limit (retention.bytes).
	RetentionBytes int64
	// RetentionMs is for how long View.Expired keeps records; negative is for ever (retention.ms).
	RetentionMs int64
	// Compact says that only the last record of each key counts (cleanup.policy=compact); the fields after it
	// matter only then.
	Compact bool
	// MinCleanableRatio is the dirty share of the log at which a compaction is due (min.cleanable.dirty.ratio).
	MinCleanableRatio float64
	// MinCompactionLagMs is how old a segment's records must be to be compacted (min.compaction.lag.ms).
	MinCompactionLagMs int64
	// MaxCompactionLagMs is the age at which a record is compacted whatever the ratio; segments are closed
	// after so long too (max.compaction.lag.ms).
	MaxCompactionLagMs int64
	// DeleteRetentionMs is how long a tombstone stays after the first compaction that saw it
	// (delete.retention.ms).
	DeleteRetentionMs int64
	// MaxProducers bounds the table of producer ids; those that were silent longest leave first. All replicas
	// of a partition need the same value, or their tables part.
	MaxProducers int
	// TopicID is written to partition.metadata when the partition is created and compared when it is opened.
	TopicID [16]byte
	// Handles bounds the open files and loaded indexes of all logs that share it; nil gives the log one of
	// its own.
	Handles *HandleCache
	// Placer is the one that is told of what enters the write-ahead log; nil gives the log one of its own, to
	// which nobody tells anything.
	Placer *Placer
}

// Defaults of Kafka 4.
const (
	defaultSegmentBytes       = 1 << 30
	defaultSegmentMs          = 7 * 24 * 60 * 60 * 1000
	defaultIndexIntervalBytes = 4096
	defaultMaxIndexBytes      = 10 << 20
)

const (
	// defaultMaxProducers is far above what well-behaved clients need; it bounds memory to about 20 MB.
	defaultMaxProducers = 100_000
	// maxSegmentBytes is what the 32-bit positions of Kafka's offset index can address.
	maxSegmentBytes = math.MaxInt32
)

// DefaultConfig returns Kafka's defaults: segments of 1 GiB or a week, seven days of retention.
func DefaultConfig() Config {
	return Config{RetentionBytes: -1, RetentionMs: defaultSegmentMs}.withDefaults()
}

// withDefaults fills in what is zero and clamps what the file formats cannot hold.
func (c Config) withDefaults() Config {
	if c.SegmentBytes <= 0 {
		c.SegmentBytes = defaultSegmentBytes
	}
	c.SegmentBytes = min(c.SegmentBytes, maxSegmentBytes)
	if c.SegmentMs <= 0 {
		c.SegmentMs = defaultSegmentMs
	}
	c.SegmentJitterMs = max(c.SegmentJitterMs, 0)
	if c.MaxCompactionLagMs <= 0 {
		c.MaxCompactionLagMs = math.MaxInt64
	}
	if c.Compact {
		c.SegmentMs = min(c.SegmentMs, c.MaxCompactionLagMs)
	}
	if c.IndexIntervalBytes <= 0 {
		c.IndexIntervalBytes = defaultIndexIntervalBytes
	}
	if c.MaxIndexBytes <= 0 {
		c.MaxIndexBytes = defaultMaxIndexBytes
	}
	if c.MaxProducers <= 0 {
		c.MaxProducers = defaultMaxProducers
	}
	return c
}

// rollAfterMs returns the segment age at which the segment that starts at base is closed. The jitter comes
// from the base offset and not from a random source: a log that is replayed after a crash rolls where it
// rolled before.
func (c *Config) rollAfterMs(base protocol.Offset) int64 {
	if c.SegmentJitterMs == 0 {
		return c.SegmentMs
	}
	spread := uint64(base)*0x9e3779b97f4a7c15 ^ uint64(c.TopicID[0])<<32 ^ uint64(c.TopicID[15])<<40
	spread ^= spread >> 29
	return c.SegmentMs - min(int64(spread%uint64(c.SegmentJitterMs)), c.SegmentMs-1)
}

// Mode says what Open may do to the files.
type Mode int

const (
	// Boot opens the log of an earlier process: files are cut back to the state, what lies above it is
	// removed, and the caller applies it again from the write-ahead log.
	Boot Mode = iota
	// Rebuild opens a log that this process wrote and may still be reading: nothing is cut or removed, the
	// logical end goes back to the state, and what the caller applies again goes to the same positions.
	Rebuild
)
