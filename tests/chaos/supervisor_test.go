package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/actors/kit"
)

// sizes are those of the clusters. Three nodes in one process, with their clients, are for a machine that has
// nothing else to do: they take their turn when a number of crashes is asked for, as make soak does.
func sizes() []int {
	if os.Getenv("CHRONIK_CHAOS_CRASHES") == "" {
		return []int{1}
	}
	return []int{1, 3}
}

// crashes is how many are injected, over all clusters.
func crashes(t *testing.T) int {
	if text := os.Getenv("CHRONIK_CHAOS_CRASHES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("CHRONIK_CHAOS_CRASHES: %v", err)
		}
		return n
	}
	if testing.Short() {
		return 40
	}
	return 100
}

func seedOf(t *testing.T) uint64 {
	seed := rand.Uint64()
	if text := os.Getenv("CHRONIK_CHAOS_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("CHRONIK_CHAOS_SEED: %v", err)
		}
	}
	t.Logf("seed %d (CHRONIK_CHAOS_SEED)", seed)
	return seed
}

// TestSupervisorRepairsEveryKind crashes every kind of actor before, in the middle of and after each type of
// message that it handles, and checks the history.
func TestSupervisorRepairsEveryKind(t *testing.T) {
	seed, total := seedOf(t), crashes(t)
	results := newTable(seed)
	for _, size := range sizes() {
		count := total / len(sizes())
		t.Run(fmt.Sprintf("%d nodes", size), func(t *testing.T) {
			c := newCampaign(t, size, rand.New(rand.NewPCG(seed, uint64(size))), results)
			c.run(count)
			c.finish()
		})
	}
	results.print(t)
	if missing := results.missing(); len(missing) > 0 {
		t.Logf("no actor of these kinds was crashed: %s", strings.Join(missing, ", "))
	}
}

// campaign is one run on one cluster.
type campaign struct {
	t      *testing.T
	world  *world
	load   *load
	random *rand.Rand
	table  *table
	prober *kgo.Client
	turn   map[string]int // of a kind: which of its targets comes next
	missed map[string]int // of a kind and message: how often it was waited for in vain, in a row
}

func newCampaign(t *testing.T, size int, random *rand.Rand, results *table) *campaign {
	w := newWorld(t, size)
	c := &campaign{t: t, world: w, random: random, table: results, turn: map[string]int{}, missed: map[string]int{}}
	if t.Failed() {
		t.FailNow()
	}
	c.load = w.load()
	// What is not acked is not sent again, so that nothing of it is there twice.
	c.prober = w.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite(),
		kgo.MaxProduceRequestsInflightPerBroker(1), kgo.RecordRetries(0), kgo.ProduceRequestTimeout(time.Second))
	t.Cleanup(c.prober.Close)
	c.awaitService(patience)
	c.settle()
	return c
}

// settle waits until nothing is missing any more and takes what is there for what has to be there.
func (c *campaign) settle() {
	until := time.Now().Add(3 * time.Second)
	for time.Now().Before(until) {
		c.pause(50 * time.Millisecond)
	}
	for _, n := range c.world.nodes {
		if running := n.current(); running != nil {
			n.whole = standing(running.Tree(), "", map[string]bool{})
		}
	}
}

func (c *campaign) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

func (c *campaign) run(count int) {
	begun := time.Now()
	for done, idle := 0, 0; done < count && idle < mostIdle && !c.t.Failed(); {
		if c.crash() {
			done++
			idle = 0
		} else {
			idle++
		}
		if done > 0 && done%100 == 0 && idle == 0 {
			c.t.Logf("%d crashes after %v, %d records acked", done, time.Since(begun).Round(time.Second), c.load.ledger.count())
		}
	}
}

// literal makes a pattern of a type's name.
var literal = strings.NewReplacer("[", `\[`)

// mostIdle bounds how many messages are waited for in vain in a row.
const mostIdle = 100

// limit is how many crashes a life of a node has to bear: one more of the same part could be past what is
// repaired. Bursts have tests of their own.
const limit = 4

// strikeTime is how long a fault waits for its message before another one is tried.
const strikeTime = time.Second

