//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/tests/bench"
)

// deadline bounds one run; a broker that has stopped answering ends the measurement.
const deadline = 5 * time.Minute

// produce sends records of random bytes, uncompressed, so that what is produced is what is on the wire.
func produce(t task) (any, error) {
	client, err := kgo.NewClient(t.seeds(), kgo.DefaultProduceTopic(t.topic),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := client.Ping(ctx); err != nil {
		return nil, err
	}
	values := randomValues(t.record)
	total := int64(t.mib) << 20 / int64(t.record)
	var failed atomic.Pointer[error]
	begun := time.Now()
	for i := range total {
		client.Produce(ctx, &kgo.Record{Value: values[i%int64(len(values))]}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Store(&err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return nil, err
	}
	if err := failed.Load(); err != nil {
		return nil, fmt.Errorf("produce: %w", *err)
	}
	return bench.Moved{Records: total, Bytes: total * int64(t.record), Seconds: time.Since(begun).Seconds()}, nil
}

// randomValues returns some values to send again and again; making each anew would measure the generator.
func randomValues(size int) [][]byte {
	random := rand.New(rand.NewPCG(1, uint64(size)))
	values := make([][]byte, 64)
	for i := range values {
		values[i] = make([]byte, size)
		for j := range values[i] {
			values[i][j] = byte(random.Uint32())
		}
	}
	return values
}

// consume reads all partitions from their start until it has had as much as was produced, and that several
// times.
func consume(t task) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	moved, begun := bench.Moved{}, time.Now()
	for range t.passes {
		if err := consumeOnce(ctx, t, &moved); err != nil {
			return nil, err
		}
	}
	moved.Seconds = time.Since(begun).Seconds()
	return moved, nil
}

func consumeOnce(ctx context.Context, t task, moved *bench.Moved) error {
	client, err := kgo.NewClient(t.seeds(), t.fromStart())
	if err != nil {
		return err
	}
	defer client.Close()
	for until := moved.Bytes + int64(t.mib)<<20; moved.Bytes < until; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("after %d MiB: %w", moved.Bytes>>20, err)
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("fetch %s-%d: %w", e.Topic, e.Partition, e.Err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			moved.Records++
			moved.Bytes += int64(len(r.Value))
		})
	}
	return nil
}
