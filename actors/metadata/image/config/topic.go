package config

import "strconv"

// Names of the topic configs that the broker itself looks at.
const (
	CleanupPolicy          = "cleanup.policy"
	CompressionType        = "compression.type"
	DeleteRetention        = "delete.retention.ms"
	IndexIntervalBytes     = "index.interval.bytes"
	InternalSegmentBytes   = "internal.segment.bytes"
	MinCleanableRatio      = "min.cleanable.dirty.ratio"
	MaxCompactionLag       = "max.compaction.lag.ms"
	MaxMessageBytes        = "max.message.bytes"
	MinCompactionLag       = "min.compaction.lag.ms"
	MinInsyncReplicas      = "min.insync.replicas"
	RetentionBytes         = "retention.bytes"
	RetentionMillis        = "retention.ms"
	SegmentBytes           = "segment.bytes"
	SegmentIndexBytes      = "segment.index.bytes"
	SegmentJitterMillis    = "segment.jitter.ms"
	SegmentMillis          = "segment.ms"
	TimestampAfterMax      = "message.timestamp.after.max.ms"
	TimestampBeforeMax     = "message.timestamp.before.max.ms"
	TimestampType          = "message.timestamp.type"
	PolicyCompact          = "compact"
	PolicyDelete           = "delete"
	TimestampCreateTime    = "CreateTime"
	TimestampLogAppendTime = "LogAppendTime"
)

const (
	maxInt64      = "9223372036854775807"
	minuteMillis  = 60 * 1000
	hourMillis    = 60 * minuteMillis
	weekMillis    = "604800000"
	minSegment    = 1 << 20
	minBatchBytes = 14 // an empty record of the oldest format; what segments could be cut down to before 4.0
)

