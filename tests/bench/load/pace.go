//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/tests/bench"
)

const (
	// paceLead is how long a pace goes before it counts.
	paceLead = 2 * time.Second
	// paceGrace is how long the last records may take to arrive.
	paceGrace = 20 * time.Second
	// paceStep is the longest that the sender sleeps; records that became due meanwhile are sent together.
	paceStep = time.Millisecond
)

// pace sends records at fixed times, whatever becomes of those before, and receives them in the same process.
// What is counted for a record is the time from when it was due until it was received, so that a stall shows
// in each record that it delays.
func pace(t task) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), t.duration+paceLead+deadline)
	defer cancel()
	options, err := t.producer()
	if err != nil {
		return nil, err
	}
	options = append(options, kgo.ProducerLinger(0), kgo.MaxBufferedRecords(floodRecords))
	producer, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	consumer, err := kgo.NewClient(t.seeds(), t.fromStart())
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	if err := producer.Ping(ctx); err != nil {
		return nil, err
	}
	total := int(t.rate * (t.duration + paceLead).Seconds())
	begun := time.Now()
	heard := make(chan heardPace, 1)
	go func() { heard <- hear(ctx, consumer, begun, total) }()
	failures, err := t.send(ctx, producer, begun, total)
	if err != nil {
		return nil, err
	}
	timer := time.AfterFunc(paceGrace, cancel)
	defer timer.Stop()
	got := <-heard
	if got.err != nil {
		return nil, got.err
	}
	return bench.Paced{
		Sent: total, Lost: total - got.records, Failed: failures,
		Seconds: t.duration.Seconds(), Latency: bench.Spread(got.took),
	}, nil
}

// fromStart reads all partitions of the topic, which is a new one.
func (t task) fromStart() kgo.Opt {
	from := map[int32]kgo.Offset{}
	for p := range t.partitions {
		from[int32(p)] = kgo.NewOffset().AtStart()
	}
	return kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{t.topic: from})
}

// send writes into each record when it was due, and returns how many were refused once all are answered.
func (t task) send(ctx context.Context, client *kgo.Client, begun time.Time, total int) (int, error) {
	random := randomValues(t.record)
	var failed atomic.Int64
	interval := float64(time.Second) / t.rate
	for i := 0; i < total; {
		now := time.Since(begun)
		due := time.Duration(float64(i) * interval)
		if due > now {
			time.Sleep(min(due-now, paceStep))
			continue
		}
		value := append([]byte(nil), random[i%len(random)]...)
		binary.BigEndian.PutUint64(value, uint64(due))
		client.Produce(ctx, &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Add(1)
			}
		})
		i++
	}
	if err := client.Flush(ctx); err != nil {
		return 0, fmt.Errorf("produce: %w", err)
	}
	return int(failed.Load()), nil
}

type heardPace struct {
	took    []time.Duration // of what was due after the lead
	records int
	err     error
}

// hear receives until all records have come or the context ends.
func hear(ctx context.Context, client *kgo.Client, begun time.Time, total int) heardPace {
	got := heardPace{took: make([]time.Duration, 0, total)}
	for got.records < total && ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		for _, e := range fetches.Errors() {
			if ctx.Err() == nil {
				got.err = fmt.Errorf("fetch %s-%d: %w", e.Topic, e.Partition, e.Err)
				return got
			}
		}
		now := time.Since(begun)
		fetches.EachRecord(func(r *kgo.Record) {
			got.records++
			if due := time.Duration(binary.BigEndian.Uint64(r.Value)); due >= paceLead {
				got.took = append(got.took, now-due)
			}
		})
	}
	return got
}
