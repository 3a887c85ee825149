//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/tests/bench"
)

// transact lets each of many transactional producers commit one small record after the other, each in a
// transaction of its own, as a user of franz-go does.
func transact(t task) (any, error) {
	producers := make([]*kgo.Client, t.connections)
	for i := range producers {
		var err error
		producers[i], err = kgo.NewClient(kgo.SeedBrokers(t.broker), kgo.DefaultProduceTopic(t.topic),
			kgo.TransactionalID(fmt.Sprintf("bench-%d", i)), kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.ProducerLinger(0))
		if err != nil {
			return nil, err
		}
		defer producers[i].Close()
		if _, err := transaction(producers[i], i%t.partitions); err != nil { // takes its producer id
			return nil, err
		}
	}
	took := make([][]time.Duration, len(producers))
	wrong := make([]error, len(producers))
	var all sync.WaitGroup
	begun := time.Now()
	for i, producer := range producers {
		all.Go(func() {
			for time.Since(begun) < t.duration && wrong[i] == nil {
				var one time.Duration
				one, wrong[i] = transaction(producer, i%t.partitions)
				took[i] = append(took[i], one)
			}
		})
	}
	all.Wait()
	elapsed := time.Since(begun)
	var every []time.Duration
	for i := range took {
		if wrong[i] != nil {
			return nil, wrong[i]
		}
		every = append(every, took[i]...)
	}
	return bench.Summarize(every, elapsed), nil
}

// transaction commits one small record and returns how long it took.
func transaction(producer *kgo.Client, partition int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	begun := time.Now()
	if err := producer.BeginTransaction(); err != nil {
		return 0, err
	}
	r := &kgo.Record{Partition: int32(partition), Value: make([]byte, smallRecord)}
	if err := producer.ProduceSync(ctx, r).FirstErr(); err != nil {
		return 0, err
	}
	err := producer.EndTransaction(ctx, kgo.TryCommit)
	return time.Since(begun), err
}
