//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/tests/bench"
)

// groups has several consumer groups of one member each read the same records to their end.
func groups(t task) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	var moved, records atomic.Int64
	errs := make([]error, t.groups)
	var members sync.WaitGroup
	begun := time.Now()
	for i := range t.groups {
		members.Go(func() {
			errs[i] = t.member(ctx, fmt.Sprintf("%s-%d", t.topic, i), &records, &moved)
		})
	}
	members.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return bench.Moved{Records: records.Load(), Bytes: moved.Load(), Seconds: time.Since(begun).Seconds()}, nil
}

// member reads until it has as much as was produced.
func (t task) member(ctx context.Context, group string, records, moved *atomic.Int64) error {
	client, err := kgo.NewClient(t.seeds(), kgo.ConsumerGroup(group), kgo.ConsumeTopics(t.topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	if err != nil {
		return err
	}
	defer client.Close()
	for got := int64(0); got < int64(t.mib)<<20; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("group %s after %d MiB: %w", group, got>>20, err)
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("group %s: fetch %s-%d: %w", group, e.Topic, e.Partition, e.Err)
		}
		before := got
		fetches.EachRecord(func(r *kgo.Record) { got += int64(len(r.Value)); records.Add(1) })
		moved.Add(got - before)
	}
	return nil
}

// tail floods a topic and reads it at the same time.
func tail(t task) (any, error) {
	consumer, err := kgo.NewClient(t.seeds(), t.fromStart())
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var read bench.Moved
	done := make(chan struct{})
	begun := time.Now()
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			consumer.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				read.Records++
				read.Bytes += int64(len(r.Value))
			})
		}
	}()
	if _, err := flood(t); err != nil {
		return nil, err
	}
	cancel()
	<-done
	read.Seconds = time.Since(begun).Seconds()
	return read, nil
}
