package chaos

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/vfs"
)

// provocation makes rare messages come. One with a crash has a part crash that others have to do with.
type provocation struct {
	crash string // path of a part that is crashed; or
	below bool   // children of many parts are crashed: their parents are told; or
	waits bool   // nothing is done: what is waited for comes by itself, now and then; or
	cuts  bool   // the life of a node is ended without notice instead of in order, before another one is begun
	wipes bool   // its disk is lost as well
	other bool   // it is another node than the one that is watched
}

// sort tells provocations apart.
func (p provocation) sort() string {
	switch {
	case p.other && p.cuts:
		return "kill of another"
	case p.other:
		return "restart of another"
	case p.crash != "":
		return "crash of " + p.crash
	case p.below:
		return "crash of children"
	case p.waits:
		return "patience"
	case p.wipes:
		return "loss of the disk"
	case p.cuts:
		return "kill"
	}
	return "restart"
}

// strikeTime is how long a fault waits for a message that comes often, provokedTime for one that was provoked,
// patientTime for one that comes now and then.
const (
	strikeTime   = 500 * time.Millisecond
	provokedTime = 300 * time.Millisecond
	patientTime  = 2 * time.Second
)

func (p provocation) time() time.Duration {
	if p.waits {
		return patientTime
	}
	return provokedTime
}

// provocations take turns; those of clusters are for what a lost disk or the end of another node brings.
var (
	provocations = []provocation{
		{}, {crash: "broker/metadata"}, {cuts: true}, {waits: true}, {crash: "broker/raft"}, {below: true},
		{cuts: true}, {crash: "broker/partitions"}, {waits: true}, {crash: "broker/groups"}, {cuts: true},
		{crash: "broker/transactions"}, {}, {crash: "broker/listener-kafka"},
	}
	ofClusters = []provocation{
		{wipes: true}, {other: true, cuts: true}, {wipes: true}, {other: true}, {other: true, cuts: true},
	}
	// fatal ones are for the parts whose failure is the end of a life.
	fatal = []provocation{
		{}, {cuts: true}, {crash: "broker/raft"}, {cuts: true}, {crash: "broker/storage/janitor"}, {waits: true}, {},
		{crash: "broker/metadata"}, {cuts: true},
	}
)

// children are parts that come and go, one of which is crashed beside what is waited for.
var children = []string{
	"broker/brokers/call-*", "broker/groups/coordinator-*/consumers-*", "broker/listener-kafka/conn-*",
	"broker/listener-kafka/conn-*/*", "broker/local/pull-*", "broker/local/pull-*/fetch-*", "broker/raft/link-*",
	"broker/raft/group-temporary-*/applier",
}

// everyFatal is how often a provocation is for one of the parts whose failure is the end of a life.
const everyFatal = 3

// everyOfClusters is how often one of the others, on a cluster, is one that only clusters have.
const everyOfClusters = 3

// provoke injects crashes at messages that come once in a life, or when another part is repaired, or seldom.
func (c *campaign) provoke() {
	w := wish{node: c.anyNode(), count: volleySize, taken: map[string]bool{}, hits: c.table.crashes}
	one := c.next(&w)
	w.sort = one.sort()
	shots := c.choose(w)
	if len(shots) == 0 || !c.ready(one, w.node) {
		return
	}
	before := c.world.kinds.counts()
	var beside []uint64
	c.fire(shots, func() { beside = c.carryOut(one, w.node, w.fatal) }, one.time())
	for _, id := range beside {
		w.node.faults.Remove(id)
	}
	c.repair(w.fatal, describe(shots))
	for target, count := range c.world.kinds.counts() {
		if count > before[target] {
			c.table.brings(target, w.sort)
		}
	}
}

// next returns the provocation whose turn it is.
func (c *campaign) next(w *wish) provocation {
	turn := c.turns
	c.turns++
	if turn%everyFatal == everyFatal-1 {
		w.fatal, w.count = true, 1
		return fatal[turn/everyFatal%len(fatal)]
	}
	place := turn - turn/everyFatal
	if len(c.world.nodes) == 1 {
		return provocations[place%len(provocations)]
	}
	round, step := place/everyOfClusters, place%everyOfClusters
	if step == everyOfClusters-1 {
		return ofClusters[round%len(ofClusters)]
	}
	return provocations[(round*(everyOfClusters-1)+step)%len(provocations)]
}

// ready tells whether a provocation harms nothing that cannot be repaired.
func (c *campaign) ready(one provocation, n *node) bool {
	switch {
	case one.crash != "":
		return n.budgets.allows(one.crash, time.Now())
	case one.wipes:
		return c.awaitReplicas()
	}
	return true
}

// carryOut returns the faults that it leaves armed.
func (c *campaign) carryOut(one provocation, n *node, mayStop bool) (beside []uint64) {
	switch {
	case one.waits:
		return nil
	case one.below:
		for _, path := range children {
			id, err := n.faults.Add(kit.Fault{Path: path})
			if err != nil {
				c.t.Fatal(err)
			}
			beside = append(beside, id)
		}
		return beside
	case one.crash != "":
		n.crash(one.crash)
		return nil
	}
	if one.other {
		n = c.another(n)
	}
	switch {
	case one.cuts:
		n.cut()
	case mayStop:
		n.abandon()
	default:
		n.stop()
	}
	if one.wipes {
		n.fs = vfs.NewMem()
	}
	if err := n.tryStart(); err != nil {
		if !mayStop {
			c.load.ledger.violation("node %d does not start: %v", n.id, err)
		}
		n.faults.Clear()
		n.start()
	}
	return nil
}

// another returns another node.
func (c *campaign) another(n *node) *node {
	for {
		if one := c.anyNode(); one != n {
			return one
		}
	}
}

// brings notes that a target was seen with a sort of provocation.
func (b *table) brings(target, sort string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.brought[target] == nil {
		b.brought[target] = map[string]bool{}
	}
	b.brought[target][sort] = true
}

// unseen is more than there are sorts.
const unseen = 100

// rarity tells with how many sorts of provocations a target was seen, and whether it may come with this one.
func (b *table) rarity(target, sort string) (sorts int, likely bool) {
	if sort == "" {
		return 0, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	brought := b.brought[target]
	if len(brought) == 0 {
		return unseen, true
	}
	return len(brought), brought[sort]
}
