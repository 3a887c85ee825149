package chaos

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/actors/kit"
)

// campaign is one run on one cluster.
type campaign struct {
	t      *testing.T
	world  *world
	load   *load
	random *rand.Rand
	table  *table
	prober *kgo.Client
	done   int            // crashes
	missed map[string]int // of a target and point: how often it was waited for in vain
	turns  int            // provocations so far, from a place of its own on
}

// shot is a crash that is wanted.
type shot struct {
	target
	point kit.Point
	node  *node
	path  string // pattern of the actor
}

func (s shot) key() string { return s.target.key() + " " + string(s.point) }

func (s shot) String() string {
	return fmt.Sprintf("%s %s at %s on node %d", s.kind(), s.point, s.message, s.node.id)
}

func newCampaign(t *testing.T, size int, random *rand.Rand, results *table) *campaign {
	w := newWorld(t, size)
	c := &campaign{
		t: t, world: w, random: random, table: results, missed: map[string]int{}, turns: random.IntN(100),
	}
	if t.Failed() {
		t.FailNow()
	}
	c.load = w.load()
	// What is not acked is not sent again, so that nothing of it is there twice.
	c.prober = w.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite(),
		kgo.MaxProduceRequestsInflightPerBroker(1), kgo.RecordRetries(0), kgo.ProduceRequestTimeout(time.Second))
	t.Cleanup(c.prober.Close)
	c.awaitService("at the start")
	c.awaitCoordinators()
	c.settle()
	return c
}

// awaitCoordinators waits until the load has made the topics that nobody creates.
func (c *campaign) awaitCoordinators() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	there := c.world.nodes[0].alive().await(ctx, func() bool {
		names := c.world.kinds.names()
		return slices.Contains(names, "groups/coordinator/consumers") &&
			slices.Contains(names, "transactions/coordinator")
	})
	if !there {
		c.t.Fatal("no coordinators")
	}
}

// calm is how long a tree has to stay as it is to be taken for whole.
const calm = 300 * time.Millisecond

// settle waits until the trees do not change any more, and takes them for what has to be there.
func (c *campaign) settle() {
	for _, n := range c.world.nodes {
		life, quiet := n.alive(), time.NewTimer(calm)
		n.whole = life.standing()
		for changing, end := true, time.Now().Add(patience); changing && time.Now().Before(end); {
			changed := life.next()
			if now := life.standing(); len(now) != len(n.whole) {
				n.whole = now
				quiet.Reset(calm)
			}
			select {
			case <-changed:
			case <-quiet.C:
				changing = false
			}
		}
		quiet.Stop()
	}
}

// run injects crashes: alone, several at once, at messages that have to be provoked, and in bursts.
func (c *campaign) run(count int) {
	begun := time.Now()
	for told, idle := 0, 0; c.done < count && idle < mostIdle && !c.t.Failed(); {
		before := c.done
		switch draw := c.random.IntN(100); {
		case draw < 48:
			c.alone()
		case draw < 68:
			c.volley()
		case draw < 96:
			c.provoke()
		default:
			c.pastTheLimit()
		}
		idle++
		if c.done > before {
			idle = 0
		}
		if c.done/100 > told {
			told = c.done / 100
			c.t.Logf("%d crashes after %v, %d records acked", c.done, time.Since(begun).Round(time.Second),
				c.load.ledger.count())
		}
	}
	if c.done < count && !c.t.Failed() {
		c.t.Errorf("got %d crashes, want %d: nothing is hit any more", c.done, count)
	}
}

// mostIdle bounds how many attempts in a row may hit nothing.
const mostIdle = 50

// volleySize is how many crashes are injected at once.
const volleySize = 5

// alone injects one crash and measures how long it takes until everything is as before.
func (c *campaign) alone() {
	n := c.anyNode()
	shots := c.choose(wish{
		node: n, often: true, count: 1, fatal: true, taken: map[string]bool{}, hits: c.table.alone,
	})
	if len(shots) == 0 {
		c.renew(n)
		return
	}
	begun := time.Now()
	c.repair(false, "nothing")
	c.table.addQuiet(time.Since(begun))
	errors := c.load.errors.Load()
	hits := c.fire(shots, nil, strikeTime)
	if one, struck := hits[0]; struck {
		fatal := c.repair(isFatal(shots[0].kind()), shots[0].String())
		c.table.addAlone(shots[0].kind(), time.Since(one.at), c.load.errors.Load()-errors, fatal)
	}
}

