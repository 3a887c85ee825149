package chaos

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/memnet"
	"github.com/chronik-go/chronik/storage/vfs"
)

// patience bounds each step of the test. A node that is repaired needs a hundredth of it.
const patience = 60 * time.Second

// world is a cluster in this process, on a network and on disks of its own.
type world struct {
	t       *testing.T
	network *memnet.Network
	nodes   []*node
	kinds   *kinds
	hits    chan hit // faults that have struck
}

// hit is a fault that has struck, in the turn of the actor that it makes panic.
type hit struct {
	kit.Struck
	node *node
	at   time.Time
	end  <-chan struct{} // closed when the actor has stopped
}

// node is one of them, over all its lives.
type node struct {
	world  *world
	id     int32
	config config.Config
	fs     *vfs.Mem
	faults *kit.Faults
	log    zerolog.Logger

	mu      sync.Mutex
	running *broker.Running // nil while it is down
	live    *live           // of this life
	budgets *budgets        // of this life
	quit    chan struct{}   // closed when this life is being ended from outside
	failed  chan struct{}   // closed when the node has to stop by itself
	reason  error           // why
	whole   map[string]bool // actors that have to be there
}

func newWorld(t *testing.T, size int) *world {
	w := newWorldOf(t, size)
	var started sync.WaitGroup
	for _, n := range w.nodes {
		started.Go(n.start)
	}
	started.Wait()
	return w
}

// newWorldOf returns the same with nodes that are not started.
func newWorldOf(t *testing.T, size int) *world {
	w := &world{t: t, network: memnet.New(), kinds: newKinds(), hits: make(chan hit, 100)}
	var peers []config.Peer
	for id := int32(1); int(id) <= size; id++ {
		host := fmt.Sprintf("broker-%d", id)
		peers = append(peers, config.Peer{ID: id, Kafka: host + ":9092", Raft: host + ":5001"})
	}
	for _, peer := range peers {
		n := &node{world: w, id: peer.ID, fs: vfs.NewMem(), faults: new(kit.Faults)}
		n.faults.OnStruck = n.onStruck
		n.config, n.log = settings(peer, peers), zerolog.Nop()
		if os.Getenv("CHRONIK_CHAOS_LOG") != "" {
			n.log = w.logger(n.id)
		}
		w.nodes = append(w.nodes, n)
	}
	t.Cleanup(func() {
		for _, n := range w.nodes {
			n.faults.Clear()
			n.stop()
		}
	})
	return w
}

// logger tells what a node does, under the name of the test, since several clusters write side by side.
func (w *world) logger(id int32) zerolog.Logger {
	stamp := zerolog.HookFunc(func(e *zerolog.Event, _ zerolog.Level, _ string) {
		e.Str("at", time.Now().Format(clock))
	})
	return zerolog.New(os.Stderr).Level(zerolog.WarnLevel).Hook(stamp).With().Str("test", w.t.Name()).
		Int32("node", id).Logger()
}

// clock is how times are written, of a log and of what is wrong: one can be found by the other.
const clock = "15:04:05.000"

func settings(self config.Peer, peers []config.Peer) config.Config {
	c := config.Default()
	c.DataDir, c.NodeID = "data", self.ID
	host, _, _ := net.SplitHostPort(self.Kafka)
	c.Bind.Kafka, c.Advertise.Kafka, c.Bind.Metrics = self.Kafka, self.Kafka, host+":10000"
	c.ReplicationFactor, c.MinInsyncReplicas, c.Groups.OffsetsReplication = 0, 0, 0
	c.Transactions.StateReplication = 0
	if len(peers) > 1 {
		c.Peers, c.Bind.Raft = peers, self.Raft
	}
	c.Topics.Partitions, c.Groups.OffsetsPartitions, c.Transactions.StatePartitions = partitions, 2, 2
	c.Storage.ReserveBytes, c.Storage.WALFileBytes, c.Storage.CheckpointBytes = 0, 2<<20, 4<<20
	c.Log.SegmentBytes, c.Log.RetentionCheckInterval = 1<<20, 200*time.Millisecond
	c.Log.CompactionCheckInterval = 100 * time.Millisecond
	c.Transactions.AbortCheckInterval = 200 * time.Millisecond
	c.Groups.InitialRebalanceDelay, c.Groups.MinSessionTime = 0, 100*time.Millisecond
	c.Limits.PeerSilence = 3 * time.Second // the machine may be busy
	c.Limits.HoldTime = 10 * time.Second
	return c
}

