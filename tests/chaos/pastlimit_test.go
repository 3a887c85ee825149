package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// ending is what becomes of a part that fails again and again.
type ending uint8

const (
	rebuilt ending = iota // for ever, at growing waits
	offline               // it is given up until the node is started again; the rest works on
	stops                 // the node stops and says which part it was
)

// endingOf returns what becomes of an actor, and how many failures that takes.
func endingOf(path string) (ending, int) {
	parts := strings.Split(path, "/")
	switch {
	case len(parts) > 2 && parts[1] == "raft" && strings.HasPrefix(parts[2], "group-"):
		return offline, 6
	case len(parts) == 3 && parts[1] == "partitions" && parts[2] != "cleaner":
		return offline, 6
	case path == "broker/storage/janitor":
		return stops, 6
	case len(parts) == 2:
		return stops, 11
	}
	return rebuilt, 4
}

// pastTheLimit crashes a part, and each time that it is built again, until it is given up.
func (c *campaign) pastTheLimit() {
	n := c.anyNode()
	path := c.burstTarget(n)
	if path == "" {
		return
	}
	kind := nameOf(c.world.kinds.of(path).path)
	end, failures := endingOf(path)
	strikes := c.hammer(n, path, end, failures)
	c.done += strikes
	c.table.addBurst(kind, strikes)
	what := fmt.Sprintf("%d failures of %s on node %d", strikes, path, n.id)
	err, over := n.over()
	switch {
	case end == stops && !over:
		c.load.ledger.violation("%s: the node goes on", what)
	case end == stops && !strings.Contains(err.Error(), lastOf(path)):
		c.load.ledger.violation("%s: the node does not say why it stops: %v", what, err)
	case end != stops && over:
		c.load.ledger.violation("%s: the node has stopped: %v", what, err)
	case end == offline:
		c.serveWithout(n, path, what)
	}
	if end != rebuilt {
		n.stop()
		n.start()
	}
	c.repair(false, what)
}

// lastOf returns the name of an actor.
func lastOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// burstTarget picks a part of a kind that has had no burst yet. The children of the root take ten seconds
// until they are given up: a short run has one of them.
func (c *campaign) burstTarget(n *node) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	n.alive().await(ctx, func() bool { return n.alive().missing(n.whole) == "" })
	var paths []string
	for path := range n.alive().all() {
		kind := nameOf(c.world.kinds.of(path).path)
		last := kind[strings.LastIndexByte(kind, '/')+1:]
		_, failures := endingOf(path)
		switch {
		case isFatal(kind) || isTemporary(path):
		case strings.Contains(path, "group-meta"): // without it no topic is made any more
		case passing[last] && last != "coordinator":
		case n.budgets.recent(path, time.Now()) > 0: // it would be given up sooner
		case !c.table.mayBurst(kind, failures):
		default:
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return ""
	}
	slices.Sort(paths)
	chosen := paths[c.random.IntN(len(paths))]
	_, failures := endingOf(chosen)
	if !c.table.claimBurst(nameOf(c.world.kinds.of(chosen).path), failures) {
		return "" // another campaign was faster
	}
	return chosen
}

// hammer crashes an actor and each that takes its place, so many times in all, and returns how many crashes
// that were.
func (c *campaign) hammer(n *node, path string, end ending, failures int) (strikes int) {
	for len(c.world.hits) > 0 {
		<-c.world.hits
	}
	id, err := n.faults.Add(kit.Fault{Path: path, Message: "kit.Started", Times: failures - 1})
	if err != nil {
		c.t.Fatal(err)
	}
	defer n.faults.Remove(id)
	n.crash(path)
	strikes = 1
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var last hit
	for strikes < failures {
		select {
		case one := <-c.world.hits:
			if one.node == n && one.Fault == id {
				strikes, last = strikes+1, one
			}
		case <-timer.C:
			c.t.Fatalf("%s of node %d was built again %d times, want %d", path, n.id, strikes-1, failures-1)
		}
	}
	<-last.end
	if end == stops {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		n.alive().await(ctx, func() bool { _, over := n.over(); return over })
	}
	return strikes
}

// serveWithout wants all partitions to go on but the one of a replica that was given up, and that one too
// where there are other replicas of it.
func (c *campaign) serveWithout(n *node, path, what string) {
	for p := range int32(partitions) {
		given := len(c.world.nodes) == 1 && strings.Contains(path, fmt.Sprintf("group-%s-%d", orders, p))
		if given {
			continue
		}
		until := time.Now().Add(patience)
		missing := "service"
		for missing != "" && time.Now().Before(until) {
			missing = c.serveOne(p, time.Second)
		}
		if missing != "" {
			c.load.ledger.violation("%s: %s", what, missing)
		}
	}
}