// volley injects several crashes at once, in units that are supervised apart, on all nodes.
func (c *campaign) volley() {
	taken := map[string]bool{}
	var shots []shot
	for range volleySize {
		one := wish{node: c.anyNode(), often: true, count: 1, taken: taken, hits: c.table.crashes}
		shots = append(shots, c.choose(one)...)
	}
	if len(shots) == 0 {
		c.renew(c.anyNode())
		return
	}
	c.fire(shots, nil, strikeTime)
	c.repair(false, describe(shots))
}

// renew starts a node again whose parts have all failed as often as is repaired without a long wait.
func (c *campaign) renew(n *node) {
	n.cut()
	n.start()
	c.repair(false, fmt.Sprintf("start of node %d", n.id))
}

func (c *campaign) anyNode() *node { return c.world.nodes[c.random.IntN(len(c.world.nodes))] }

func describe(shots []shot) string {
	var texts []string
	for _, one := range shots {
		texts = append(texts, one.String())
	}
	return strings.Join(texts, "; ")
}

// wish says what crashes are wanted.
type wish struct {
	node  *node
	often bool // at messages that come often, or at all others
	count int
	fatal bool                  // also those after which a node stops
	taken map[string]bool       // units of supervision that others are of
	hits  func(kind string) int // what there has been
	// sort says which provocation there will be, "" for none.
	sort string
}

// ranked is a crash that could be.
type ranked struct {
	shot
	unit                 string
	kinds, messages, own int // how often there has been such a one
	rare                 int // at how many sorts of provocations it comes
	draw                 uint64
}

// choose picks crashes: of all that may be now, the kinds that were hit least come first, of a kind its
// messages and points. No two are of one unit of supervision.
func (c *campaign) choose(w wish) []shot {
	var all []ranked
	for _, one := range c.world.kinds.targets(w.often) {
		path, fatal := c.instance(w.node, one, w.often), isFatal(one.kind())
		if path == "" || fatal && !w.fatal || w.fatal && !w.often && !fatal {
			continue
		}
		rare, likely := c.table.rarity(one.key(), w.sort)
		if !likely {
			continue
		}
		unit, _ := unitOf(path)
		unit = fmt.Sprint(w.node.id, cmp.Or(unit, one.kind()))
		for _, point := range []kit.Point{kit.Before, kit.Middle, kit.After} {
			s := shot{target: one, point: point, node: w.node, path: path}
			if c.missed[s.key()] > 2 && c.random.IntN(10) > 0 {
				continue // it is not worth the wait each time
			}
			all = append(all, ranked{
				rare: rare, shot: s, unit: unit, kinds: w.hits(one.kind()), messages: c.table.hit(one.key()),
				own: c.table.hit(s.key()) + c.missed[s.key()], draw: c.random.Uint64(),
			})
		}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		kinds, own := cmp.Compare(a.kinds, b.kinds), cmp.Compare(a.own, b.own)
		if !w.often {
			kinds = 0 // what a kind was hit by often does not count for what is rare
		}
		return cmp.Or(kinds, own, cmp.Compare(a.rare, b.rare), cmp.Compare(a.messages, b.messages),
			cmp.Compare(a.kinds, b.kinds), cmp.Compare(a.draw, b.draw))
	})
	var chosen []shot
	for _, one := range all {
		if len(chosen) < w.count && !w.taken[one.unit] {
			w.taken[one.unit] = true
			chosen = append(chosen, one.shot)
		}
	}
	return chosen
}

