package broker

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/chronik-go/chronik/actors/kit/kittest"
)

func (n *node) create(ctx context.Context, topic string, configs map[string]string) (id [16]byte) {
	n.t.Helper()
	one := kmsg.NewCreateTopicsRequestTopic()
	one.Topic, one.NumPartitions, one.ReplicationFactor = topic, 1, 1
	for name, value := range configs {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = name, kmsg.StringPtr(value)
		one.Configs = append(one.Configs, config)
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, one), 10_000
	response, err := request.RequestWith(ctx, n.client)
	if err != nil || response.Topics[0].ErrorCode != 0 {
		n.t.Fatalf("create %s: %v, %+v", topic, err, response)
	}
	return response.Topics[0].TopicID
}

func (n *node) remove(ctx context.Context, topic string) {
	n.t.Helper()
	one := kmsg.NewDeleteTopicsRequestTopic()
	one.Topic = kmsg.StringPtr(topic)
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.Topics, request.TopicNames = append(request.Topics, one), []string{topic}
	request.TimeoutMillis = 10_000
	response, err := request.RequestWith(ctx, n.client)
	if err != nil || response.Topics[0].ErrorCode != 0 {
		n.t.Fatalf("delete %s: %v, %+v", topic, err, response)
	}
}

// eventually looks again until it sees what it wants.
func eventually(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not seen in time: %s", what)
		}
	}
}

func TestTopicThatIsDeletedAndMadeAgainBeginsAnew(t *testing.T) {
	n := startNode(t)
	defer n.stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var last [16]byte
	for round := range 5 {
		id := n.create(ctx, "again", nil)
		if id == last {
			t.Fatalf("round %d: got the id of the topic before", round)
		}
		last = id
		client, err := kgo.NewClient(kgo.SeedBrokers(n.running.Addr()), kgo.DefaultProduceTopic("again"))
		if err != nil {
			t.Fatal(err)
		}
		record, err := client.ProduceSync(ctx, &kgo.Record{Value: []byte("first")}).First()
		client.Close()
		if err != nil || record.Offset != 0 {
			t.Fatalf("round %d: got offset %d, %v, want 0", round, record.Offset, err)
		}
		n.remove(ctx, "again")
	}
	dir := filepath.Join(n.dir, "topics")
	eventually(ctx, t, "the files of the deleted topics are gone", func() bool {
		left, err := os.ReadDir(dir)
		return err == nil && len(left) == 0
	})
}

func TestRetentionMovesTheLogStartAndRemovesFiles(t *testing.T) {
	n := startNode(t)
	defer n.stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n.create(ctx, "short", map[string]string{"internal.segment.bytes": "4096", "retention.bytes": "8192"})
	client, err := kgo.NewClient(kgo.SeedBrokers(n.running.Addr()), kgo.DefaultProduceTopic("short"),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 100 {
		if err := client.ProduceSync(ctx, &kgo.Record{Value: make([]byte, 1000)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	replica := func() int64 {
		request := kmsg.NewPtrListOffsetsRequest()
		request.ReplicaID = -1
		topic := kmsg.NewListOffsetsRequestTopic()
		topic.Topic = "short"
		partition := kmsg.NewListOffsetsRequestTopicPartition()
		partition.Timestamp = -2
		topic.Partitions = append(topic.Partitions, partition)
		request.Topics = append(request.Topics, topic)
		response, err := request.RequestWith(ctx, client)
		if err != nil {
			t.Fatal(err)
		}
		return response.Topics[0].Partitions[0].Offset
	}
	eventually(ctx, t, "the earliest offset has moved to the last segments", func() bool { return replica() >= 80 })
}

// TestStoppedNodeLeavesNothingBehind checks that a stop in order ends every goroutine and frees the port
// and the directory, and that the next start has nothing to replay.
func TestStoppedNodeLeavesNothingBehind(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	n := startNode(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for range 20 {
		if err := n.produce(ctx); err != nil {
			t.Fatal(err)
		}
	}
	n.client.Close()
	n.stop()
	kittest.NoLeaks(t, ignore)
	again := startNodeIn(t, n.dir)
	defer again.stop()
	again.acked = n.acked
	again.check(ctx)
}
