package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/cluster/load"
)

// firstWrite makes a topic with three replicas and writes to it with acks=all, both through one node that may
// not even be up yet. It returns when the write was acknowledged.
func firstWrite(ctx context.Context, c *lab.Cluster, n *lab.Node) (time.Time, error) {
	name := fmt.Sprintf("first-%d", n.ID)
	if err := lab.Poll(ctx, lab.Patience, func(ctx context.Context) error { return createThrough(ctx, n, name) }); err != nil {
		return time.Time{}, err
	}
	client, err := kgo.NewClient(append(c.Impatient(n.Kafka), kgo.ProducerLinger(0))...)
	if err != nil {
		return time.Time{}, err
	}
	defer client.Close()
	err = client.ProduceSync(ctx, &kgo.Record{Topic: name, Value: []byte("first")}).FirstErr()
	return time.Now(), err
}

// createThrough asks one node for a topic, whoever the controller is.
func createThrough(ctx context.Context, n *lab.Node, name string) error {
	one := kmsg.NewCreateTopicsRequestTopic()
	one.Topic, one.NumPartitions, one.ReplicationFactor = name, 1, 3
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, one), 5_000
	answer, err := n.Ask(ctx, request)
	if err != nil {
		return err
	}
	err = kerr.ErrorForCode(answer.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode)
	if err == kerr.TopicAlreadyExists { // asked for before, and the answer was lost
		return nil
	}
	return err
}

// firstWrites writes through every node at once and returns how long the slowest took.
func firstWrites(t *testing.T, c *lab.Cluster, begun time.Time) time.Duration {
	t.Helper()
	type result struct {
		at  time.Time
		err error
	}
	ctx, cancel := context.WithTimeout(t.Context(), lab.Patience)
	defer cancel()
	results := make(chan result)
	for _, n := range c.Members() {
		go func() {
			at, err := firstWrite(ctx, c, n)
			if err != nil {
				err = fmt.Errorf("through node %d: %w", n.ID, err)
			}
			results <- result{at, err}
		}()
	}
	slowest := time.Duration(0)
	for range c.Members() {
		r := <-results
		if r.err != nil {
			t.Error(r.err)
		}
		slowest = max(slowest, r.at.Sub(begun))
	}
	return slowest
}

func TestThreeNodesStartedTogether(t *testing.T) {
	var took []time.Duration
	for range form(3, 20) {
		c := newCluster(t, lab.Options{})
		begun := time.Now()
		for _, n := range c.Members() {
			n.Launch()
		}
		took = append(took, firstWrites(t, c, begun))
		oneElection(t, c)
		c.End()
	}
	slices.Sort(took)
	row(t, "three nodes started together, to the first acks=all write on 3 replicas through the slowest node",
		atMost(1500*time.Millisecond), took[len(took)-1] <= limit(1500*time.Millisecond),
		"p50 %s, max %s of %d starts", show(load.Percentile(took, 50)), show(took[len(took)-1]), len(took))
}

// oneElection fails the test unless the metadata has elected exactly one leader, at term 1 or 2.
func oneElection(t *testing.T, c *lab.Cluster) {
	t.Helper()
	elections := c.Elections(lab.MetadataGroup)
	quorum := c.AwaitQuorum()
	if len(elections) != 1 || elections[0].Term > 2 || quorum.Epoch != int32(elections[0].Term) {
		t.Errorf("elections of the metadata: got %d, now at epoch %d, want one at term 1 or 2", len(elections), quorum.Epoch)
		for _, entry := range elections {
			t.Log(entry.Line)
		}
	}
}

const stagger = 2 * time.Second

func TestNodesStartedTwoSecondsApart(t *testing.T) {
	var led, served time.Duration
	trials := form(2, 10)
	for range trials {
		c := newCluster(t, lab.Options{})
		c.Node(1).Launch()
		lab.Pass(t.Context(), stagger)
		if elections := c.Elections(lab.MetadataGroup); len(elections) > 0 {
			t.Fatalf("one node of three elected a leader by itself: %s", elections[0].Line)
		}
		second := c.Node(2).Launch()
		led = max(led, awaitElection(c).Sub(second))
		lab.Pass(t.Context(), stagger-time.Since(second))
		third := c.Node(3).Launch()
		c.Until(lab.Patience, "the third node serves", func(ctx context.Context) error { return serves(ctx, c, c.Node(3)) })
		served = max(served, time.Since(third))
		firstWrites(t, c, third)
		oneElection(t, c)
		c.End()
	}
	row(t, "started 2 s apart: metadata leader after the start of the second node", atMost(500*time.Millisecond),
		led <= limit(500*time.Millisecond), "max %s of %d", show(led), trials)
	row(t, "started 2 s apart: the third node serves after its own start", atMost(700*time.Millisecond),
		served <= limit(700*time.Millisecond), "max %s of %d", show(served), trials)
}

// awaitElection returns when the first leader of the metadata said so.
func awaitElection(c *lab.Cluster) time.Time {
	var at time.Time
	c.Until(lab.Patience, "a leader of the metadata", func(context.Context) error {
		elections := c.Elections(lab.MetadataGroup)
		if len(elections) == 0 {
			return fmt.Errorf("none yet")
		}
		at = elections[0].At
		return nil
	})
	return at
}

// serves tells as an error whether a node does not yet answer clients with a cluster that it is part of.
func serves(ctx context.Context, c *lab.Cluster, n *lab.Node) error {
	request := kmsg.NewPtrMetadataRequest()
	answer, err := n.Ask(ctx, request)
	if err != nil {
		return err
	}
	response := answer.(*kmsg.MetadataResponse)
	if len(response.Brokers) != len(c.Running()) || response.ControllerID < 0 {
		return fmt.Errorf("node %d knows %d brokers and controller %d", n.ID, len(response.Brokers), response.ControllerID)
	}
	return nil
}

func TestEveryStartTakesOneElection(t *testing.T) {
	random := seeded(t)
	trials := form(4, 20)
	for range trials {
		c := newCluster(t, lab.Options{})
		startInAnyOrder(t, c, random)
		for _, n := range c.Members() {
			n.AwaitReady()
		}
		firstWrites(t, c, time.Now())
		oneElection(t, c)
		c.End()
	}
	row(t, "elections of the metadata during starts in any order", "exactly 1 each, term ≤ 2", !t.Failed(), "%d starts", trials)
}

// startInAnyOrder starts the nodes up to a second apart.
func startInAnyOrder(t *testing.T, c *lab.Cluster, random *rand.Rand) {
	t.Helper()
	members := slices.Clone(c.Members())
	random.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	for _, n := range members {
		n.Launch()
		if random.IntN(2) == 0 {
			lab.Pass(t.Context(), time.Duration(random.Int64N(int64(time.Second))))
		}
	}
}