// crash injects one and waits until everything is as before; false if the message did not come.
func (c *campaign) crash() bool {
	n := c.world.nodes[c.random.IntN(len(c.world.nodes))]
	one := c.choose()
	point := []kit.Point{kit.Before, kit.Middle, kit.After}[c.random.IntN(3)]
	for len(n.struck) > 0 {
		<-n.struck
	}
	if err, over := n.over(); over {
		c.load.ledger.violation("node %d stopped after it had been repaired: %v", n.id, err)
		n.stop()
		n.start()
	}
	errors, failures := c.load.errors.Load(), n.failures()
	id, err := n.faults.Add(kit.Fault{
		Path: c.world.kinds.pattern(one), Message: literal.Replace(one.message), Nth: 1 + c.random.IntN(3), Point: point, Step: 1 + c.random.IntN(3),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	defer n.faults.Remove(id)
	timer := time.NewTimer(strikeTime)
	defer timer.Stop()
	select {
	case struck := <-n.struck:
		for failed := time.Now().Add(patience); n.failures() == failures && time.Now().Before(failed); {
			c.pause(time.Millisecond) // the actor goes on until the fault has it panic
		}
		begun := time.Now()
		fatal := c.awaitRepair(n, fmt.Sprintf("%s of %s at %s on node %d", point, struck.Actor, struck.Message, n.id))
		c.missed[one.key()] = 0
		c.table.add(one.kind(), struck, time.Since(begun), c.load.errors.Load()-errors, fatal)
		return true
	case <-timer.C:
		c.missed[one.key()]++
		return false
	}
}

// choose takes the kinds in turn, and of a kind its messages in turn, so that rare ones get their share.
func (c *campaign) choose() target {
	byKind := map[string][]target{}
	var order []string
	for _, one := range c.world.kinds.targets() {
		if c.missed[one.key()] > 1 && c.random.IntN(20) > 0 {
			continue // what comes once in a life is not worth the wait each time
		}
		if byKind[one.kind()] == nil {
			order = append(order, one.kind())
		}
		byKind[one.kind()] = append(byKind[one.kind()], one)
	}
	c.table.know(order)
	kind := order[c.random.IntN(len(order))]
	c.turn[kind]++
	return byKind[kind][c.turn[kind]%len(byKind[kind])]
}

// awaitRepair waits until the tree of the node is whole and all partitions take records. A node that had to stop,
// because its log or its root has failed, is started again, as whoever runs it would.
func (c *campaign) awaitRepair(n *node, what string) (fatal bool) {
	until := time.Now().Add(patience)
	n.crashes++
	for {
		if err, over := n.over(); over {
			fatal = true
			if !mayStop(what) {
				c.load.ledger.violation("%s stopped the node: %v", what, err)
			}
			n.stop()
			n.start()
		}
		missing := n.missing()
		if missing == "" {
			if missing = c.serve(time.Second); missing == "" {
				break
			}
		}
		if time.Now().After(until) {
			c.t.Fatalf("%s: %s is missing after %v", what, missing, patience)
		}
		c.pause(time.Millisecond)
	}
	if n.crashes >= limit {
		n.stop()
		n.start()
		c.awaitService(patience)
	}
	return fatal
}

// mayStop tells whether a failure is one after which a node stops by its own rules.
func mayStop(what string) bool {
	for _, part := range []string{" broker at", "broker/storage at", "broker/storage/"} {
		if strings.Contains(what, part) {
			return true
		}
	}
	return false
}

// missing returns an actor that has to be there and is not, "" if the tree is whole.
func (n *node) missing() string {
	running := n.current()
	if running == nil {
		return "the node"
	}
	now := standing(running.Tree(), "", map[string]bool{})
	for path := range n.whole {
		if !now[path] {
			return path
		}
	}
	return ""
}

// awaitService returns when every partition has taken a record.
func (c *campaign) awaitService(within time.Duration) {
	missing := "service"
	for until := time.Now().Add(within); missing != "" && time.Now().Before(until); {
		missing = c.serve(time.Second)
	}
	if missing != "" {
		c.t.Fatalf("%s after %v", missing, within)
	}
}

// serve has every partition take a record, or says why one did not.
func (c *campaign) serve(within time.Duration) (missing string) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	var records []*kgo.Record
	for p := range int32(partitions) {
		value := c.load.ledger.next(fmt.Sprintf("service-%d", p))
		records = append(records, &kgo.Record{Topic: orders, Partition: p, Value: []byte(value)})
	}
	for _, result := range c.prober.ProduceSync(ctx, records...) {
		if result.Err != nil {
			missing = fmt.Sprintf("partition %d does not serve: %v", result.Record.Partition, result.Err)
			continue
		}
		c.load.ledger.ack(string(result.Record.Value), result.Record.Partition, result.Record.Offset)
	}
	return missing
}

// finish stops the load and judges the history. Every replica has to have the same.
func (c *campaign) finish() {
	c.load.stop()
	c.t.Logf("%d records acked", c.load.ledger.count())
	c.load.ledger.verifyTransactions(c.committed())
	c.load.ledger.verify(c.t, c.content())
}

// content reads the topic from its beginning to its end.
func (c *campaign) content() map[int32][]string {
	content := map[int32][]string{}
	c.readAll(orders, false, func(r *kgo.Record) {
		if int(r.Offset) != len(content[r.Partition]) {
			c.t.Fatalf("partition %d has a hole before offset %d", r.Partition, r.Offset)
		}
		content[r.Partition] = append(content[r.Partition], string(r.Value))
	})
	return content
}

// committed counts what a reader of committed records gets, by transaction.
func (c *campaign) committed() map[string]int {
	counts := map[string]int{}
	c.readAll(payments, true, func(r *kgo.Record) { counts[string(r.Value)]++ })
	return counts
}

// readAll reads what a topic has. A marker in each partition says where that ends: it is written now.
func (c *campaign) readAll(topic string, committed bool, visit func(*kgo.Record)) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	ends := map[int32]int64{}
	for p := range int32(partitions) {
		record := &kgo.Record{Topic: topic, Partition: p, Value: []byte("end/1")}
		for c.prober.ProduceSync(ctx, record).FirstErr() != nil {
			if ctx.Err() != nil {
				c.t.Fatalf("the end of %s-%d was not written", topic, p)
			}
			record = &kgo.Record{Topic: topic, Partition: p, Value: []byte("end/1")}
		}
		ends[p] = record.Offset
	}
	options := []kgo.Opt{kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
	if committed {
		options = append(options, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	reader := c.world.client(options...)
	defer reader.Close()
	for len(ends) > 0 {
		fetches := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			c.t.Fatalf("%s: the end of %v was not read", topic, ends)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if end, open := ends[r.Partition]; open && r.Offset == end {
				delete(ends, r.Partition)
			} else if open && string(r.Value) != "end/1" {
				visit(r)
			}
		})
	}
}
