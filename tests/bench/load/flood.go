//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/tests/bench"
)

// A flood keeps so much in the client's hands that the broker never waits for it.
const (
	floodBytes   = 64 << 20
	floodRecords = 1 << 20
)

// seeds are the brokers to ask first.
func (t task) seeds() kgo.Opt { return kgo.SeedBrokers(strings.Split(t.broker, ",")...) }

// producer returns the options that the command line asks of a producer. All else is as the client has it.
func (t task) producer() ([]kgo.Opt, error) {
	options := []kgo.Opt{t.seeds(), kgo.DefaultProduceTopic(t.topic)}
	switch t.acks {
	case "all":
	case "1":
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	default:
		return nil, fmt.Errorf("acks: got %q, want all or 1", t.acks)
	}
	switch t.compression {
	case "none":
		options = append(options, kgo.ProducerBatchCompression(kgo.NoCompression()))
	case "lz4":
		options = append(options, kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	default:
		return nil, fmt.Errorf("compression: got %q, want none or lz4", t.compression)
	}
	if t.spread {
		options = append(options, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	}
	return options, nil
}

// flood produces as fast as the broker takes it, for a time, and waits for what is under way.
func flood(t task) (any, error) {
	options, err := t.producer()
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(options,
		kgo.MaxBufferedBytes(floodBytes), kgo.MaxBufferedRecords(floodRecords))...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), t.duration+deadline)
	defer cancel()
	if err := client.Ping(ctx); err != nil {
		return nil, err
	}
	values := t.values()
	var acked atomic.Int64
	var failed atomic.Pointer[error]
	heard := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.Store(&err)
			return
		}
		acked.Add(1)
	}
	begun := time.Now()
	for i := 0; time.Since(begun) < t.duration; i++ {
		client.Produce(ctx, &kgo.Record{Value: values[i%len(values)]}, heard)
	}
	if err := client.Flush(ctx); err != nil {
		return nil, err
	}
	if err := failed.Load(); err != nil {
		return nil, fmt.Errorf("produce: %w", *err)
	}
	return bench.Moved{
		Records: acked.Load(), Bytes: acked.Load() * int64(t.record), Seconds: time.Since(begun).Seconds(),
	}, nil
}

// values are the contents to send. What is to be compressed shrinks to about half; else it is random.
func (t task) values() [][]byte {
	values := randomValues(t.record)
	if t.compression == "none" {
		return values
	}
	for _, value := range values {
		for i := range value {
			value[i] = 'a' + value[i]&0xf
		}
	}
	return values
}
