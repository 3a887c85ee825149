package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/memnet"
)

// saboteur makes an actor panic at its next message.
type saboteur struct {
	mu    sync.Mutex
	match func(path string) bool
	hit   chan string
}

func newSaboteur() *saboteur { return &saboteur{hit: make(chan string, 1)} }

// trace runs in the turns of all actors.
func (s *saboteur) trace(who kit.Address, message any) {
	switch message.(type) {
	case kit.Started, kit.Stopping, kit.Stopped, kit.Terminated, kit.ChildFailed:
		return
	}
	s.mu.Lock()
	armed := s.match != nil && s.match(who.ID())
	if armed {
		s.match = nil
	}
	s.mu.Unlock()
	if armed {
		s.hit <- who.ID()
		panic(fmt.Sprintf("sabotage at %T", message))
	}
}

func (s *saboteur) arm(match func(path string) bool) {
	s.mu.Lock()
	s.match = match
	s.mu.Unlock()
}

// node is a running broker with a client.
type node struct {
	t        *testing.T
	dir      string
	running  *Running
	saboteur *saboteur
	client   *kgo.Client
	acked    []bool // of every record that was sent: one that was not acked may be there or not
}

func startNode(t *testing.T) *node { return startNodeIn(t, t.TempDir()) }

func startNodeIn(t *testing.T, dir string) *node {
	settings := config.Default()
	settings.DataDir = dir
	settings.Bind.Kafka, settings.Advertise.Kafka, settings.Bind.Metrics = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	settings.Storage.ReserveBytes = 0
	settings.Log.RetentionCheckInterval = 20 * time.Millisecond
	settings.Groups.InitialRebalanceDelay = 0
	settings.Transactions.AbortCheckInterval = 20 * time.Millisecond
	settings.Groups.ConsumerHeartbeat = 50 * time.Millisecond
	n := &node{t: t, dir: dir, saboteur: newSaboteur()}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	running, err := Start(ctx, Options{Config: settings, Log: zerolog.Nop(), Trace: n.saboteur.trace})
	if err != nil {
		t.Fatal(err)
	}
	n.running = running
	// It tries again soon and for long: twenty times, as it would by itself, are over before a repair may be.
	n.client, err = kgo.NewClient(kgo.SeedBrokers(running.Addr()), kgo.AllowAutoTopicCreation(),
		kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }),
		kgo.RequestRetries(int(patience/(10*time.Millisecond))), kgo.UnknownTopicRetries(-1),
		kgo.MetadataMinAge(10*time.Millisecond), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.client.Close)
	return n
}

func (n *node) stop() {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := n.running.Stop(ctx); err != nil {
		n.t.Errorf("stop: %v", err)
	}
}

// produce writes one more record and notes whether it was acked.
func (n *node) produce(ctx context.Context) error {
	record := &kgo.Record{Topic: "orders", Value: fmt.Appendf(nil, "%d", len(n.acked))}
	err := n.client.ProduceSync(ctx, record).FirstErr()
	n.acked = append(n.acked, err == nil)
	return err
}

// check reads everything back: each acked record once, in order, and nothing twice.
func (n *node) check(ctx context.Context) {
	n.t.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(n.running.Addr()), kgo.ConsumeTopics("orders"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		n.t.Fatal(err)
	}
	defer reader.Close()
	for want := 0; want < len(n.acked); {
		fetches := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			n.t.Fatalf("got %d records, want %d", want, len(n.acked))
		}
		fetches.EachRecord(func(r *kgo.Record) {
			got, err := strconv.Atoi(string(r.Value))
			if err != nil || got < want {
				n.t.Fatalf("got record %s at offset %d, want %d or a later one", r.Value, r.Offset, want)
			}
			for ; want < got; want++ {
				if n.acked[want] {
					n.t.Fatalf("got record %d at offset %d, want %d, which was acked", got, r.Offset, want)
				}
			}
			want++
		})
	}
}

// TestEachPartIsRepaired crashes every kind of actor that must be repaired, one after the other, and finds
// the node serving afterwards with every acked record in its place.
func TestEachPartIsRepaired(t *testing.T) {
	n := startNode(t)
	defer n.stop()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := n.produce(ctx); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"broker/raft/group-orders-0", "broker/raft/group-orders-0/applier", "broker/raft/group-meta",
		"broker/raft/group-meta/applier", "broker/partitions/partition-orders-0", "broker/partitions",
		"broker/metadata", "broker/raft", "broker/listener-kafka", "broker/listener-kafka/conn-",
		"write-", "fetch-", "call-", "broker/storage/janitor",
	} {
		t.Run(part, func(t *testing.T) {
			n.t = t
			n.crash(ctx, part)
			for range 3 {
				if err := n.produce(ctx); err != nil {
					t.Fatalf("produce after the repair of %s: %v", part, err)
				}
			}
			n.check(ctx)
		})
	}
}

