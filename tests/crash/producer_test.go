package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topic = "crash"
	// underWay bounds the records of a producer that are not acknowledged yet.
	underWay = 400
	// Producers with an id below this one are idempotent.
	idempotents = 3
	producers   = 5
)

// producer sends records until it is told to stop.
type producer struct {
	id     uint32
	client *kgo.Client
	ledger *ledger
	random *rand.Rand
	next   [partitions]int64
	slots  chan struct{}
	gate   *sync.RWMutex // held by the run while nothing new may be sent
}

func newProducer(id uint32, address string, seed uint64, l *ledger, gate *sync.RWMutex) (*producer, error) {
	options := append(impatient(address),
		kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ClientID(fmt.Sprintf("producer-%d", id)), kgo.UnknownTopicRetries(-1), kgo.ProducerLinger(time.Millisecond),
		kgo.ProducerBatchMaxBytes(64<<10), kgo.StopProducerOnDataLossDetected())
	if id%2 == 0 {
		options = append(options, kgo.ProducerBatchCompression(kgo.NoCompression()))
	}
	if id >= idempotents {
		// With one request under way a retry may repeat records, but not swap them.
		options = append(options, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
	}
	client, err := kgo.NewClient(options...)
	return &producer{
		id: id, client: client, ledger: l, gate: gate, slots: make(chan struct{}, underWay),
		random: rand.New(rand.NewPCG(seed, uint64(id))),
	}, err
}

// impatient options make a client find a server again as soon as it is back. The defaults wait seconds between
// two looks at the metadata.
func impatient(address string) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(address), kgo.MetadataMinAge(20 * time.Millisecond), kgo.DialTimeout(time.Second),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
	}
}

// run produces until the context ends.
func (p *producer) run(ctx context.Context, group *sync.WaitGroup) {
	defer group.Done()
	for {
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		p.gate.RLock()
		partition := p.random.Int32N(partitions)
		id := identity{p.id, p.next[partition]}
		p.next[partition]++
		record := &kgo.Record{Partition: partition, Value: value(id, partition)}
		p.client.Produce(context.Background(), record, func(r *kgo.Record, err error) {
			switch {
			case err == nil:
				p.ledger.ack(r.Partition, r.Offset, id)
			case p.id >= idempotents:
				// Without idempotence the client gives up what it may not repeat: the record may stand or not.
				p.ledger.giveUp()
			default:
				p.ledger.fail(fmt.Errorf("producer %d gave up %+v: %w", p.id, id, err))
			}
			<-p.slots
		})
		p.gate.RUnlock()
	}
}