// instance returns the path of an actor of a kind that may crash once more, "" if there is none. Those that
// come and go have a pattern in place of a path.
func (c *campaign) instance(n *node, one target, often bool) string {
	pattern := c.world.kinds.pattern(one)
	switch {
	case one.passing:
		return temporary(pattern)
	case !isNamed(pattern):
		return pattern
	}
	var paths []string
	for _, path := range c.world.kinds.places(one, often) {
		if n.budgets.allows(path, time.Now()) && n.alive().has(path) {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return ""
	}
	return paths[c.random.IntN(len(paths))]
}

// temporary returns a pattern for the replicas of topics that are made and removed all the time, in which
// there is what no other replica gets to handle.
func temporary(pattern string) string {
	return strings.NewReplacer("/group-*", "/group-temporary-*", "/partition-*", "/partition-temporary-*").
		Replace(pattern)
}

// fire arms faults, provokes their messages, and returns those that have struck, by their place among the
// shots. When it returns, the actors that were struck have stopped.
func (c *campaign) fire(shots []shot, provoke func(), within time.Duration) map[int]hit {
	for len(c.world.hits) > 0 {
		<-c.world.hits
	}
	type armed struct {
		node *node
		id   uint64
	}
	places := map[armed]int{}
	for i, one := range shots {
		id, err := one.node.faults.Add(kit.Fault{
			Path: one.path, Message: literal.Replace(one.message), Point: one.point, Step: 1 + c.random.IntN(3),
		})
		if err != nil {
			c.t.Fatal(err)
		}
		places[armed{one.node, id}] = i
	}
	if provoke != nil {
		provoke()
	}
	hits := map[int]hit{}
	timer := time.NewTimer(within)
	defer timer.Stop()
	for waiting := true; waiting && len(hits) < len(shots); {
		select {
		case one := <-c.world.hits:
			if place, ours := places[armed{one.node, one.Fault}]; ours {
				hits[place] = one
			} else {
				one.node.budgets.spend(one.Actor, one.at) // one beside
			}
		case <-timer.C:
			waiting = false
		}
	}
	for one := range places {
		one.node.faults.Remove(one.id)
	}
	for len(c.world.hits) > 0 { // one that struck while the others were being removed
		if one := <-c.world.hits; one.node != nil {
			if place, ours := places[armed{one.node, one.Fault}]; ours {
				hits[place] = one
			}
		}
	}
	for i, one := range shots {
		if struck, is := hits[i]; is {
			c.account(one, struck)
		} else {
			c.missed[one.key()]++
		}
	}
	return hits
}

// literal makes a pattern of a type's name.
var literal = strings.NewReplacer("[", `\[`)

// account waits until the actor that was struck has stopped, and counts.
func (c *campaign) account(one shot, struck hit) {
	select {
	case <-struck.end:
	case <-time.After(patience):
		c.t.Fatalf("%s goes on after a panic %s", struck.Actor, one)
	}
	c.done++
	c.missed[one.key()] = 0
	struck.node.budgets.spend(struck.Actor, struck.at)
	c.table.add(one)
}

// repair waits until the trees are whole and all partitions take records. A node that had to stop, because
// its log or its root has failed, is started again, as whoever runs it would.
func (c *campaign) repair(mayStop bool, what string) (fatal bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		for _, n := range c.world.nodes {
			life := n.alive()
			life.await(ctx, func() bool {
				_, over := n.over()
				return over || life.missing(n.whole) == ""
			})
			if err, over := n.over(); over {
				fatal = true
				if !mayStop {
					c.load.ledger.violation("%s stopped node %d: %v", what, n.id, err)
				}
				n.stop()
				n.start()
			}
		}
		missing := c.missing()
		if missing == "" {
			if missing = c.serve(time.Second); missing == "" {
				return fatal
			}
		}
		if ctx.Err() != nil {
			c.t.Fatalf("%s: %s is missing after %v", what, missing, patience)
		}
	}
}

// missing returns an actor that has to be there and is not, "" if the trees are whole.
func (c *campaign) missing() string {
	for _, n := range c.world.nodes {
		if n.current() == nil {
			return fmt.Sprintf("node %d", n.id)
		}
		if path := n.alive().missing(n.whole); path != "" {
			return fmt.Sprintf("%s of node %d", path, n.id)
		}
	}
	return ""
}

// awaitService returns when every partition has taken a record.
func (c *campaign) awaitService(what string) {
	missing := "service"
	for until := time.Now().Add(patience); missing != "" && time.Now().Before(until); {
		missing = c.serve(time.Second)
	}
	if missing != "" {
		c.t.Fatalf("%s: %s after %v", what, missing, patience)
	}
}

// serve has every partition take a record, or says why one did not.
func (c *campaign) serve(within time.Duration) (missing string) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return c.produce(ctx, 0, 1, 2)
}

// serveOne has one partition take a record, or says why it did not.
func (c *campaign) serveOne(partition int32, within time.Duration) (missing string) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return c.produce(ctx, partition)
}

func (c *campaign) produce(ctx context.Context, partitions ...int32) (missing string) {
	var records []*kgo.Record
	for _, p := range partitions {
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
