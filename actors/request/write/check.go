package write

import (
	"bytes"
	"math"

	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// firstZstd is the first Produce version whose clients may send zstd (KIP-110).
const firstZstd = 7

// check returns the append of one partition's records, or why the topic does not take them. now is in
// milliseconds since the epoch.
func check(records []byte, c *partition.Config, version int16, now int64) (partition.Append, error) {
	checked, err := rulesOf(c, version, now).Check(records)
	if err != nil {
		return partition.Append{}, err
	}
	if target, fixed := c.Codec(); fixed && target != checked.Codec() {
		if checked, err = recompress(checked, target, c.MaxMessageBytes); err != nil {
			return partition.Append{}, err
		}
	}
	if c.TimestampType == batch.LogAppendTime {
		checked.SetLogAppendTime(now)
		return partition.Append{Batch: checked, AppendTime: now}, nil
	}
	return partition.Append{Batch: checked, AppendTime: batch.NoTimestamp}, nil
}

// rulesOf returns what a topic demands of a batch.
func rulesOf(c *partition.Config, version int16, now int64) batch.Rules {
	return batch.Rules{
		MaxBytes:     c.MaxMessageBytes,
		SegmentBytes: c.Log.SegmentBytes,
		RefuseZstd:   version < firstZstd,
		NeedKeys:     c.Compact,
		Timed:        c.TimestampType == batch.CreateTime,
		Earliest:     minus(now, c.TimestampBeforeMaxMs),
		Latest:       plus(now, c.TimestampAfterMaxMs),
	}
}

// minus and plus stay within int64: the default of both limits is the largest int64, "no limit".
func minus(now, span int64) int64 {
	if span > now {
		return math.MinInt64
	}
	return now - span
}

func plus(now, span int64) int64 {
	if span > math.MaxInt64-now {
		return math.MaxInt64
	}
	return now + span
}

// recompress builds the batch anew in the codec that the topic's compression.type demands. What that makes
// larger is measured again, as Kafka does.
func recompress(b batch.Batch, codec batch.Codec, maxBytes int) (batch.Batch, error) {
	records := make([]batch.Record, 0, b.Count())
	err := b.Records(func(r batch.Record) bool {
		r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		headers := make([]batch.RecordHeader, len(r.Headers))
		for i, h := range r.Headers {
			headers[i] = batch.RecordHeader{Key: h.Key, Value: bytes.Clone(h.Value)}
		}
		r.Headers = headers
		records = append(records, r)
		return true
	})
	if err != nil {
		return nil, err
	}
	o := batch.Options{Codec: codec, Transactional: b.IsTransactional()}
	if b.HasProducer() {
		o.Producer = &batch.Producer{ID: b.ProducerID(), Epoch: b.ProducerEpoch(), Sequence: b.BaseSequence()}
	}
	built := batch.Build(o, records...)
	if maxBytes > 0 && len(built) > maxBytes {
		return nil, protocol.Errorf(protocol.MessageTooLarge,
			"record batch of %d bytes after compression to %s, at most %d are allowed", len(built), codec, maxBytes)
	}
	return built, nil
}
