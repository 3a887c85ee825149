package arch

import (
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/tests/node"
)

// TestLiveTreeIsTheOneInTheDrawing starts a cluster of three nodes, gives it work of every sort, and compares
// the kinds of the actors that live in it, parent by parent, with the drawing in actors/doc.go.
func TestLiveTreeIsTheOneInTheDrawing(t *testing.T) {
	drawn, seen := drawnTree(t), &kinds{paths: map[string]bool{}}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	seeds := startNodes(ctx, t, seen)
	work(ctx, t, seeds, func() bool { return seen.count() >= len(drawn) })
	alive := seen.all()
	for path := range drawn {
		if !alive[path] {
			t.Errorf("actors/doc.go draws %s, but no such actor was alive", path)
		}
	}
	for path := range alive {
		if !drawn[path] {
			t.Errorf("%s is alive, but actors/doc.go does not draw it", path)
		}
	}
}

// kinds are the paths of kinds of actors that have handled a message, such as broker/raft/group/applier. Actors
// of requests live for microseconds, so they are noted when they act and not looked for.
type kinds struct {
	mu    sync.Mutex
	paths map[string]bool
}

func (k *kinds) note(who kit.Address, _ any) {
	parts := strings.Split(who.ID(), "/")
	for i, part := range parts {
		parts[i] = kindOf(part)
	}
	if parts[0] != "broker" {
		return // the question of a test is an actor of its own
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.paths[strings.Join(parts, "/")] = true
}

func (k *kinds) all() map[string]bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.paths)
}

func (k *kinds) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.paths)
}

// drawnTree reads the drawing: the paths of kinds, such as broker/raft/group/applier.
func drawnTree(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../actors/doc.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	var above []string
	for line := range strings.Lines(file.Doc.Text()) {
		depth, name, ok := drawnLine(strings.TrimPrefix(line, "\t"))
		if !ok {
			continue
		}
		above = append(above[:min(depth, len(above))], kindOf(name))
		paths[strings.Join(above, "/")] = true
	}
	if len(paths) < 5 {
		t.Fatalf("got %d actors out of the drawing, want a whole tree: %v", len(paths), paths)
	}
	return paths
}

// drawnLine reads one line of the drawing: three columns for each level, then the name.
func drawnLine(line string) (depth int, name string, ok bool) {
	runes := []rune(line)
	at := slices.IndexFunc(runes, func(r rune) bool { return r >= 'a' && r <= 'z' })
	if at < 0 || at%3 != 0 {
		return 0, "", false
	}
	for _, r := range runes[:at] {
		if !strings.ContainsRune("│├└─ ", r) {
			return 0, "", false
		}
	}
	branch := at >= 3 && (runes[at-3] == '├' || runes[at-3] == '└')
	name, _, _ = strings.Cut(string(runes[at:]), " ")
	return at / 3, name, branch || name == "broker"
}

func kindOf(name string) string {
	kind, _, _ := strings.Cut(name, "-")
	return kind
}

// startNodes starts three nodes; the last one comes when the others have a cluster, so it fetches what it
// has missed. It returns their Kafka addresses.
func startNodes(ctx context.Context, t *testing.T, seen *kinds) (seeds []string) {
	t.Helper()
	peers := make([]config.Peer, 3)
	for i := range peers {
		kafka, err := node.FreeAddress()
		if err != nil {
			t.Fatal(err)
		}
		raft, err := node.FreeAddress()
		if err != nil {
			t.Fatal(err)
		}
		peers[i] = config.Peer{ID: int32(i + 1), Kafka: kafka, Raft: raft}
		seeds = append(seeds, kafka)
	}
	var first sync.WaitGroup
	for _, peer := range peers[:2] {
		first.Go(func() { startNode(ctx, t, seen, peers, peer) })
	}
	first.Wait()
	startNode(ctx, t, seen, peers, peers[2])
	return seeds
}

func startNode(ctx context.Context, t *testing.T, seen *kinds, peers []config.Peer, self config.Peer) {
	settings := config.Default()
	settings.DataDir = filepath.Join(t.TempDir(), "data")
	settings.NodeID, settings.Peers = self.ID, peers
	settings.Bind.Kafka, settings.Bind.Raft, settings.Bind.Metrics = self.Kafka, self.Raft, "127.0.0.1:0"
	settings.Storage.ReserveBytes = 0
	settings.Limits.PeerSilence = 10 * time.Second // the machine may be busy with other tests
	running, err := broker.Start(ctx, broker.Options{
		Config: complete(t, settings), Log: zerolog.New(os.Stderr).Level(zerolog.WarnLevel), Trace: seen.note,
	})
	if err != nil {
		t.Errorf("start node %d: %v", self.ID, err)
		return
	}
	embed(ctx, running)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := running.Stop(ctx); err != nil {
			t.Errorf("stop node %d: %v", self.ID, err)
		}
	})
}

func complete(t *testing.T, settings config.Config) config.Config {
	if _, err := settings.Complete(); err != nil {
		t.Errorf("configuration: %v", err)
	}
	return settings
}

// work keeps the nodes busy with requests that have actors of their own, until enough says so.
func work(ctx context.Context, t *testing.T, seeds []string, enough func() bool) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.AllowAutoTopicCreation(),
		kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("readers"), kgo.FetchMaxWait(time.Second), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	polling := make(chan struct{})
	go func() {
		defer close(polling)
		for ctx.Err() == nil {
			if fetches := client.PollFetches(ctx); fetches.IsClientClosed() {
				return
			}
		}
	}()
	transact(ctx, t, client)
	for i := 0; !enough() && ctx.Err() == nil; i++ {
		topic := "orders"
		if i%50 == 1 {
			topic = fmt.Sprintf("orders-%d", i)
		}
		client.Produce(ctx, &kgo.Record{Topic: topic, Value: []byte("one")}, nil)
	}
	client.Close()
	<-polling
}

// transact begins a transaction in a topic and aborts it, so that a broker has to tell another one, or itself.
func transact(ctx context.Context, t *testing.T, client *kgo.Client) {
	t.Helper()
	client.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("one")}) // makes the topic
	init := kmsg.NewPtrInitProducerIDRequest()
	init.TransactionalID, init.TransactionTimeoutMillis = kmsg.StringPtr("writers"), 60_000
	init.ProducerID, init.ProducerEpoch = -1, -1
	producer, err := init.RequestWith(ctx, client)
	if err != nil || producer.ErrorCode != 0 {
		t.Fatalf("got %+v, %v for a producer with a transactional id", producer, err)
	}
	add := kmsg.NewPtrAddPartitionsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch = "writers", producer.ProducerID, producer.ProducerEpoch
	topic := kmsg.NewAddPartitionsToTxnRequestTopic()
	topic.Topic, topic.Partitions = "orders", []int32{0}
	add.Topics = append(add.Topics, topic)
	if added, err := add.RequestWith(ctx, client); err != nil || added.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("got %+v, %v for a partition of a transaction", added, err)
	}
	end := kmsg.NewPtrEndTxnRequest()
	end.TransactionalID, end.ProducerID, end.ProducerEpoch = "writers", producer.ProducerID, producer.ProducerEpoch
	if ended, err := end.RequestWith(ctx, client); err != nil || ended.ErrorCode != 0 {
		t.Fatalf("got %+v, %v for the end of a transaction", ended, err)
	}
}
