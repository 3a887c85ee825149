package franz

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"interop/record"
)

// Client is franz-go.
type Client struct{ Seeds []string }

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

// Codecs implements runner.Client.
func (c *Client) Codecs() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }

// FoldsEmpty implements runner.Client.
func (c *Client) FoldsEmpty() bool { return false }

// CreateTopic implements runner.Client.
func (c *Client) CreateTopic(ctx context.Context, topic string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Seeds...))
	if err != nil {
		return err
	}
	defer client.Close()
	forever := "-1"
	_, err = kadm.NewClient(client).CreateTopic(ctx, record.Partitions, 1, map[string]*string{"retention.ms": &forever}, topic)
	return err
}

// Produce implements runner.Client.
func (c *Client) Produce(ctx context.Context, topic, codec string, from, count uint32) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Seeds...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[codec]), kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	failed := make(chan error, 1)
	for i := from; i < from+count; i++ {
		client.Produce(ctx, outgoing(topic, record.Make(i)), func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func outgoing(topic string, r record.Record) *kgo.Record {
	made := &kgo.Record{Topic: topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Timestamp: time.UnixMilli(r.Timestamp)}
	for _, header := range r.Headers {
		made.Headers = append(made.Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
	}
	return made
}

func incoming(r *kgo.Record) record.Record {
	made := record.Record{Partition: r.Partition, Key: r.Key, Value: r.Value, Timestamp: r.Timestamp.UnixMilli()}
	for _, header := range r.Headers {
		made.Headers = append(made.Headers, record.Header{Name: header.Key, Value: header.Value})
	}
	return made
}

// Consume implements runner.Client.
func (c *Client) Consume(
	ctx context.Context, topic string, counts [record.Partitions]int64, take func(record.Record, int64),
) error {
	offsets, left := make(map[int32]kgo.Offset), int64(0)
	for p, count := range counts {
		offsets[int32(p)] = kgo.NewOffset().AtStart()
		left += count
	}
	return c.poll(ctx, topic, offsets, func(r *kgo.Record) bool {
		take(incoming(r), r.Offset)
		left--
		return left > 0
	})
}

// ReadAt implements runner.Client.
func (c *Client) ReadAt(ctx context.Context, topic string, partition int32, offset int64) (record.Record, error) {
	var found record.Record
	err := c.poll(ctx, topic, map[int32]kgo.Offset{partition: kgo.NewOffset().At(offset)}, func(r *kgo.Record) bool {
		found = incoming(r)
		return false
	})
	return found, err
}

// poll reads until visit declines.
func (c *Client) poll(ctx context.Context, topic string, offsets map[int32]kgo.Offset, visit func(*kgo.Record) bool) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Seeds...), kgo.FetchMaxWait(500*time.Millisecond),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			return fmt.Errorf("fetch %s-%d: %w", errs[0].Topic, errs[0].Partition, errs[0].Err)
		}
		for records := fetches.RecordIter(); !records.Done(); {
			if !visit(records.Next()) {
				return nil
			}
		}
	}
}
