package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/cluster/load"
	"github.com/chronik-go/chronik/tests/cluster/wire"
)

// TestClusterOfOne takes one node, whose list of peers names itself alone, through what is done to the nodes
// of larger clusters: so what fails here fails there for no other reason.
func TestClusterOfOne(t *testing.T) {
	c := newCluster(t, lab.Options{Nodes: 1})
	c.StartAll()
	node := c.Node(1)
	c.Create(topic, loadPartitions, 1)
	c.AwaitInSync(lab.Patience, topic)
	o := options(c, loadPartitions, loadRate, loadBytes)
	o.AnswerTime = answerTime
	l, second := startLoad(t, o), startLibrdkafka(t, c)
	lab.Pass(t.Context(), lead)
	second.finish() // kcat ends when all nodes it knows are down

	from := l.Now()
	node.Freeze()
	lab.Pass(t.Context(), lead)
	if err := l.Served(l.Partitions(), from+lead/2); err == nil {
		t.Error("a frozen node acknowledges")
	}
	node.Thaw()
	awaitServed(c, l, l.Partitions(), l.Now())
	if gap := l.Gap(l.Partitions(), load.Window{From: from, To: l.Now()}); gap < lead-100*time.Millisecond {
		t.Errorf("frozen for %s, and the longest gap is %s", lead, gap)
	}
	for _, end := range []func(){node.Kill, node.Stop} {
		end()
		node.Start()
		awaitServed(c, l, l.Partitions(), l.Now())
	}
	c.Until(lab.Patience, "ready", node.Ready)
	status, err := node.Status(t.Context())
	if err != nil || status.NodeID != 1 || !status.Ready || status.Leaders < loadPartitions {
		t.Errorf("status: %+v, %v", status, err)
	}
	if elections := c.Elections(lab.MetadataGroup); len(elections) != 3 {
		t.Errorf("%d starts and %d elections", 3, len(elections))
	}
	finish(t, c, l)
	t.Logf("at rest after %d records: %d MiB", l.Acked(), node.RSS()>>20)
}

// TestALossIsNoticed checks the books: a disk that is lost is nothing that they pass over.
func TestALossIsNoticed(t *testing.T) {
	c := newCluster(t, lab.Options{Nodes: 1})
	c.StartAll()
	c.Create(topic, loadPartitions, 1)
	l := startLoad(t, options(c, loadPartitions, loadRate, loadBytes))
	awaitServed(c, l, l.Partitions(), l.Now())
	ctx, cancel := context.WithTimeout(t.Context(), lab.Patience)
	defer cancel()
	if err := errors.Join(l.Stop(ctx), load.Verify(ctx, c.Seeds()[0], l)); err != nil {
		t.Fatal(err)
	}
	node := c.Node(1)
	node.Kill()
	node.Wipe()
	node.Start()
	c.Create(topic, loadPartitions, 1)
	if err := load.Verify(ctx, c.Seeds()[0], l); err == nil {
		t.Error("all records are lost and the books are in order")
	}
}

// TestClusterOfOneBehindAWire does the same for the network that can be broken.
func TestClusterOfOneBehindAWire(t *testing.T) {
	network := broken(t)
	c := newCluster(t, lab.Options{Nodes: 1, Network: network})
	c.StartAll()
	c.Create(topic, loadPartitions, 1)
	o := options(c, loadPartitions, loadRate, loadBytes)
	o.AnswerTime = answerTime
	l := startLoad(t, o)
	awaitServed(c, l, l.Partitions(), l.Now())
	from := l.Now()
	network.SetBoth(0, 1, wire.Fault{Cut: true})
	lab.Pass(t.Context(), lead)
	network.Heal()
	awaitServed(c, l, l.Partitions(), l.Now())
	if gap := l.Gap(l.Partitions(), load.Window{From: from, To: l.Now()}); gap < lead-100*time.Millisecond {
		t.Errorf("cut off for %s, and the longest gap is %s", lead, gap)
	}
	finish(t, c, l)
}
