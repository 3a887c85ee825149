package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/chronik-go/chronik/protocol"
)

// firstGeneration are versions of a client that knows nothing of transactions of the second generation.
func firstGeneration() *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(int16(kmsg.Produce), 11)
	v.SetMaxKeyVersion(int16(kmsg.EndTxn), 4)
	v.SetMaxKeyVersion(int16(kmsg.TxnOffsetCommit), 4)
	return v
}

// transactional returns a client that writes in transactions.
func (n *node) transactional(id string, versions *kversion.Versions) *kgo.Client {
	n.t.Helper()
	options := []kgo.Opt{
		kgo.SeedBrokers(n.running.Addr()), kgo.TransactionalID(id), kgo.TransactionTimeout(time.Minute),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }),
		kgo.MetadataMinAge(10 * time.Millisecond),
	}
	if versions != nil {
		options = append(options, kgo.MaxVersions(versions))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(client.Close)
	return client
}

// spread makes a topic of three partitions.
func (n *node) spread(ctx context.Context, topic string) {
	n.t.Helper()
	r := kmsg.NewPtrCreateTopicsRequest()
	one := kmsg.NewCreateTopicsRequestTopic()
	one.Topic, one.NumPartitions, one.ReplicationFactor = topic, 3, 1
	r.Topics, r.TimeoutMillis = append(r.Topics, one), 10_000
	response, err := n.ask(ctx, r, 7)
	if err != nil || response.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode != 0 {
		n.t.Fatalf("got %+v, %v", response, err)
	}
}

// committedOf reads what was committed to each partition of a topic, until there is as much as is wanted.
func (n *node) committedOf(ctx context.Context, topic string, want map[int32][]string) map[int32][]string {
	n.t.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(n.running.Addr()), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(200*time.Millisecond))
	if err != nil {
		n.t.Fatal(err)
	}
	defer reader.Close()
	missing := 0
	for _, values := range want {
		missing += len(values)
	}
	got := map[int32][]string{}
	for missing > 0 {
		fetches := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			n.t.Fatalf("%d committed records are missing; got %v", missing, got)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			missing--
			got[r.Partition] = append(got[r.Partition], string(r.Value))
		})
	}
	return got
}

// TestTransactionsOfAClient commits and aborts in turn, in both generations: readers of committed records see
// what was committed, once and in order, and nothing else.
func TestTransactionsOfAClient(t *testing.T) {
	for name, versions := range map[string]*kversion.Versions{"first": firstGeneration(), "second": nil} {
		t.Run(name+" generation", func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			n := startNode(t)
			defer n.stop()
			n.spread(ctx, "payments")
			client := n.transactional("payer", versions)
			want := map[int32][]string{}
			for round := range 12 {
				if err := client.BeginTransaction(); err != nil {
					t.Fatal(err)
				}
				commit := round%3 != 1
				for i := range 30 {
					partition := int32((round + i%2) % 3)
					value := fmt.Sprintf("%d-%d", round, i)
					if commit {
						want[partition] = append(want[partition], value)
					}
					client.Produce(ctx, &kgo.Record{Topic: "payments", Partition: partition, Value: []byte(value)},
						func(_ *kgo.Record, err error) {
							if err != nil {
								t.Errorf("produce: %v", err)
							}
						})
				}
				if err := client.Flush(ctx); err != nil {
					t.Fatal(err)
				}
				if err := client.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
					t.Fatalf("end of transaction %d: %v", round, err)
				}
			}
			got := n.committedOf(ctx, "payments", want)
			for partition, values := range want {
				if !slices.Equal(got[partition], values) {
					t.Errorf("partition %d: got %v, want %v", partition, got[partition], values)
				}
			}
		})
	}
}

// A producer that was replaced by another one of its transactional id must not write, and what it wrote in its
// open transaction is aborted.
func TestFencedProducerLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n := startNode(t)
	defer n.stop()
	n.spread(ctx, "payments")
	zombie, heir := n.transactional("payer", nil), n.transactional("payer", nil)
	record := func(value string) *kgo.Record { return &kgo.Record{Topic: "payments", Value: []byte(value)} }
	if err := zombie.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := zombie.ProduceSync(ctx, record("zombie")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := heir.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := heir.ProduceSync(ctx, record("heir")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	err := zombie.ProduceSync(ctx, record("late")).FirstErr()
	if !errors.Is(err, kerr.InvalidProducerEpoch) && !errors.Is(err, kerr.ProducerFenced) {
		t.Errorf("got %v for a record of the fenced producer", err)
	}
	if err := heir.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	got := n.committedOf(ctx, "payments", map[int32][]string{0: {"heir"}})
	if !slices.Equal(got[0], []string{"heir"}) {
		t.Errorf("got %v, want what the heir wrote", got[0])
	}
}

// TestMarkersNeedNoCoordinator ends a transaction that its coordinator has forgotten, as an administrator does
// (KIP-664), and asks the partition for its producers before and after.
func TestMarkersNeedNoCoordinator(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n := startNode(t)
	defer n.stop()
	n.spread(ctx, "payments")
	client := n.transactional("payer", nil)
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	record := &kgo.Record{Topic: "payments", Value: []byte("hanging")}
	if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
		t.Fatal(err)
	}
	describe := func() kmsg.DescribeProducersResponseTopicPartitionActiveProducer {
		r := kmsg.NewPtrDescribeProducersRequest()
		topic := kmsg.NewDescribeProducersRequestTopic()
		topic.Topic, topic.Partitions = "payments", []int32{0}
		r.Topics = append(r.Topics, topic)
		response, err := n.ask(ctx, r, 0)
		if err != nil {
			t.Fatal(err)
		}
		producers := response.(*kmsg.DescribeProducersResponse).Topics[0].Partitions[0].ActiveProducers
		if len(producers) != 1 {
			t.Fatalf("got %+v, want one producer", producers)
		}
		return producers[0]
	}
	open := describe()
	if open.CurrentTxnStartOffset != 0 || open.LastSequence != 0 {
		t.Errorf("got %+v, want the open transaction", open)
	}
	r := kmsg.NewPtrWriteTxnMarkersRequest()
	marker := kmsg.NewWriteTxnMarkersRequestMarker()
	marker.ProducerID, marker.ProducerEpoch, marker.CoordinatorEpoch = open.ProducerID, int16(open.ProducerEpoch), 7
	topic := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
	topic.Topic, topic.Partitions = "payments", []int32{0}
	marker.Topics = append(marker.Topics, topic)
	r.Markers = append(r.Markers, marker)
	response, err := n.ask(ctx, r, 1)
	if err != nil {
		t.Fatal(err)
	}
	if code := response.(*kmsg.WriteTxnMarkersResponse).Markers[0].Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatalf("got %v", protocol.Code(code))
	}
	if closed := describe(); closed.CurrentTxnStartOffset != -1 || closed.CoordinatorEpoch != 7 {
		t.Errorf("got %+v, want no open transaction", closed)
	}
}
