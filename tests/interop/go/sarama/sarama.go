package sarama

import (
	"context"
	"time"

	"github.com/IBM/sarama"

	"interop/record"
)

// Client is sarama.
type Client struct{ Seeds []string }

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

// Codecs implements runner.Client.
func (c *Client) Codecs() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }

func config() *sarama.Config {
	config := sarama.NewConfig()
	config.ClientID = "interop-sarama"
	config.Version = sarama.MaxVersion
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Net.MaxOpenRequests = 1 // what sarama's idempotent producer demands
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Return.Successes = true
	config.Producer.Flush.Frequency = 5 * time.Millisecond
	config.Producer.MaxMessageBytes = 1_000_000
	config.Consumer.Return.Errors = true
	config.Consumer.MaxWaitTime = 100 * time.Millisecond // partitions are read one after the other
	return config
}

// FoldsEmpty implements runner.Client.
func (c *Client) FoldsEmpty() bool { return false }

// CreateTopic implements runner.Client.
func (c *Client) CreateTopic(_ context.Context, topic string) error {
	admin, err := sarama.NewClusterAdmin(c.Seeds, config())
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close() }()
	forever := "-1"
	return admin.CreateTopic(topic, &sarama.TopicDetail{
		NumPartitions: record.Partitions, ReplicationFactor: 1,
		ConfigEntries: map[string]*string{"retention.ms": &forever},
	}, false)
}

// Produce implements runner.Client.
func (c *Client) Produce(ctx context.Context, topic, codec string, from, count uint32) error {
	settings := config()
	settings.Producer.Compression = codecs[codec]
	producer, err := sarama.NewAsyncProducer(c.Seeds, settings)
	if err != nil {
		return err
	}
	go func() {
		for i := from; i < from+count; i++ {
			select {
			case producer.Input() <- outgoing(topic, record.Make(i)):
			case <-ctx.Done():
				return
			}
		}
	}()
	for range count {
		select {
		case <-producer.Successes():
		case failed := <-producer.Errors():
			producer.AsyncClose()
			return failed.Err
		case <-ctx.Done():
			producer.AsyncClose()
			return ctx.Err()
		}
	}
	return producer.Close()
}

func outgoing(topic string, r record.Record) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{Topic: topic, Partition: r.Partition, Timestamp: time.UnixMilli(r.Timestamp)}
	if r.Key != nil { // a nil ByteEncoder would be an empty key
		m.Key = sarama.ByteEncoder(r.Key)
	}
	if r.Value != nil {
		m.Value = sarama.ByteEncoder(r.Value)
	}
	for _, header := range r.Headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
	}
	return m
}

func incoming(m *sarama.ConsumerMessage) record.Record {
	r := record.Record{Partition: m.Partition, Key: m.Key, Value: m.Value, Timestamp: m.Timestamp.UnixMilli()}
	for _, header := range m.Headers {
		r.Headers = append(r.Headers, record.Header{Name: string(header.Key), Value: header.Value})
	}
	return r
}

// Consume implements runner.Client.
func (c *Client) Consume(
	ctx context.Context, topic string, counts [record.Partitions]int64, take func(record.Record, int64),
) error {
	consumer, err := sarama.NewConsumer(c.Seeds, config())
	if err != nil {
		return err
	}
	defer func() { _ = consumer.Close() }()
	for p, count := range counts {
		if err := read(ctx, consumer, topic, int32(p), sarama.OffsetOldest, count, take); err != nil {
			return err
		}
	}
	return nil
}

// ReadAt implements runner.Client.
func (c *Client) ReadAt(ctx context.Context, topic string, partition int32, offset int64) (record.Record, error) {
	consumer, err := sarama.NewConsumer(c.Seeds, config())
	if err != nil {
		return record.Record{}, err
	}
	defer func() { _ = consumer.Close() }()
	var found record.Record
	err = read(ctx, consumer, topic, partition, offset, 1, func(r record.Record, _ int64) { found = r })
	return found, err
}

func read(
	ctx context.Context, consumer sarama.Consumer, topic string, partition int32, offset, count int64,
	take func(record.Record, int64),
) error {
	messages, err := consumer.ConsumePartition(topic, partition, offset)
	if err != nil {
		return err
	}
	defer messages.AsyncClose()
	for range count {
		select {
		case m := <-messages.Messages():
			take(incoming(m), m.Offset)
		case failed := <-messages.Errors():
			return failed.Err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
