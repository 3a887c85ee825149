package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chronik-go/chronik/tests/cluster/lab"
)

// TestInSyncIsMeasured looks at what clients are told of a follower that dies, freezes and comes back.
func TestInSyncIsMeasured(t *testing.T) {
	c := newCluster(t, lab.Options{Warnings: []string{linkLost, controllerLost}})
	c.StartAll()
	follower := followerOf(c, loadPartitions)
	awaitFollower(t, c, follower)

	frozen := time.Now()
	follower.Freeze()
	awaitOut(c, follower)
	silent := time.Since(frozen)
	follower.Thaw()
	c.AwaitInSync(lab.Patience, topic)

	killed := time.Now()
	follower.Kill()
	awaitOut(c, follower)
	closed := time.Since(killed)
	follower.Start()
	c.AwaitInSync(lab.Patience, topic)
	// A silent link is given up after half a second; the rest is for telling everybody and for asking.
	row(t, "follower frozen: told to be out of sync and offline by all others", atMost(time.Second),
		silent <= limit(time.Second), "%s", show(silent))
	row(t, "follower killed: the same", atMost(300*time.Millisecond), closed <= limit(300*time.Millisecond), "%s", show(closed))
}

// awaitOut returns when all running nodes tell clients that a node's replicas are neither in sync nor online.
func awaitOut(c *lab.Cluster, out *lab.Node) {
	c.Until(lab.Patience, "the follower is out of sync", func(ctx context.Context) error {
		for _, n := range c.Running() {
			view, err := n.View(ctx, topic)
			if err != nil {
				return err
			}
			for p, partition := range view[topic] {
				if slices.Contains(partition.InSync, out.ID) || !slices.Equal(partition.Offline, []int32{out.ID}) {
					return fmt.Errorf("node %d says of partition %d: in sync %d, offline %d", n.ID, p, partition.InSync, partition.Offline)
				}
			}
		}
		return nil
	})
}

// TestNodeOfAnotherClusterIsRefused gives a node the disk of a node that belongs to another cluster.
func TestNodeOfAnotherClusterIsRefused(t *testing.T) {
	other := newCluster(t, lab.Options{})
	other.StartAll()
	other.End()
	c := newCluster(t, lab.Options{Warnings: []string{linkLost, controllerLost, refused}})
	c.StartAll()
	c.Create(topic, loadPartitions, 3)
	c.AwaitInSync(lab.Patience, topic)
	stranger := c.Node(2)
	stranger.Kill()
	stranger.Wipe()
	if err := os.Rename(other.Node(2).Data, stranger.Data); err != nil {
		t.Fatal(err)
	}
	stranger.Launch()
	c.Until(lab.Patience, "both sides say why they do not talk", func(context.Context) error {
		for _, n := range c.Members() {
			if !slices.ContainsFunc(n.Entries(), func(e lab.Entry) bool {
				return e.Level == "error" && strings.Contains(e.Line, "cluster")
			}) {
				return fmt.Errorf("node %d says nothing", n.ID)
			}
		}
		return nil
	})
	if _, err := os.Stat(filepath.Join(stranger.Data)); err != nil {
		t.Errorf("the data of the other cluster: %v", err)
	}
	for _, n := range []*lab.Node{c.Node(1), c.Node(3)} {
		view, err := n.View(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		for p, partition := range view[topic] {
			if slices.Contains(partition.InSync, stranger.ID) {
				t.Errorf("node %d counts the stranger in: partition %d: %+v", n.ID, p, partition)
			}
		}
	}
	stranger.Kill()
}
