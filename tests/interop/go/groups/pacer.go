package groups

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// pace is how often every partition gets a record.
const pace = 20 * time.Millisecond

// pacer produces to all partitions of a topic; the value of a record is its offset.
type pacer struct {
	client *kgo.Client
	topic  string
	sent   []int64 // by its goroutine alone
	mu     sync.Mutex
	held   []int64 // acknowledged
	failed error
}

// newPacer makes the topic.
func newPacer(ctx context.Context, seeds []string, topic string, partitions, replicas int) (*pacer, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression())) // which all clients can read
	if err != nil {
		return nil, err
	}
	p := &pacer{client: client, topic: topic, sent: make([]int64, partitions), held: make([]int64, partitions)}
	_, err = kadm.NewClient(client).CreateTopic(ctx, int32(partitions), int16(replicas), nil, topic)
	return p, err
}

// run produces until ctx ends, and returns when everything is acknowledged.
func (p *pacer) run(ctx context.Context) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			p.flush()
			return
		case <-ticker.C:
			for partition := range p.sent {
				p.produce(partition)
			}
		}
	}
}

func (p *pacer) produce(partition int) {
	offset := p.sent[partition]
	p.sent[partition]++
	r := &kgo.Record{Topic: p.topic, Partition: int32(partition), Value: strconv.AppendInt(nil, offset, 10)}
	p.client.Produce(context.Background(), r, func(r *kgo.Record, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch {
		case err != nil:
			p.failed = err
		case r.Offset != offset:
			p.failed = fmt.Errorf("record %d of partition %d was given offset %d", offset, partition, r.Offset)
		default:
			p.held[partition] = offset + 1
		}
	})
}

// more produces some records to each partition, one more to each next one, and waits for them.
func (p *pacer) more() error {
	for partition := range p.sent {
		for range 1 + partition%5 {
			p.produce(partition)
		}
	}
	p.flush()
	return p.err()
}

func (p *pacer) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.client.Flush(ctx); err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.failed = err
	}
}

func (p *pacer) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// ends returns how many records each partition holds by now.
func (p *pacer) ends() []int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]int64(nil), p.held...)
}
