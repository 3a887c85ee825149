package hostile

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol/batch"
)

// bigTopic holds much to fetch.
const bigTopic = "big"

// produceOf builds a produce request of one partition.
func produceOf(topic string, records []byte) *kmsg.ProduceRequest {
	r := kmsg.NewPtrProduceRequest()
	r.Version, r.Acks, r.TimeoutMillis = 9, -1, 5000
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = records
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.Partitions = topic, append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return r
}

func batchOf(size int) batch.Batch {
	return batch.Build(batch.Options{}, batch.Record{Timestamp: 1, Value: make([]byte, size)})
}

// greedyFetch asks for as much as there is.
func greedyFetch() *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	r.Version, r.MaxBytes, r.MaxWaitMillis, r.MinBytes = 12, 1<<30, 0, 1
	p := kmsg.NewFetchRequestTopicPartition()
	p.PartitionMaxBytes, p.CurrentLeaderEpoch = 1<<30, -1
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.Partitions = bigTopic, append(t.Partitions, p)
	r.SessionEpoch, r.Topics = -1, append(r.Topics, t)
	return r
}

// assault runs attackers until the context ends.
type assault struct {
	address string
	ctx     context.Context
	done    sync.WaitGroup
}

// launch runs one attack again and again at a pace, each time on a connection of its own.
func (a *assault) launch(pace time.Duration, attack func(s *socket, random *rand.Rand)) {
	a.done.Add(1)
	go func() {
		defer a.done.Done()
		random := rand.New(rand.NewPCG(uint64(pace), 1))
		turn := time.NewTicker(pace)
		defer turn.Stop()
		for {
			select {
			case <-a.ctx.Done():
				return
			case <-turn.C:
			}
			if s, err := dial(a.address); err == nil {
				attack(s, random)
				_ = s.Close()
			}
		}
	}()
}

// assail begins all sorts of attacks at once. The pace keeps the attackers themselves, which share the
// machine, from taking what the broker needs; an attack that works does not need much of it.
func assail(ctx context.Context, address string) *assault {
	a := &assault{address: address, ctx: ctx}
	a.launch(5*time.Millisecond, func(s *socket, random *rand.Rand) {
		_, _ = s.Write(noise(random))
		s.listen(20 * time.Millisecond)
	})
	a.launch(5*time.Millisecond, func(s *socket, _ *rand.Rand) {
		for _, greeting := range greetings {
			_, _ = s.Write(greeting)
			break // any one: maps come in random order
		}
		s.listen(20 * time.Millisecond)
	})
	a.launch(7*time.Millisecond, func(s *socket, random *rand.Rand) { // cut in the middle
		whole := s.request(produceOf(steadyTopic, batchOf(4000)))
		_, _ = s.Write(whole[:random.IntN(len(whole))])
	})
	a.launch(10*time.Millisecond, func(s *socket, random *rand.Rand) {
		list := lies(s.request(filled(int16(kmsg.Metadata), 9)))
		_, _ = s.Write(list[random.IntN(len(list))])
		s.listen(20 * time.Millisecond)
	})
	for range 8 {
		a.launch(50*time.Millisecond, a.dawdle)
	}
	for range 8 {
		a.launch(50*time.Millisecond, a.neverRead)
	}
	return a
}

// dawdle sends a large request in crumbs.
func (a *assault) dawdle(s *socket, _ *rand.Rand) {
	whole := s.request(produceOf(steadyTopic, batchOf(500_000)))
	crumbs := time.NewTicker(10 * time.Millisecond)
	defer crumbs.Stop()
	for i := 0; i < len(whole)-1; i += 100 { // never the last byte: nothing of it may be appended
		select {
		case <-a.ctx.Done():
			return
		case <-crumbs.C:
		}
		if _, err := s.Write(whole[i:min(i+100, len(whole)-1)]); err != nil {
			return
		}
	}
}

// neverRead asks for large replies and reads none.
func (a *assault) neverRead(s *socket, _ *rand.Rand) {
	request := s.request(greedyFetch())
	for range 50 {
		_ = s.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := s.Write(request); err != nil {
			break
		}
	}
	<-a.ctx.Done()
}
