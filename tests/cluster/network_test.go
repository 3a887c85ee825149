package cluster

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/cluster/load"
	"github.com/chronik-go/chronik/tests/cluster/wire"
)

func TestSlowLink(t *testing.T) {
	t.Run("delayed", func(t *testing.T) {
		slowLink(t, "one link delayed 200 ms", wire.Fault{Delay: 200 * time.Millisecond})
	})
	t.Run("lossy", func(t *testing.T) { slowLink(t, "one link losing 20 %", wire.Fault{Loss: 0.2}) })
}

// slowLink makes a fault on the link between a leader and a follower, in both directions.
func slowLink(t *testing.T, what string, fault wire.Fault) {
	network := broken(t)
	c := newCluster(t, lab.Options{Network: network, Warnings: []string{linkLost, controllerLost}})
	c.StartAll()
	follower := followerOf(c, loadPartitions)
	before := awaitFollower(t, c, follower)
	leader := before[topic][0].Leader
	l := startLoad(t, options(c, loadPartitions, loadRate, loadBytes))
	d := watchDisk(t, l)
	lab.Pass(t.Context(), lead)
	var well, faulty []load.Window
	for range form(3, 5) {
		stretch := form(2500*time.Millisecond, 20*time.Second)
		well = append(well, watch(t, l, stretch))
		network.SetBoth(leader, follower.ID, fault)
		faulty = append(faulty, watch(t, l, stretch))
		network.Heal()
		c.AwaitInSync(lab.Patience, topic)
	}
	well = append(well, watch(t, l, form(2500*time.Millisecond, 20*time.Second)))
	compare(t, l, d, what, 1.3, well, faulty)
	finish(t, c, l)
}

// isolations are the ways to cut a node off from the two others.
var isolations = []struct {
	name        string
	in, out     bool
	onlyOneLink bool
}{
	{name: "both ways", in: true, out: true},
	{name: "nothing comes in", in: true},
	{name: "nothing goes out", out: true},
	{name: "from one node, both ways", in: true, out: true, onlyOneLink: true},
	{name: "from one node, nothing goes out", out: true, onlyOneLink: true},
}

func TestFollowerIsolated(t *testing.T) {
	network := broken(t)
	c := newCluster(t, lab.Options{Network: network, Warnings: []string{linkLost, controllerLost}})
	c.StartAll()
	follower := followerOf(c, loadPartitions)
	before, quorum := awaitFollower(t, c, follower), c.AwaitQuorum()
	o := options(c, loadPartitions, loadRate, loadBytes)
	// Clients reach every node throughout; the isolated one must not be the one they learn the leaders from.
	o.Seeds = slices.DeleteFunc(o.Seeds, func(seed string) bool { return seed == follower.Kafka })
	l := startLoad(t, o)
	var elections []error
	times := form(len(isolations), 10)
	for i := range times {
		isolation := isolations[i%len(isolations)]
		for _, other := range c.Members() {
			if other == follower || isolation.onlyOneLink && other.ID != before[topic][0].Leader {
				continue
			}
			network.Set(other.ID, follower.ID, wire.Fault{Cut: isolation.in})
			network.Set(follower.ID, other.ID, wire.Fault{Cut: isolation.out})
		}
		lab.Pass(t.Context(), form(1500*time.Millisecond, 5*time.Second))
		network.Heal()
		after := c.AwaitInSync(lab.Patience, topic)
		changed := sameLeaders(before[topic], after[topic])
		if now := c.AwaitQuorum(); now.Epoch != quorum.Epoch || now.Leader != quorum.Leader {
			changed = errors.Join(changed, fmt.Errorf("metadata: leader %d at epoch %d became %d at %d",
				quorum.Leader, quorum.Epoch, now.Leader, now.Epoch))
			quorum = now
		}
		if changed != nil {
			elections = append(elections, fmt.Errorf("%s: %w", isolation.name, changed))
		}
		before = after
	}
	finish(t, c, l)
	row(t, "follower isolated and healed, also one way only: groups whose leader or term changed", "none",
		len(elections) == 0, "%d of %d times %v", len(elections), times, elections)
}

// TestLeaderIsolated cuts a leader off from the other nodes while the clients still reach it.
func TestLeaderIsolated(t *testing.T) {
	network := broken(t)
	c := newCluster(t, lab.Options{Network: network, Warnings: []string{linkLost, controllerLost}})
	c.StartAll()
	c.Create(topic, loadPartitions, 3)
	o := options(c, loadPartitions, loadRate, loadBytes)
	o.AnswerTime = answerTime
	l := startLoad(t, o)
	random := seeded(t)
	var longest time.Duration
	times := form(2, 10)
	for range times {
		node, led := victim(c, c.AwaitInSync(lab.Patience, topic), random)
		cut := l.Now()
		for _, other := range c.Members() {
			if other != node {
				network.SetBoth(node.ID, other.ID, wire.Fault{Cut: true})
			}
		}
		awaitServed(c, l, led, cut)
		awaitServed(c, l, l.Partitions(), l.Now())
		longest = max(longest, l.Gap(led, load.Window{From: cut, To: l.Now()}))
		network.Heal()
	}
	finish(t, c, l)
	row(t, "leader isolated while clients still reach it: unavailable", atMost(1500*time.Millisecond),
		longest <= limit(1500*time.Millisecond), "max %s of %d", show(longest), times)
}
