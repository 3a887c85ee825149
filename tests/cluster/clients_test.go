package cluster

import (
	"context"
	"fmt"
	"testing"

	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/cluster/load"
)

// secondTopic is what the librdkafka client writes to.
const secondTopic = "lines"

// secondRate is its load, in lines a second.
const secondRate = 100

// second is a librdkafka client that writes while something is done to the cluster. It is nil where no such
// client is installed.
type second struct {
	t        *testing.T
	cluster  *lab.Cluster
	client   *load.Librdkafka
	producer *load.RdProducer
}

// startLibrdkafka starts the second client with the address of the last node. The test goes on without it,
// and says so, where none is installed.
func startLibrdkafka(t *testing.T, c *lab.Cluster) *second {
	t.Helper()
	client, err := load.FindLibrdkafka(t.Context(), t.TempDir())
	if err != nil {
		t.Logf("without a librdkafka client: %v", err)
		return nil
	}
	c.Create(secondTopic, 3, int16(len(c.Members())))
	c.AwaitInSync(lab.Patience, secondTopic)
	seeds := c.Seeds()
	producer, err := client.Produce(t.Context(), seeds[len(seeds)-1], secondTopic, secondRate)
	if err != nil {
		t.Fatal(err)
	}
	return &second{t, c, client, producer}
}

// finish stops the client and reads its lines again, through each node.
func (s *second) finish() {
	if s == nil {
		return
	}
	s.t.Helper()
	lines, err := s.producer.Stop()
	if err != nil {
		s.t.Errorf("%s: %v", s.client.Name, err)
		return
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), lab.Patience)
	defer cancel()
	for _, seed := range s.cluster.Seeds() {
		if err := s.client.Verify(ctx, seed, secondTopic, lines); err != nil {
			s.t.Errorf("%s through %s: %v", s.client.Name, seed, err)
		}
	}
	s.t.Logf("%s: %d lines, all there once and in order", s.client.Name, lines)
}

// TestTwoClientsWithOneAddress writes and reads with both clients, each time knowing one node only.
func TestTwoClientsWithOneAddress(t *testing.T) {
	beside(t)
	c := running(t, lab.Options{}, loadPartitions)
	client, missing := load.FindLibrdkafka(t.Context(), t.TempDir())
	records := form(3000, 100_000)
	names := "franz-go"
	for i, seed := range c.Seeds() {
		o := options(c, loadPartitions, records, loadBytes)
		o.Topic, o.Seeds = fmt.Sprintf("one-address-%d", i), []string{seed}
		c.Create(o.Topic, loadPartitions, 3)
		l := startLoad(t, o)
		awaitServed(c, l, l.Partitions(), l.Now())
		checkThroughEach(t, c, l)
	}
	if missing == nil {
		names += " and " + client.Name
		for i := range c.Seeds() {
			linesThrough(t, c, client, i)
		}
	} else {
		t.Logf("without a librdkafka client: %v", missing)
	}
	row(t, "clients that know one of the three addresses write and read everything", "no error", !t.Failed(), "no error: %s", names)
}

// checkThroughEach stops a load and reads all it wrote through each node.
func checkThroughEach(t *testing.T, c *lab.Cluster, l *load.Load) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lab.Patience)
	defer cancel()
	if err := l.Stop(ctx); err != nil {
		t.Error(err)
	}
	for _, seed := range c.Seeds() {
		if err := load.Verify(ctx, seed, l); err != nil {
			t.Errorf("read through %s: %v", seed, err)
		}
	}
}

// linesThrough writes lines with the librdkafka client through one node and reads them through each.
func linesThrough(t *testing.T, c *lab.Cluster, client *load.Librdkafka, number int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lab.Patience)
	defer cancel()
	name := fmt.Sprintf("lines-%d", number)
	c.Create(name, 3, 3)
	producer, err := client.Produce(ctx, c.Seeds()[number], name, form(2000, 20_000))
	if err != nil {
		t.Fatal(err)
	}
	lab.Pass(ctx, lead)
	lines, err := producer.Stop()
	if err != nil {
		t.Error(err)
		return
	}
	for _, seed := range c.Seeds() {
		if err := client.Verify(ctx, seed, name, lines); err != nil {
			t.Errorf("%s through %s: %v", client.Name, seed, err)
		}
	}
}
