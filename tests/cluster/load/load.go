package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Options say what is sent, and to where.
type Options struct {
	Topic      string
	Partitions int32
	// Seeds are the addresses of nodes; there is a producer for each, which knows no other.
	Seeds []string
	// Impatient makes the options of a client for a seed.
	Impatient func(seed string) []kgo.Opt
	Rate      int // records a second of all producers together
	Bytes     int // of the value of a record
	// AnswerTime bounds the wait for the answer to a request, where a frozen node must be given up. 0 leaves
	// the client's default.
	AnswerTime time.Duration
	// First is the id of the first producer; loads of one topic need distinct ids.
	First uint32
}

// underWay bounds the records of a producer that are not acknowledged yet: 60 s of most loads. Past it the
// producer falls behind, which counts as latency.
const underWay = 50_000

// Load is a set of running producers.
type Load struct {
	options   Options
	book      *book
	begun     time.Time
	cancel    context.CancelFunc
	running   sync.WaitGroup
	producers []*producer
}

type producer struct {
	id     uint32
	load   *Load
	client *kgo.Client
	next   []int64 // by partition
	slots  chan struct{}
}

// Start starts the producers.
func Start(options Options) (*Load, error) {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Load{options: options, book: newBook(options.Partitions), cancel: cancel}
	for i, seed := range options.Seeds {
		p := &producer{
			id: options.First + uint32(i), load: l, next: make([]int64, options.Partitions),
			slots: make(chan struct{}, underWay),
		}
		var err error
		if p.client, err = kgo.NewClient(l.clientOptions(seed, p.id)...); err != nil {
			l.Close()
			return nil, err
		}
		l.producers = append(l.producers, p)
	}
	l.begun = time.Now()
	for _, p := range l.producers {
		l.running.Go(func() { p.run(ctx) })
	}
	return l, nil
}

func (l *Load) clientOptions(seed string, id uint32) []kgo.Opt {
	options := append(l.options.Impatient(seed),
		kgo.DefaultProduceTopic(l.options.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ClientID(fmt.Sprintf("load-%d", id)), kgo.UnknownTopicRetries(-1), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(2*underWay),
		kgo.StopProducerOnDataLossDetected())
	if half := l.options.AnswerTime / 2; half > 0 {
		// The client waits for an answer as long as the broker may take and the overhead on top.
		options = append(options, kgo.ProduceRequestTimeout(half), kgo.RequestTimeoutOverhead(half))
	}
	return options
}

// every is how often a producer looks at the clock. The records that are due then leave together.
const every = time.Millisecond

// run sends what is due until the context ends.
func (p *producer) run(ctx context.Context) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	rate := float64(p.load.options.Rate) / float64(len(p.load.options.Seeds))
	for sent := 0; ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		for ; float64(sent) < rate*time.Since(p.load.begun).Seconds(); sent++ {
			select {
			case p.slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			due := time.Duration(float64(sent) / rate * float64(time.Second))
			p.send(int32(sent)%p.load.options.Partitions, due)
		}
	}
}

func (p *producer) send(partition int32, due time.Duration) {
	id := identity{p.id, p.next[partition]}
	p.next[partition]++
	record := &kgo.Record{Partition: partition, Value: value(id, partition, p.load.options.Bytes)}
	p.client.Produce(context.Background(), record, func(r *kgo.Record, err error) {
		<-p.slots
		if err != nil {
			p.load.book.fail(fmt.Errorf("producer %d gave up its record %d of partition %d: %w",
				id.producer, id.seq, partition, err))
			return
		}
		p.load.book.ack(r.Offset, id, ack{partition, int32(len(r.Value)), due, time.Since(p.load.begun)})
	})
}

// Now is the present time on the load's clock, which its windows are given in.
func (l *Load) Now() time.Duration { return time.Since(l.begun) }

// Stop lets the producers finish what they have under way. It returns what any of them gave up.
func (l *Load) Stop(ctx context.Context) error {
	l.cancel()
	l.running.Wait()
	for _, p := range l.producers {
		if err := p.client.Flush(ctx); err != nil {
			l.book.fail(fmt.Errorf("producer %d does not get its last records acknowledged: %w", p.id, err))
		}
	}
	return l.Err()
}

// Err returns what the producers gave up and what the brokers got wrong so far, which should be nothing.
func (l *Load) Err() error {
	failures := l.book.failures()
	if len(failures) > 10 {
		return fmt.Errorf("%d failures: %w", len(failures), errors.Join(failures[:10]...))
	}
	return errors.Join(failures...)
}

// Close ends the producers at once.
func (l *Load) Close() {
	l.cancel()
	l.running.Wait()
	for _, p := range l.producers {
		p.client.Close()
	}
}

// Acked is how many records have been acknowledged.
func (l *Load) Acked() int { return len(l.book.all()) }

// behind returns a partition that has not acknowledged anything that was due after a time, or -1.
func (l *Load) behind(partitions []int32, after time.Duration) int32 {
	missing := make(map[int32]bool, len(partitions))
	for _, p := range partitions {
		missing[p] = true
	}
	acks := l.book.all()
	for i := len(acks) - 1; i >= 0 && acks[i].at >= after && len(missing) > 0; i-- {
		if acks[i].due > after {
			delete(missing, acks[i].partition)
		}
	}
	for p := range missing {
		return p
	}
	return -1
}

// Served tells as an error whether a partition has not acknowledged anything that was due after a time.
func (l *Load) Served(partitions []int32, after time.Duration) error {
	if err := l.Err(); err != nil {
		return err
	}
	if p := l.behind(partitions, after); p >= 0 {
		return fmt.Errorf("partition %d has acknowledged nothing that was sent after %s", p, after)
	}
	return nil
}

// Partitions are the numbers of all partitions of the load.
func (l *Load) Partitions() []int32 {
	all := make([]int32, l.options.Partitions)
	for p := range all {
		all[p] = int32(p)
	}
	return all
}