// Topic holds the topic configs of Kafka 4.3.
var Topic = newTable([]Definition{
	{
		Name: CleanupPolicy, Type: List, Default: PolicyDelete,
		accept: oneOf(PolicyCompact, PolicyDelete), acceptList: true,
		Synonyms: []Synonym{{Name: "log.cleanup.policy"}},
		Doc: "What happens to old records: delete removes segments past retention.ms and retention.bytes, " +
			"compact keeps the last record of each key whatever its age and wants a key in each.",
	},
	{
		Name: "compression.gzip.level", Type: Int, Default: "-1", Effect: Inert, accept: gzipLevel,
		Synonyms: []Synonym{{Name: "compression.gzip.level"}},
		Doc:      "Level at which the broker would compress with gzip.",
	},
	{
		Name: "compression.lz4.level", Type: Int, Default: "9", Effect: Inert, accept: between(1, 17),
		Synonyms: []Synonym{{Name: "compression.lz4.level"}},
		Doc:      "Level at which the broker would compress with lz4.",
	},
	{
		Name: CompressionType, Type: String, Default: "producer",
		accept:   oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
		Synonyms: []Synonym{{Name: "compression.type"}},
		Doc: "Codec in which batches are kept: producer leaves them as they come, any other makes the broker " +
			"compress again what came in another codec.",
	},
	{
		Name: "compression.zstd.level", Type: Int, Default: "3", Effect: Inert, accept: between(-131072, 22),
		Synonyms: []Synonym{{Name: "compression.zstd.level"}},
		Doc:      "Level at which the broker would compress with zstd.",
	},
	{
		Name: DeleteRetention, Type: Long, Default: "86400000", accept: atLeast(0),
		Synonyms: []Synonym{{Name: "log.cleaner.delete.retention.ms"}},
		Doc: "How long compaction keeps a record without a value, which deletes its key, after it has first " +
			"come by.",
	},
	{
		Name: "file.delete.delay.ms", Type: Long, Default: "60000", Effect: Inert, accept: atLeast(0),
		Synonyms: []Synonym{{Name: "log.segment.delete.delay.ms"}},
		Doc:      "How long a removed segment stays on disk. Files go once the last reader has let go of them.",
	},
	{
		Name: "flush.messages", Type: Long, Default: maxInt64, Effect: Inert, accept: atLeast(1),
		Synonyms: []Synonym{{Name: "log.flush.interval.messages"}},
		Doc:      "Records between two forced writes to disk. Every acknowledged record is on disk already.",
	},
	{
		Name: "flush.ms", Type: Long, Default: maxInt64, Effect: Inert, accept: atLeast(0),
		Synonyms: []Synonym{{Name: "log.flush.interval.ms"}, {Name: "log.flush.scheduler.interval.ms"}},
		Doc:      "Time between two forced writes to disk. Every acknowledged record is on disk already.",
	},
	{
		Name: "follower.replication.throttled.replicas", Type: List, Effect: Inert,
		accept: throttledReplica, acceptList: true,
		Doc: "Replicas whose catching up is throttled on the receiving side.",
	},
	{
		Name: IndexIntervalBytes, Type: Int, Default: "4096", accept: atLeast(0),
		Synonyms: []Synonym{{Name: "log.index.interval.bytes"}},
		Doc:      "Bytes of log between two entries of its index.",
	},
	{
		Name: InternalSegmentBytes, Type: Int, NoDefault: true, Hidden: true, accept: atLeast(minBatchBytes),
		Doc: "Segment size below what segment.bytes allows, for tests.",
	},
	{
		Name: "leader.replication.throttled.replicas", Type: List, Effect: Inert,
		accept: throttledReplica, acceptList: true,
		Doc: "Replicas whose catching up is throttled on the sending side.",
	},
	{
		Name: "local.retention.bytes", Type: Long, Default: "-2", Effect: Inert, accept: atLeast(-2),
		Synonyms: []Synonym{{Name: "log.local.retention.bytes"}},
		Doc: "Size of a partition that stays on local disk under tiered storage; " +
			"-2 follows retention.bytes.",
	},
	{
		Name: "local.retention.ms", Type: Long, Default: "-2", Effect: Inert, accept: atLeast(-2),
		Synonyms: []Synonym{{Name: "log.local.retention.ms"}},
		Doc:      "Age up to which segments stay on local disk under tiered storage; -2 follows retention.ms.",
	},
	{
		Name: MaxCompactionLag, Type: Long, Default: maxInt64, accept: atLeast(1),
		Synonyms: []Synonym{{Name: "log.cleaner.max.compaction.lag.ms"}},
		Doc: "Age at which a record of a compacted topic gets due for compaction whatever the dirty ratio; its " +
			"segment is closed by then.",
	},
	{
		Name: MaxMessageBytes, Type: Int, Default: "1048588", accept: atLeast(0),
		Synonyms: []Synonym{{Name: "message.max.bytes"}},
		Doc:      "Largest record batch that is taken, as it comes over the wire.",
	},
	{
		Name: TimestampAfterMax, Type: Long, Default: strconv.Itoa(hourMillis), accept: atLeast(0),
		Synonyms: []Synonym{{Name: "log.message.timestamp.after.max.ms"}},
		Doc: "How far the timestamp of a record may lie ahead of the broker's clock under CreateTime; " +
			"a batch beyond it is refused.",
	},
	{
		Name: TimestampBeforeMax, Type: Long, Default: maxInt64, accept: atLeast(0),
		Synonyms: []Synonym{{Name: "log.message.timestamp.before.max.ms"}},
		Doc: "How far the timestamp of a record may lie behind the broker's clock under CreateTime; " +
			"a batch beyond it is refused.",
	},
	{
		Name: TimestampType, Type: String, Default: TimestampCreateTime,
		accept:   oneOf(TimestampCreateTime, TimestampLogAppendTime),
		Synonyms: []Synonym{{Name: "log.message.timestamp.type"}},
		Doc: "Whether records keep the time of their producer (CreateTime) " +
			"or get that of the broker (LogAppendTime).",
	},
	{
		Name: MinCleanableRatio, Type: Double, Default: "0.5", accept: ratio,
		Synonyms: []Synonym{{Name: "log.cleaner.min.cleanable.ratio"}},
		Doc:      "Share of a log that must be uncompacted before compaction looks at it.",
	},
	{
		Name: MinCompactionLag, Type: Long, Default: "0", accept: atLeast(0),
		Synonyms: []Synonym{{Name: "log.cleaner.min.compaction.lag.ms"}},
		Doc:      "Age below which a record is not compacted.",
	},
	{
		Name: MinInsyncReplicas, Type: Int, Default: "1", accept: atLeast(1),
		Synonyms: []Synonym{{Name: "min.insync.replicas"}},
		Doc: "Replicas that must be in sync for a produce with acks=all to be taken. A record is acknowledged " +
			"when a majority of the replicas has it on disk, never sooner.",
	},
	{
		Name: "preallocate", Type: Boolean, Default: "false", Effect: Inert,
		Synonyms: []Synonym{{Name: "log.preallocate"}},
		Doc: "Whether segment files get their full size when they are made. " +
			"Files of the write-ahead log always do.",
	},
	{
		Name: "remote.log.copy.disable", Type: Boolean, Default: "false", Effect: Fixed,
		Doc: "Whether tiered storage takes no more segments.",
	},
	{
		Name: "remote.log.delete.on.disable", Type: Boolean, Default: "false", Effect: Fixed,
		Doc: "Whether tiered data goes when tiered storage is switched off.",
	},
	{
		Name: "remote.storage.enable", Type: Boolean, Default: "false", Effect: Fixed,
		Doc: "Whether old segments move to tiered storage.",
	},
	{
		Name: RetentionBytes, Type: Long, Default: "-1",
		Synonyms: []Synonym{{Name: "log.retention.bytes"}},
		Doc:      "Size of a partition above which its oldest segments are removed; -1 for no bound.",
	},
	{
		Name: RetentionMillis, Type: Long, Default: weekMillis, accept: atLeast(-1),
		Synonyms: []Synonym{
			{Name: "log.retention.ms"},
			{Name: "log.retention.minutes", Factor: minuteMillis},
			{Name: "log.retention.hours", Factor: hourMillis},
		},
		Doc: "Age above which segments are removed, by their newest record; -1 keeps them.",
	},
	{
		Name: SegmentBytes, Type: Int, Default: "1073741824", accept: atLeast(minSegment),
		Synonyms: []Synonym{{Name: "log.segment.bytes"}},
		Doc:      "Size at which a segment is closed and a new one begun. Retention works by whole segments.",
	},
	{
		Name: SegmentIndexBytes, Type: Int, Default: "10485760", accept: atLeast(4),
		Synonyms: []Synonym{{Name: "log.index.size.max.bytes"}},
		Doc:      "Largest index of a segment; a full one closes the segment.",
	},
	{
		Name: SegmentJitterMillis, Type: Long, Default: "0", accept: atLeast(0),
		Synonyms: []Synonym{{Name: "log.roll.jitter.ms"}, {Name: "log.roll.jitter.hours", Factor: hourMillis}},
		Doc:      "Random time taken off segment.ms, so that segments made together do not close together.",
	},
	{
		Name: SegmentMillis, Type: Long, Default: weekMillis, accept: atLeast(1),
		Synonyms: []Synonym{{Name: "log.roll.ms"}, {Name: "log.roll.hours", Factor: hourMillis}},
		Doc:      "Age at which a segment is closed even if it is not full, so that retention can remove it.",
	},
	{
		Name: "unclean.leader.election.enable", Type: Boolean, Default: "false", Effect: Inert,
		Synonyms: []Synonym{{Name: "unclean.leader.election.enable"}},
		Doc:      "Whether a replica that misses acknowledged records may lead. It never may: Raft elects none.",
	},
})
