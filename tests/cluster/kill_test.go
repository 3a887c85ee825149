package cluster

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/cluster/load"
)

// The load of the tests that break something: enough to see a stall of a few milliseconds in each partition,
// and little enough that two cores carry it with three nodes.
const (
	loadPartitions = 6
	loadRate       = 600 // records a second
	loadBytes      = 500
)

// lead is how long a load runs before something is done to the cluster.
const lead = time.Second

// victim is a node that leads a partition, with all partitions that it leads.
func victim(c *lab.Cluster, view lab.View, random *rand.Rand) (*lab.Node, []int32) {
	id := view[topic][random.IntN(len(view[topic]))].Leader
	return c.Node(id), lab.LedBy(id, view[topic])
}

// awaitServed returns when the partitions acknowledge what is sent after a time.
func awaitServed(c *lab.Cluster, l *load.Load, partitions []int32, after time.Duration) {
	c.Until(lab.Patience, "the partitions acknowledge", func(context.Context) error { return l.Served(partitions, after) })
}

func TestLeaderKilled(t *testing.T) {
	random := seeded(t)
	c := running(t, lab.Options{Warnings: []string{linkLost, controllerLost}}, loadPartitions)
	l := startLoad(t, options(c, loadPartitions, loadRate, loadBytes))
	second := startLibrdkafka(t, c)
	lab.Pass(t.Context(), lead)
	var gaps []time.Duration
	for range form(4, 20) {
		node, led := victim(c, c.AwaitInSync(lab.Patience, topic), random)
		killed := l.Now()
		node.Kill()
		awaitServed(c, l, led, killed)
		awaitServed(c, l, l.Partitions(), l.Now()) // what was sent meanwhile is through, too
		gaps = append(gaps, l.Gap(led, load.Window{From: killed, To: l.Now()}))
		node.Start()
		lab.Pass(t.Context(), lead) // the clients come back to the node
	}
	c.AwaitInSync(lab.Patience, topic)
	second.finish()
	lost := finish(t, c, l)
	slices.Sort(gaps)
	p50, longest := load.Percentile(gaps, 50), gaps[len(gaps)-1]
	row(t, "leader killed with -9, acks=all: unavailable, p50", atMost(300*time.Millisecond),
		p50 <= limit(300*time.Millisecond), "%s of %d kills", show(p50), len(gaps))
	row(t, "leader killed with -9, acks=all: unavailable, longest", atMost(1500*time.Millisecond),
		longest <= limit(1500*time.Millisecond), "%s", show(longest))
	row(t, "leader killed with -9: records lost, repeated or out of order", "0", lost == nil, "%s", outcome(lost, l))
}

func killAll(c *lab.Cluster) {
	for _, n := range c.Running() {
		n.Kill()
	}
}

func TestWholeClusterKilled(t *testing.T) {
	c := running(t, lab.Options{Warnings: []string{linkLost, controllerLost}}, loadPartitions)
	l := startLoad(t, options(c, loadPartitions, loadRate, loadBytes))
	lab.Pass(t.Context(), lead)
	longest, kills := time.Duration(0), form(2, 10)
	for range kills {
		awaitServed(c, l, l.Partitions(), l.Now())
		killAll(c)
		for _, n := range c.Members() {
			n.Launch()
		}
		started := l.Now()
		awaitServed(c, l, l.Partitions(), started)
		longest = max(longest, l.Gap(l.Partitions(), load.Window{From: started, To: l.Now()}))
		for _, n := range c.Members() {
			n.AwaitReady()
		}
	}
	c.AwaitInSync(lab.Patience, topic)
	lost := finish(t, c, l)
	row(t, "whole cluster killed with -9 and started: serving after the last start", atMost(1500*time.Millisecond),
		longest <= limit(1500*time.Millisecond), "max %s of %d", show(longest), kills)
	row(t, "whole cluster killed with -9: acknowledged records lost, repeated or out of order", "0", lost == nil,
		"%s", outcome(lost, l))
}

func TestRollingRestart(t *testing.T) {
	c := running(t, lab.Options{Warnings: []string{linkLost, controllerLost}}, loadPartitions)
	l := startLoad(t, options(c, loadPartitions, loadRate, loadBytes))
	second := startLibrdkafka(t, c)
	lab.Pass(t.Context(), lead)
	begun := l.Now()
	for range form(1, 5) {
		for _, n := range c.Members() {
			from := l.Now()
			n.Stop()
			stopped := l.Now()
			n.Start()
			c.AwaitInSync(lab.Patience, topic)
			lab.Pass(t.Context(), lead) // the clients come back to the node
			t.Logf("node %d: while it stopped: %s; afterwards: %s", n.ID, l.Summarize(load.Window{From: from, To: stopped}),
				l.Summarize(load.Window{From: stopped, To: l.Now()}))
		}
	}
	awaitServed(c, l, l.Partitions(), l.Now())
	worst := l.Summarize(load.Window{From: begun, To: l.Now()}).Max
	second.finish()
	lost := finish(t, c, l)
	row(t, "rolling restart by SIGTERM under load: longest wait of a record", atMost(300*time.Millisecond),
		worst <= limit(300*time.Millisecond), "%s", show(worst))
	row(t, "rolling restart by SIGTERM under load: errors of producers", "0", lost == nil, "%s", outcome(lost, l))
}
