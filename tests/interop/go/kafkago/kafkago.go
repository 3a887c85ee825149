package kafkago

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"

	"interop/record"
)

// Client is segmentio/kafka-go.
type Client struct{ Seeds []string }

var codecs = map[string]kafka.Compression{
	"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
}

// produceChunk is how many records one call of WriteMessages takes.
const produceChunk = 1000

// Codecs implements runner.Client.
func (c *Client) Codecs() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }

// FoldsEmpty implements runner.Client.
func (c *Client) FoldsEmpty() bool { return true }

// CreateTopic implements runner.Client.
func (c *Client) CreateTopic(ctx context.Context, topic string) error {
	client := &kafka.Client{Addr: kafka.TCP(c.Seeds...)}
	made, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: topic, NumPartitions: record.Partitions, ReplicationFactor: 1,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "-1"}},
	}}})
	if err != nil {
		return err
	}
	return errors.Join(made.Errors[topic])
}

// Produce implements runner.Client.
func (c *Client) Produce(ctx context.Context, topic, codec string, from, count uint32) error {
	writer := &kafka.Writer{
		Addr: kafka.TCP(c.Seeds...), Topic: topic, RequiredAcks: kafka.RequireAll, Compression: codecs[codec],
		Balancer:     kafka.BalancerFunc(func(m kafka.Message, _ ...int) int { return int(m.WriterData.(int32)) }),
		BatchSize:    produceChunk,
		BatchBytes:   1_000_000,
		BatchTimeout: 5 * time.Millisecond,
	}
	for i := from; i < from+count; i += produceChunk {
		chunk := make([]kafka.Message, 0, produceChunk)
		for j := i; j < min(i+produceChunk, from+count); j++ {
			chunk = append(chunk, outgoing(record.Make(j)))
		}
		if err := writer.WriteMessages(ctx, chunk...); err != nil {
			return errors.Join(err, writer.Close())
		}
	}
	return writer.Close()
}

func outgoing(r record.Record) kafka.Message {
	m := kafka.Message{Key: r.Key, Value: r.Value, Time: time.UnixMilli(r.Timestamp), WriterData: r.Partition}
	for _, header := range r.Headers {
		m.Headers = append(m.Headers, kafka.Header{Key: header.Name, Value: header.Value})
	}
	return m
}

func incoming(m kafka.Message) record.Record {
	r := record.Record{Partition: int32(m.Partition), Key: m.Key, Value: m.Value, Timestamp: m.Time.UnixMilli()}
	for _, header := range m.Headers {
		r.Headers = append(r.Headers, record.Header{Name: header.Key, Value: header.Value})
	}
	return r
}

// Consume implements runner.Client.
func (c *Client) Consume(
	ctx context.Context, topic string, counts [record.Partitions]int64, take func(record.Record, int64),
) error {
	for p, count := range counts {
		if err := c.read(ctx, topic, p, kafka.FirstOffset, count, take); err != nil {
			return err
		}
	}
	return nil
}

// ReadAt implements runner.Client.
func (c *Client) ReadAt(ctx context.Context, topic string, partition int32, offset int64) (record.Record, error) {
	var found record.Record
	err := c.read(ctx, topic, int(partition), offset, 1, func(r record.Record, _ int64) { found = r })
	return found, err
}

func (c *Client) read(
	ctx context.Context, topic string, partition int, offset, count int64, take func(record.Record, int64),
) error {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: c.Seeds, Topic: topic, Partition: partition, MinBytes: 1, MaxBytes: 4 << 20, MaxWait: 200 * time.Millisecond,
	})
	defer func() { _ = reader.Close() }()
	if err := reader.SetOffset(offset); err != nil {
		return err
	}
	for range count {
		m, err := reader.ReadMessage(ctx)
		if err != nil {
			return err
		}
		take(incoming(m), m.Offset)
	}
	return nil
}
