package cluster

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/tests/cluster/lab"
)

const moved = 50 // partitions

// What a node logs that was removed from its cluster.
const removed = `^(the node stops serving|chronik had to stop)$`

func TestNodeAddedPartitionsMovedNodeRemoved(t *testing.T) {
	beside(t)
	c := newCluster(t, lab.Options{Spare: 1, Warnings: []string{linkLost, controllerLost, removed}})
	c.StartAll()
	c.Create(topic, moved, 3)
	c.AwaitInSync(lab.Patience, topic)
	l := startLoad(t, options(c, moved, loadRate, loadBytes))
	awaitServed(c, l, l.Partitions(), l.Now())
	client, added := c.Client(c.Node(1)), c.Node(4)

	command(t, c.Node(1), "cluster", "add-node", "4", "--kafka", added.Kafka, "--wal", added.Raft, "--raft", added.Raft)
	added.Start()
	awaitBrokers(c, 4)
	command(t, c.Node(2), "cluster", "rebalance")
	awaitMoved(c, client)
	spread := awaitBalance(c, 4)
	row(t, "node added under load and rebalanced: replicas and leaders of each node", "even", true, "%s", spread)

	target := make(map[int32][]int32)
	for p := range int32(moved) {
		target[p] = []int32{p%4 + 1, (p+1)%4 + 1, (p+2)%4 + 1}
	}
	moveEverything(t, c, client, target)
	view := c.AwaitInSync(lab.Patience, topic)
	for p, partition := range view[topic] {
		if !slices.Equal(partition.Replicas, target[int32(p)]) {
			t.Errorf("partition %d lives on %d, want %d", p, partition.Replicas, target[int32(p)])
		}
	}
	row(t, fmt.Sprintf("%d partitions reassigned under load", moved), "no error, no loss", !t.Failed(), "no error")

	command(t, c.Node(3), "cluster", "remove-node", "4")
	awaitMoved(c, client)
	awaitBrokers(c, 3)
	added.AwaitEnd() // a node that was removed stops by itself
	spread = awaitBalance(c, 3)
	lost := finish(t, c, l)
	row(t, "node removed under load: replicas and leaders of each node", "even", true, "%s", spread)
	row(t, "node added, partitions reassigned, node removed: errors of producers and records lost", "0", lost == nil,
		"%s", outcome(lost, l))
}

// moveEverything reassigns all partitions, cancels some on their way and asks for them again. In the full
// form the controller is killed in between.
func moveEverything(t *testing.T, c *lab.Cluster, client *kgo.Client, target map[int32][]int32) {
	t.Helper()
	if err := c.Reassign(client, topic, target); err != nil {
		t.Fatal(err)
	}
	if full {
		controller := c.Node(c.AwaitQuorum().Leader)
		controller.Kill()
		controller.Start()
	}
	under, err := c.Reassigning(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	canceled, again := make(map[int32][]int32), make(map[int32][]int32)
	for _, p := range under[topic] {
		if p%5 == 0 {
			canceled[p], again[p] = nil, target[p]
		}
	}
	if len(canceled) > 0 {
		// One that has arrived meanwhile cannot be canceled any more, which is no failure.
		t.Logf("%d reassignments under way, %d canceled: %v", len(under[topic]), len(canceled), c.Reassign(client, topic, canceled))
		if err := c.Reassign(client, topic, again); err != nil {
			t.Fatal(err)
		}
	}
	awaitMoved(c, client)
}

func command(t *testing.T, n *lab.Node, arguments ...string) {
	t.Helper()
	output, err := n.Command(arguments...)
	t.Logf("%v\n%s", arguments, output)
	if err != nil {
		t.Fatal(err)
	}
}

func awaitMoved(c *lab.Cluster, client *kgo.Client) {
	c.Until(4*lab.Patience, "no reassignment under way", func(ctx context.Context) error {
		under, err := c.Reassigning(ctx, client)
		if err == nil && len(under) > 0 {
			err = fmt.Errorf("%d partitions are under way", len(under[topic]))
		}
		return err
	})
}

// awaitBrokers returns when all running members tell clients of that many brokers.
func awaitBrokers(c *lab.Cluster, count int) {
	c.Until(lab.Patience, fmt.Sprintf("%d brokers", count), func(ctx context.Context) error {
		for _, n := range c.Members() {
			answer, err := n.Ask(ctx, kmsg.NewPtrMetadataRequest())
			if err != nil {
				return err
			}
			if got := len(answer.(*kmsg.MetadataResponse).Brokers); got != count {
				return fmt.Errorf("node %d knows %d", n.ID, got)
			}
		}
		return nil
	})
}

// uneven is how many replicas or leaders one node may have more than another.
const uneven = 2

// awaitBalance returns when replicas and leaders are spread evenly over the first nodes, with a description.
func awaitBalance(c *lab.Cluster, nodes int) string {
	var spread string
	c.Until(2*lab.Patience, "balance", func(ctx context.Context) error {
		view, err := c.Node(1).View(ctx, topic)
		if err != nil {
			return err
		}
		replicas, leaders := make([]int, nodes), make([]int, nodes)
		for p, partition := range view[topic] {
			for _, id := range append(slices.Clone(partition.Replicas), partition.Leader) {
				if id < 1 || int(id) > nodes {
					return fmt.Errorf("partition %d: leader %d, replicas %d", p, partition.Leader, partition.Replicas)
				}
			}
			for _, id := range partition.Replicas {
				replicas[id-1]++
			}
			leaders[partition.Leader-1]++
		}
		spread = fmt.Sprintf("replicas %d, leaders %d", replicas, leaders)
		if slices.Max(replicas)-slices.Min(replicas) > uneven || slices.Max(leaders)-slices.Min(leaders) > uneven {
			return fmt.Errorf("uneven: %s", spread)
		}
		return nil
	})
	return spread
}

func TestStatusTellsWhatIsWrong(t *testing.T) {
	c := running(t, lab.Options{Warnings: []string{linkLost, controllerLost}}, loadPartitions)
	for _, n := range c.Members() {
		if output, err := n.Command("cluster", "status"); err != nil {
			t.Errorf("node %d: %v\n%s", n.ID, err, output)
		}
	}
	c.Node(2).Kill()
	c.Until(lab.Patience, "status fails while a node is down", func(context.Context) error {
		if output, err := c.Node(1).Command("cluster", "status"); err == nil {
			return fmt.Errorf("it says that all is well:\n%s", output)
		}
		return nil
	})
	c.Node(2).Start()
	c.AwaitInSync(lab.Patience, topic)
	c.Until(lab.Patience, "status is well again", func(context.Context) error {
		output, err := c.Node(1).Command("cluster", "status")
		if err != nil {
			return fmt.Errorf("%w\n%s", err, output)
		}
		return nil
	})
}
