package config

import (
	"strings"

	"github.com/chronik-go/chronik/storage/partitionlog"
)

// Effective is what the configs of a topic come to on one broker: the values of all active configs.
type Effective struct {
	Log                partitionlog.Config
	MaxMessageBytes    int32
	LogAppendTime      bool
	TimestampBeforeMax int64 // milliseconds
	TimestampAfterMax  int64 // milliseconds
	MinInsyncReplicas  int32
	Delete, Compact    bool // cleanup.policy
}

// EffectiveTopic returns what the configs of a topic come to. Retention is off unless the cleanup policy
// has "delete".
func EffectiveTopic(l Layers) Effective {
	e := Effective{
		MaxMessageBytes:    int32(l.topicInt(MaxMessageBytes)),
		LogAppendTime:      l.TopicValue(TimestampType) == TimestampLogAppendTime,
		TimestampBeforeMax: l.topicInt(TimestampBeforeMax),
		TimestampAfterMax:  l.topicInt(TimestampAfterMax),
		MinInsyncReplicas:  int32(l.topicInt(MinInsyncReplicas)),
	}
	for _, policy := range Elements(l.TopicValue(CleanupPolicy)) {
		e.Delete = e.Delete || policy == PolicyDelete
		e.Compact = e.Compact || policy == PolicyCompact
	}
	e.Log = l.log(e.Delete)
	e.Log.Compact = e.Compact
	return e
}

// log returns the part of the configs that the partition's log works with.
func (l Layers) log(retains bool) partitionlog.Config {
	c := partitionlog.Config{
		SegmentBytes:       l.topicInt(SegmentBytes),
		SegmentMs:          l.topicInt(SegmentMillis),
		SegmentJitterMs:    l.topicInt(SegmentJitterMillis),
		IndexIntervalBytes: max(1, int(l.topicInt(IndexIntervalBytes))), // 0 would be the log's own default
		MaxIndexBytes:      int(l.topicInt(SegmentIndexBytes)),
		RetentionBytes:     -1,
		RetentionMs:        -1,
		MinCleanableRatio:  mustFloat(MinCleanableRatio, strings.TrimSpace(l.TopicValue(MinCleanableRatio))),
		MinCompactionLagMs: l.topicInt(MinCompactionLag),
		MaxCompactionLagMs: l.topicInt(MaxCompactionLag),
		DeleteRetentionMs:  l.topicInt(DeleteRetention),
	}
	if retains {
		c.RetentionBytes = l.topicInt(RetentionBytes)
		c.RetentionMs = l.topicInt(RetentionMillis)
	}
	if internal := l.ResolveTopic(Topic.Lookup(InternalSegmentBytes)); !internal.Unset {
		c.SegmentBytes = mustInteger(InternalSegmentBytes, strings.TrimSpace(internal.Value))
	}
	return c
}