// crash arms the saboteur and makes every kind of request until the part has been hit.
func (n *node) crash(ctx context.Context, part string) {
	n.t.Helper()
	n.saboteur.arm(func(path string) bool {
		name := path[strings.LastIndexByte(path, '/')+1:]
		return path == part || (strings.HasSuffix(part, "-") &&
			(strings.HasPrefix(path, part) && name != "" && strings.Count(path, "/") == strings.Count(part, "/") ||
				strings.HasPrefix(name, part)))
	})
	for i := 0; ; i++ {
		select {
		case hit := <-n.saboteur.hit:
			n.t.Logf("crashed %s", hit)
			return
		default:
		}
		if ctx.Err() != nil {
			n.t.Fatalf("%s got no message to crash at", part)
		}
		n.disturb(ctx, i)
	}
}

// disturb makes one request of several kinds; whether it succeeds does not matter.
func (n *node) disturb(ctx context.Context, i int) {
	brief, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = n.produce(brief)
	if client, err := kgo.NewClient(kgo.SeedBrokers(n.running.Addr()), kgo.AllowAutoTopicCreation(),
		kgo.ConsumeTopics("orders")); err == nil {
		soon, cancel := context.WithTimeout(brief, 50*time.Millisecond)
		client.PollFetches(soon)
		client.ProduceSync(soon, &kgo.Record{Topic: fmt.Sprintf("other-%d", i)})
		cancel()
		client.Close()
	}
	n.checkpoint()
}

// checkpoint gives the janitor something to do.
func (n *node) checkpoint() {
	n.running.broker.Child(nameStorage).Child("janitor").Tell("anything")
}

// TestHTTPListenerIsRepaired crashes the admin actor, which gets no messages from clients.
func TestHTTPListenerIsRepaired(t *testing.T) {
	n := startNode(t)
	defer n.stop()
	admin := n.running.broker.Child(nameAdmin)
	n.saboteur.arm(func(path string) bool { return path == "broker/admin" })
	admin.Tell("anything")
	<-n.saboteur.hit
	deadline := time.Now().Add(patience)
	for {
		response, err := http.Get("http://" + n.running.AdminAddr() + "/readyz")
		if err == nil {
			_ = response.Body.Close() // nothing was read
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %v, want the HTTP listener back", err)
		}
	}
}

// refusing is a network that lets an address be listened on so many times.
type refusing struct {
	*memnet.Network
	address string
	left    atomic.Int32
	asked   chan struct{} // gets one for each time
}

func (n *refusing) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	if address != n.address {
		return n.Network.Listen(ctx, network, address)
	}
	n.asked <- struct{}{}
	if n.left.Add(-1) < 0 {
		return nil, errors.New("somebody else has it")
	}
	return n.Network.Listen(ctx, network, address)
}

// TestNodeThatPeersCannotReachAnyMoreStops crashes the host of the groups twice: the server for peers is built
// again with it, once where it was, and then where it cannot be. The node has to hear of that from each host.
func TestNodeThatPeersCannotReachAnyMoreStops(t *testing.T) {
	network := &refusing{Network: memnet.New(), address: "node:5001", asked: make(chan struct{}, 100)}
	network.left.Store(2)
	s := newSaboteur()
	running := embedded(t, t.TempDir(), network.Network, "node", func(o *Options) {
		o.Network, o.Trace = network, s.trace
		o.Config.Bind.Raft, o.Config.Advertise.Raft = network.address, network.address
		o.Config.Peers = []config.Peer{{ID: o.Config.NodeID, Kafka: "node:9092", Raft: network.address}}
	})
	for range 2 {
		<-network.asked // the host before has begun to listen
		s.arm(func(path string) bool { return path == "broker/raft" })
		running.broker.Child(nameRaft).Tell("anything")
		<-s.hit
	}
	select {
	case err := <-running.Done():
		if err == nil || !strings.Contains(err.Error(), "listen for peers on node:5001") {
			t.Errorf("got %v, want that nobody listens for peers", err)
		}
	case <-time.After(patience):
		t.Error("the node goes on though no peer can reach it")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = running.Stop(ctx) // it has failed
}

// TestBrokenLogStopsTheNode crashes the write-ahead log, which is never rebuilt.
func TestBrokenLogStopsTheNode(t *testing.T) {
	n := startNode(t)
	n.saboteur.arm(func(path string) bool { return path == "broker/storage/wal" })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() { _ = n.produce(ctx) }()
	select {
	case err := <-n.running.Done():
		t.Logf("node stops: %v", err)
	case <-time.After(patience):
		t.Fatal("the node goes on without its log")
	}
	stop, done := context.WithTimeout(context.Background(), patience)
	defer done()
	if err := n.running.Stop(stop); err == nil {
		t.Error("got a stop in order, want the reason of the failure")
	}
}
