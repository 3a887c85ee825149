package chaos

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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
}

// node is one of them, over all its lives.
type node struct {
	world  *world
	id     int32
	config config.Config
	fs     *vfs.Mem
	faults *kit.Faults
	struck chan kit.Struck
	log    zerolog.Logger

	mu      sync.Mutex
	running *broker.Running // nil while it is down
	metrics *prometheus.Registry
	whole   map[string]bool // actors that have to be there
	crashes int             // since it was started
	broken  bool            // it had to stop by itself
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
	w := &world{t: t, network: memnet.New(), kinds: newKinds()}
	var peers []config.Peer
	for id := int32(1); int(id) <= size; id++ {
		host := fmt.Sprintf("broker-%d", id)
		peers = append(peers, config.Peer{ID: id, Kafka: host + ":9092", Raft: host + ":5001"})
	}
	for _, peer := range peers {
		n := &node{world: w, id: peer.ID, fs: vfs.NewMem(), faults: new(kit.Faults), struck: make(chan kit.Struck, 100)}
		n.faults.OnStruck = func(s kit.Struck) {
			select {
			case n.struck <- s:
			default: // a burst that nobody waits for
			}
		}
		n.config, n.log = settings(peer, peers), zerolog.Nop()
		if os.Getenv("CHRONIK_CHAOS_LOG") != "" {
			n.log = zerolog.New(os.Stderr).Level(zerolog.WarnLevel).With().Int32("node", n.id).Timestamp().Logger()
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

// start begins a life of the node.
func (n *node) start() {
	c := n.config
	if _, err := c.Complete(); err != nil {
		n.world.t.Errorf("configuration: %v", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	metrics := prometheus.NewRegistry()
	running, err := broker.Start(ctx, broker.Options{
		Registry: metrics, Config: c, Log: n.log, FS: n.fs, Network: n.world.network, Faults: n.faults, Trace: n.world.kinds.note,
	})
	if err != nil {
		n.world.t.Errorf("start node %d: %v", n.id, err)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.running, n.metrics, n.crashes, n.broken = running, metrics, 0, false
}

// failures counts the actors that have panicked in this life.
func (n *node) failures() (count float64) {
	n.mu.Lock()
	metrics := n.metrics
	n.mu.Unlock()
	families, err := metrics.Gather()
	if err != nil {
		n.world.t.Errorf("metrics of node %d: %v", n.id, err)
	}
	for _, family := range families {
		if family.GetName() != "chronik_actor_failures_total" {
			continue
		}
		for _, one := range family.GetMetric() {
			count += one.GetCounter().GetValue()
		}
	}
	return count
}

// stop ends a life, in order if that is possible: a node whose log has failed has stopped by itself.
func (n *node) stop() {
	running := n.current()
	if running == nil {
		return
	}
	n.mu.Lock()
	n.running = nil
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := running.Stop(ctx); err != nil && !n.broken {
		n.world.t.Errorf("stop node %d: %v", n.id, err)
	}
}

// current returns the life that runs, nil if there is none.
func (n *node) current() *broker.Running {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.running
}

// over tells whether the node had to stop by itself.
func (n *node) over() (error, bool) {
	running := n.current()
	if running == nil {
		return nil, false
	}
	select {
	case err := <-running.Done():
		n.broken = true
		return err, true
	default:
		return nil, false
	}
}

// client returns a client that asks again soon, also over a connection that ended before it answered anything.
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
