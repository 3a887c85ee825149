package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/cluster/load"
	"github.com/chronik-go/chronik/tests/cluster/wire"
)

// What the nodes warn of when another one goes or cannot be reached.
const linkLost = `^(link is down|cannot connect to peer)$`

// What a node warns of whose controller went while it asked it for something.
const controllerLost = `^(no producer ids allocated|broker is not a member of the cluster yet)$`

// What a node says whose disk takes a second or more to sync, as that of a machine which shares it does now and
// then, or that was frozen meanwhile, which it cannot tell from it.
const (
	slowDisk = `^(write-ahead log waits for the disk|disk answers again)`
	slowSync = `"actor":"broker/storage/wal","holding":"walactor.Append".*"actor holds a message"`
)

// What a node warns of whose disk makes an actor wait that works on it, or that the test holds up.
const heldUp = `^actor holds a message$`

// What both sides log when a node is refused.
const refused = `^(refused a peer|peer does not fit)$`

const topic = "orders"

// beside lets a test run beside another one that measures no times either, after those that do. At full length
// each has the machine to itself.
func beside(t *testing.T) {
	if !full {
		t.Parallel()
	}
}

// newCluster prepares three nodes.
func newCluster(t *testing.T, options lab.Options) *lab.Cluster {
	t.Helper()
	options.Binary = server
	if options.Nodes == 0 {
		options.Nodes = 3
	}
	if testing.Short() && !full {
		// Beside other tests a node does not get the processor for half a second now and then.
		options.Warnings = append(options.Warnings, linkLost, controllerLost)
	}
	options.Warnings, options.Lines = append(options.Warnings, slowDisk), append(options.Lines, slowSync)
	// The disk is not what is tested, and machines that build are short of it.
	options.Env = append(options.Env, "CHRONIK_STORAGE_RESERVE_BYTES=0", "CHRONIK_TOPICS_AUTO_CREATE=false")
	return lab.New(t, options)
}

// running starts three nodes with a topic whose replicas are in sync.
func running(t *testing.T, options lab.Options, partitions int32) *lab.Cluster {
	t.Helper()
	c := newCluster(t, options)
	c.StartAll()
	c.Create(topic, partitions, 3)
	c.AwaitInSync(lab.Patience, topic)
	return c
}

// broken is a network for three nodes, or skips the test.
func broken(t *testing.T) *wire.Network {
	t.Helper()
	network, err := wire.New(3)
	if err != nil {
		t.Skipf("no network namespaces here: %v (it takes root and /dev/net/tun)", err)
	}
	t.Cleanup(network.Close)
	return network
}

// seeded returns random numbers, and prints what repeats them.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// options of a load on the topic, with one producer for each node.
func options(c *lab.Cluster, partitions int32, rate, bytes int) load.Options {
	return load.Options{
		Topic: topic, Partitions: partitions, Seeds: c.Seeds(), Impatient: c.Impatient, Rate: rate, Bytes: bytes,
	}
}

func startLoad(t *testing.T, o load.Options) *load.Load {
	t.Helper()
	l, err := load.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// finish stops the loads and checks that every acknowledged record is there once and in order, read through
// each node, and that all replicas hold the same bytes. What is wrong fails the test and is returned.
func finish(t *testing.T, c *lab.Cluster, loads ...*load.Load) error {
	t.Helper()
	err := verify(t, c, loads...)
	if err != nil {
		t.Error(err)
	}
	return err
}

func verify(t *testing.T, c *lab.Cluster, loads ...*load.Load) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*lab.Patience)
	defer cancel()
	for _, l := range loads {
		if err := l.Stop(ctx); err != nil {
			return fmt.Errorf("producers must see no error: %w", err)
		}
	}
	for _, n := range c.Running() {
		if err := load.Verify(ctx, n.Kafka, loads...); err != nil {
			return fmt.Errorf("read through node %d: %w", n.ID, err)
		}
	}
	view := c.AwaitInSync(lab.Patience, topic)
	return lab.Poll(ctx, lab.Patience, func(ctx context.Context) error {
		return c.SameReplicas(ctx, topic, view[topic])
	})
}

// outcome is how a line of the table says what finish returned.
func outcome(err error, l *load.Load) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("0 of %d", l.Acked())
}

// sameLeaders says where leaders or their epochs changed between two views.
func sameLeaders(before, after []lab.Partition) error {
	var changes []string
	for p := range before {
		if before[p].Leader != after[p].Leader || before[p].Epoch != after[p].Epoch {
			changes = append(changes, fmt.Sprintf("partition %d: leader %d at epoch %d became %d at %d",
				p, before[p].Leader, before[p].Epoch, after[p].Leader, after[p].Epoch))
		}
	}
	if len(changes) > 0 {
		return errors.New(strings.Join(changes, "; "))
	}
	return nil
}
