package partition

import (
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// Config is what the configs of a topic come to for one replica. It is immutable.
type Config struct {
	Log                  partitionlog.Config
	MaxMessageBytes      int
	TimestampType        batch.TimestampType
	TimestampBeforeMaxMs int64
	TimestampAfterMaxMs  int64
	Compression          string // compression.type
	Compact              bool   // records need keys
	MinInsyncReplicas    int    // for acks=all
}

// ConfigOf returns the configuration of a topic whose values are spread over these layers.
func ConfigOf(layers config.Layers) *Config {
	effective := config.EffectiveTopic(layers)
	c := &Config{
		Log:                  effective.Log,
		MaxMessageBytes:      int(effective.MaxMessageBytes),
		TimestampType:        batch.CreateTime,
		TimestampBeforeMaxMs: effective.TimestampBeforeMax,
		TimestampAfterMaxMs:  effective.TimestampAfterMax,
		Compression:          layers.TopicValue(config.CompressionType),
		Compact:              effective.Compact,
		MinInsyncReplicas:    int(effective.MinInsyncReplicas),
	}
	if effective.LogAppendTime {
		c.TimestampType = batch.LogAppendTime
	}
	return c
}

// Codec returns the codec that every batch of the topic must have, or false when producers choose.
func (c *Config) Codec() (batch.Codec, bool) {
	switch c.Compression {
	case "uncompressed":
		return batch.NoCompression, true
	case "gzip":
		return batch.Gzip, true
	case "snappy":
		return batch.Snappy, true
	case "lz4":
		return batch.LZ4, true
	case "zstd":
		return batch.Zstd, true
	}
	return batch.NoCompression, false
}
