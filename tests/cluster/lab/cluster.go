package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/tests/cluster/wire"
	"github.com/chronik-go/chronik/tests/node"
)

// Patience bounds every step that is not measured.
const Patience = 30 * time.Second

// Options say what cluster is wanted.
type Options struct {
	Binary string
	Nodes  int
	// Spare nodes have addresses and are no peers of the others: they can be added later.
	Spare   int
	Env     []string      // "CHRONIK_...=..." for all nodes
	Network *wire.Network // nil: loopback
	Folders []string      // where the nodes keep their data, by id - 1; nil: in a folder of the test
	// Warnings are regular expressions on the messages that the nodes may log as a warning or worse.
	Warnings []string
	// Lines are regular expressions on whole lines that may be logged, where a message does not say why.
	Lines []string
}

// Cluster is a set of nodes, none of which runs at first.
type Cluster struct {
	Nodes []*Node // by id - 1, with the spare ones at the end

	t        testing.TB
	options  Options
	warnings []*regexp.Regexp // on messages
	lines    []*regexp.Regexp
	ended    bool
}

// New prepares a cluster. At the end of the test its logs are checked and its processes ended.
func New(t testing.TB, options Options) *Cluster {
	t.Helper()
	c := &Cluster{t: t, options: options}
	c.Expect(options.Warnings...)
	for _, line := range options.Lines {
		c.lines = append(c.lines, regexp.MustCompile(line))
	}
	dir := t.TempDir()
	for id := int32(1); int(id) <= options.Nodes+options.Spare; id++ {
		n := &Node{ID: id, cluster: c, Data: filepath.Join(dir, fmt.Sprintf("data%d", id))}
		if options.Folders != nil {
			n.Data = filepath.Join(options.Folders[id-1], "data")
		}
		if err := n.takeAddresses(); err != nil {
			t.Fatal(err)
		}
		c.Nodes = append(c.Nodes, n)
	}
	for _, n := range c.Nodes {
		n.config = filepath.Join(dir, fmt.Sprintf("node%d.toml", n.ID))
		if err := os.WriteFile(n.config, []byte(n.toml()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(c.End)
	return c
}

// Node returns the node of an id.
func (c *Cluster) Node(id int32) *Node { return c.Nodes[id-1] }

// Members are the nodes that are peers from the beginning.
func (c *Cluster) Members() []*Node { return c.Nodes[:c.options.Nodes] }

// Running are the nodes whose process lives and is not frozen.
func (c *Cluster) Running() []*Node {
	var running []*Node
	for _, n := range c.Nodes {
		if n.Running() {
			running = append(running, n)
		}
	}
	return running
}

// StartAll starts the members together and returns when all of them serve.
func (c *Cluster) StartAll() {
	c.t.Helper()
	for _, n := range c.Members() {
		n.Launch()
	}
	for _, n := range c.Members() {
		n.AwaitReady()
	}
}

// Seeds are the Kafka addresses of the members, one for each client: no client gets more than one.
func (c *Cluster) Seeds() []string {
	var seeds []string
	for _, n := range c.Members() {
		seeds = append(seeds, n.Kafka)
	}
	return seeds
}

// Dial opens a connection to a node from where the test stands.
func (c *Cluster) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if c.options.Network != nil {
		return c.options.Network.Dial(ctx, network, address)
	}
	dialer := net.Dialer{Timeout: time.Second}
	return dialer.DialContext(ctx, network, address)
}

// Client returns a client that knows one node and finds the others through it. It looks for leaders as soon
// as it misses one: the defaults wait seconds between two looks.
func (c *Cluster) Client(n *Node, options ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	client, err := kgo.NewClient(append(c.Impatient(n.Kafka), options...)...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(client.Close)
	return client
}

// Impatient are the options of such a client.
func (c *Cluster) Impatient(seed string) []kgo.Opt {
	d := &dialer{dial: c.Dial, alone: map[string]time.Time{}}
	return []kgo.Opt{
		kgo.SeedBrokers(seed), kgo.Dialer(d.Dial), kgo.MetadataMinAge(20 * time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
	}
}

// End checks the logs and ends what still runs, before the test does. What the ending itself brings about is
// not looked at.
func (c *Cluster) End() {
	c.t.Helper()
	if c.ended {
		return
	}
	c.ended = true
	c.CheckLogs()
	if c.t.Failed() {
		c.keepLogs()
	}
	for _, n := range c.Nodes {
		if n.process != nil {
			n.process.Kill()
		}
	}
}

// Until asks again until the answer is no error, and fails the test when that takes too long.
func (c *Cluster) Until(within time.Duration, what string, ask func(context.Context) error) {
	c.t.Helper()
	if err := Poll(c.t.Context(), within, ask); err != nil {
		c.t.Fatalf("%s: not within %s: %v", what, within, err)
	}
}

// Between two questions there is a wait that grows, so that looking does not keep the nodes from working.
const shortestPause, longestPause = 2 * time.Millisecond, 50 * time.Millisecond

// Poll asks again until the answer is no error, and returns the last one when that takes too long.
func Poll(parent context.Context, within time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(parent, within)
	defer cancel()
	var last error
	for pause := shortestPause; ; pause = min(pause*3/2, longestPause) {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err // what comes after the deadline tells only of the deadline
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return last
		}
	}
}

// Pass lets time pass in which something is watched: it is no wait for anything.
func Pass(ctx context.Context, stretch time.Duration) {
	select {
	case <-time.After(stretch):
	case <-ctx.Done():
	}
}

func freeAddress() (string, error) { return node.FreeAddress() }