// start begins a life of the node, which has to come up.
func (n *node) start() {
	if err := n.tryStart(); err != nil {
		n.world.t.Errorf("start node %d: %v", n.id, err)
	}
}

// tryStart begins a life of the node that may end before it has come up.
func (n *node) tryStart() error {
	c := n.config
	if _, err := c.Complete(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	life := newLive()
	n.mu.Lock()
	n.live, n.budgets, n.reason = life, newBudgets(), nil
	n.mu.Unlock()
	running, err := broker.Start(ctx, broker.Options{
		Config: c, Log: n.log, FS: n.fs, Network: n.world.network, Faults: n.faults,
		Trace: func(who kit.Address, message any) {
			path := who.ID()
			life.note(path, message)
			n.world.kinds.note(path, message)
		},
	})
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.running, n.quit, n.failed = running, make(chan struct{}), make(chan struct{})
	go n.watch(running, life, n.quit, n.failed)
	return nil
}

// watch notes that a node has to stop by itself.
func (n *node) watch(running *broker.Running, life *live, quit, failed chan struct{}) {
	select {
	case err := <-running.Done():
		n.mu.Lock()
		n.reason = err
		n.mu.Unlock()
		close(failed)
		life.poke()
	case <-quit:
	}
}

// onStruck runs in the turn of the actor that is about to panic.
func (n *node) onStruck(s kit.Struck) {
	select {
	case n.world.hits <- hit{Struck: s, node: n, at: time.Now(), end: n.alive().end(s.Actor)}:
	default: // one of a burst that nobody waits for
	}
}

// stop ends a life, in order if that is possible: a node whose log has failed has stopped by itself.
func (n *node) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, broken := n.over()
	life := n.alive()
	slow := time.AfterFunc(patience/3, func() {
		n.world.t.Logf("node %d has not stopped after %v; there are still %v",
			n.id, patience/3, slices.Sorted(maps.Keys(life.all())))
	})
	defer slow.Stop()
	if err := n.end(ctx); err != nil && !broken {
		n.world.t.Errorf("stop node %d: %v", n.id, err)
	}
}

// abandon ends a life in order if that is possible, whatever it says at the end.
func (n *node) abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = n.end(ctx) // a part of it may be about to fail
}

// cut ends a life without notice.
func (n *node) cut() {
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	_ = n.end(ctx) // it is over before it has begun
}

func (n *node) end(ctx context.Context) error {
	n.mu.Lock()
	running := n.running
	n.running = nil
	n.mu.Unlock()
	if running == nil {
		return nil
	}
	close(n.quit)
	return running.Stop(ctx)
}

// current returns the life that runs, nil if there is none.
func (n *node) current() *broker.Running {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.running
}

// alive returns the tree of the life that runs, or of the last one.
func (n *node) alive() *live {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.live
}

// over tells whether the node had to stop by itself.
func (n *node) over() (error, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running == nil {
		return nil, false
	}
	select {
	case <-n.failed:
		return n.reason, true
	default:
		return nil, false
	}
}

// crash makes an actor panic at a message that nobody else sends it.
func (n *node) crash(path string) {
	running := n.current()
	id, err := n.faults.Add(kit.Fault{Path: path, Message: "*.poke"})
	if err != nil {
		n.world.t.Fatal(err)
	}
	defer n.faults.Remove(id)
	end := n.alive().end(path)
	address := running.Broker()
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "broker/"), "/") {
		address = address.Child(part)
	}
	address.Tell(poke{})
	select {
	case <-end:
	case <-time.After(patience):
		n.world.t.Errorf("%s of node %d cannot be crashed", path, n.id)
	}
	n.budgets.spend(path, time.Now())
}

// poke is a message that nobody handles.
type poke struct{}

// client returns a client that asks again soon, also over a connection that ended before it answered
// anything.
func (w *world) client(options ...kgo.Opt) *kgo.Client {
	var seeds []string
	for _, n := range w.nodes {
		seeds = append(seeds, n.config.Bind.Kafka)
	}
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(seeds...), kgo.Dialer(w.network.DialContext), kgo.ProducerLinger(0),
		kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }),
		kgo.MetadataMinAge(10 * time.Millisecond), kgo.FetchMaxWait(200 * time.Millisecond), kgo.AlwaysRetryEOF(),
	}, options...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// httpClient speaks to the HTTP listeners of the nodes.
func (w *world) httpClient() *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: w.network.DialContext}}
}
