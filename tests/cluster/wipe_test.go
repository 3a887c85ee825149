package cluster

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/cluster/load"
)

// bulk holds what a wiped node has to copy.
const bulk, bulkPartitions = "bulk", 8

func TestNodeWiped(t *testing.T) {
	random := seeded(t)
	c := running(t, lab.Options{Warnings: []string{linkLost, controllerLost}}, loadPartitions)
	c.Create(bulk, bulkPartitions, 3)
	c.AwaitInSync(lab.Patience, bulk)
	size := form[int64](384<<20, 2<<30)
	o := options(c, bulkPartitions, 0, 0)
	o.Topic = bulk
	if err := load.Fill(t.Context(), o, size); err != nil {
		t.Fatal(err)
	}
	c.AwaitInSync(lab.Patience, bulk)

	const rate, bytes = 2000, 5000 // 10 MB/s
	l := startLoad(t, options(c, loadPartitions, rate, bytes))
	awaitServed(c, l, l.Partitions(), l.Now())
	well := watch(t, l, form(4*time.Second, 20*time.Second))
	node := c.Node(random.Int32N(3) + 1)
	node.Kill()
	node.Wipe()
	awaitServed(c, l, l.Partitions(), l.Now()) // the failover is another line of the table
	from := l.Now()
	node.Start()
	view := c.AwaitInSync(10*time.Minute, bulk, topic)
	copying := load.Window{From: from, To: l.Now()}
	held := bytesOf(t, node, bulk, view) + bytesOf(t, node, topic, view)
	perSecond := float64(held) / (copying.To - copying.From).Seconds()
	share := throughput(l, copying) / throughput(l, well)
	finish(t, c, l)
	if err := c.SameReplicas(t.Context(), bulk, view[bulk]); err != nil {
		t.Error(err)
	}
	what := fmt.Sprintf("node wiped and restarted with %d MiB", size>>20)
	row(t, what+": full again", "≥ 100 MB/s", perSecond >= 100e6,
		"%.0f MB/s (%s from its start)", perSecond/1e6, show(copying.To-copying.From))
	row(t, what+": throughput of producers meanwhile", "≥ 80 %", share >= 0.8, "%.0f %%", 100*share)
}

// throughput is what producers got through in a window, in bytes a second.
func throughput(l *load.Load, w load.Window) float64 {
	return float64(l.Summarize(w).Bytes) / (w.To - w.From).Seconds()
}

// bytesOf is the size of a topic's segments on a node.
func bytesOf(t *testing.T, n *lab.Node, name string, view lab.View) (size int64) {
	t.Helper()
	for p := range view[name] {
		files, err := n.Segments(fmt.Sprintf("%s-%d", name, p))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			size += info.Size()
		}
	}
	return size
}

// TestWipedNodeDoesNotVote leaves two nodes that do not know the last acknowledged records: one missed them,
// and one had them and lost its disk. Together they are two of three, and must not go on without the third.
func TestWipedNodeDoesNotVote(t *testing.T) {
	beside(t)
	c := running(t, lab.Options{Warnings: []string{linkLost, controllerLost}}, loadPartitions)
	wiped, stale, keeper := c.Node(1), c.Node(2), c.Node(3)
	l := startLoad(t, options(c, loadPartitions, loadRate, loadBytes))
	lab.Pass(t.Context(), lead)
	stale.Kill()
	awaitServed(c, l, l.Partitions(), l.Now())
	lab.Pass(t.Context(), lead) // records that the stale node has never seen
	wiped.Kill()
	keeper.Kill()
	wiped.Wipe()
	stale.Launch()
	wiped.Launch()
	before := l.Acked()
	lab.Pass(t.Context(), form(3*time.Second, 20*time.Second))
	if after := l.Acked(); after != before {
		t.Errorf("a wiped node and a stale one acknowledged %d records", after-before)
	}
	leaders := 0
	for _, n := range []*lab.Node{wiped, stale} {
		if leader := leaderSeenBy(t, n); leader != "" {
			leaders++
			t.Errorf("without the node that remembers: %s", leader)
		}
	}
	keeper.Launch()
	for _, n := range c.Members() {
		n.AwaitReady()
	}
	awaitServed(c, l, l.Partitions(), l.Now())
	c.AwaitInSync(lab.Patience, topic)
	lost := finish(t, c, l)
	row(t, "wiped node and stale node without the one that remembers: leaders; records lost afterwards", "0; 0",
		lost == nil && leaders == 0, "%d; %s", leaders, outcome(lost, l))
}

// leaderSeenBy names a leader that a node tells clients of, if it tells them anything.
func leaderSeenBy(t *testing.T, n *lab.Node) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	view, err := n.View(ctx, topic)
	if err != nil {
		return "" // it serves nobody
	}
	for p, partition := range view[topic] {
		if partition.Leader >= 0 {
			return fmt.Sprintf("node %d says that %d leads partition %d", n.ID, partition.Leader, p)
		}
	}
	return ""
}
