package hostile

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const steadyTopic = "steady"

// steady is the normal client: it produces one record after the other and consumes what it produced.
type steady struct {
	t       *testing.T
	stop    context.CancelFunc
	done    sync.WaitGroup
	mu      sync.Mutex
	took    []time.Duration // since the last window
	written int
	read    int
	wrong   error
}

func startSteady(t *testing.T, address string) *steady {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &steady{t: t, stop: cancel}
	producer, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.AllowAutoTopicCreation(), kgo.ProducerLinger(0),
		kgo.DefaultProduceTopic(steadyTopic))
	must(t, err)
	consumer, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics(steadyTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(200*time.Millisecond))
	must(t, err)
	must(t, producer.ProduceSync(ctx, kgo.StringRecord("0")).FirstErr())
	s.written = 1
	s.done.Add(2)
	go s.produce(ctx, producer)
	go s.consume(ctx, consumer)
	t.Cleanup(func() {
		cancel()
		s.done.Wait()
		producer.Close()
		consumer.Close()
	})
	return s
}

func (s *steady) produce(ctx context.Context, client *kgo.Client) {
	defer s.done.Done()
	for n := 1; ctx.Err() == nil; n++ {
		begun := time.Now()
		err := client.ProduceSync(ctx, kgo.StringRecord(strconv.Itoa(n))).FirstErr()
		took := time.Since(begun)
		s.mu.Lock()
		switch {
		case err == nil:
			s.written, s.took = n+1, append(s.took, took)
		case ctx.Err() == nil:
			s.wrong = fmt.Errorf("produce %d: %w", n, err)
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *steady) consume(ctx context.Context, client *kgo.Client) {
	defer s.done.Done()
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		s.mu.Lock()
		fetches.EachError(func(_ string, _ int32, err error) {
			if ctx.Err() == nil {
				s.wrong = fmt.Errorf("consume: %w", err)
			}
		})
		fetches.EachRecord(func(r *kgo.Record) {
			if string(r.Value) != strconv.Itoa(s.read) && s.wrong == nil {
				s.wrong = fmt.Errorf("read %.40q where %d was written", r.Value, s.read)
			}
			s.read++
		})
		s.mu.Unlock()
	}
}

// check fails the test unless everything written so far arrives, in order.
func (s *steady) check() {
	s.t.Helper()
	s.mu.Lock()
	written := s.written
	s.mu.Unlock()
	eventually(s.t, "the normal client to read what it wrote", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.read >= written || s.wrong != nil
	})
	eventually(s.t, "the normal client to go on", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.written > written || s.wrong != nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrong != nil {
		s.t.Fatalf("the normal client noticed: %v", s.wrong)
	}
}

// p99 returns the 99th percentile of what produces take in a window of so long.
func (s *steady) p99(window time.Duration) time.Duration {
	s.mu.Lock()
	s.took = s.took[:0]
	s.mu.Unlock()
	<-time.After(window)
	s.mu.Lock()
	defer s.mu.Unlock()
	sorted := slices.Sorted(slices.Values(s.took))
	if len(sorted) == 0 {
		return window // nothing was answered in all that time
	}
	return sorted[len(sorted)*99/100]
}
