package sim

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/vfs"
)

// nemesis makes things go wrong, one now and then. What it does ends by itself after a while, and for good at its
// end. It stays within what is promised: whatever happens, at most one disk is lost, and disks lose nothing that
// they have synced.
type nemesis struct {
	world *world
	over  bool
	pace  time.Duration // mean time between two faults
	wiped bool
	thin  bool           // a partition has been on two nodes, of which none may lose its disk
	done  map[string]int // how often each was done
	away  *node          // who is cut off until somebody has voted; nil: nobody waits for a vote
}

// fault is something that goes wrong.
type fault struct {
	name   string
	weight int
	do     func(*nemesis) bool // declines with false
}

// faults are all there are.
var faults = []fault{
	{"crash", 10, (*nemesis).crashOne},
	{"crash and back at once", 8, (*nemesis).flicker},
	{"crash of several", 3, (*nemesis).crashSeveral},
	{"crash of all", 3, (*nemesis).crashAll},
	{"crash in a write", 8, (*nemesis).crashInWrite},
	{"orderly stop", 4, (*nemesis).stop},
	{"node cut off", 8, (*nemesis).isolate},
	{"one way blocked", 8, (*nemesis).blockOneWay},
	{"split", 4, (*nemesis).split},
	{"slow network", 8, (*nemesis).slowNetwork},
	{"lossy network", 8, (*nemesis).lossyNetwork},
	{"slow disk", 6, (*nemesis).slowDisk},
	{"disk error", 3, (*nemesis).diskError},
	{"disk full", 3, (*nemesis).diskFull},
	{"freeze", 6, (*nemesis).freeze},
	{"clock jump", 4, (*nemesis).clockJump},
	{"disk lost", 2, (*nemesis).wipe},
	{"vote and crash", 5, (*nemesis).voteAndCrash},
	{"reassignment", 5, (*nemesis).reassign},
	{"election", 3, (*nemesis).elect},
}

func newNemesis(w *world) *nemesis {
	pace := []time.Duration{4 * time.Second, 12 * time.Second, 40 * time.Second}
	return &nemesis{world: w, pace: pace[w.scheduler.random.IntN(len(pace))], done: map[string]int{}}
}

func (n *nemesis) begin() {
	s := n.world.scheduler
	s.after(s.about(n.pace), func() {
		if n.over {
			return
		}
		n.strike()
		n.begin()
	})
}

// strike does one thing.
func (n *nemesis) strike() {
	total := 0
	for _, f := range faults {
		total += f.weight
	}
	drawn := n.world.scheduler.random.IntN(total)
	for _, f := range faults {
		if drawn -= f.weight; drawn < 0 {
			if f.do(n) {
				n.done[f.name]++
			}
			return
		}
	}
}

// end repairs everything and starts what is off.
func (n *nemesis) end() {
	w := n.world
	n.over = true
	w.log("everything is repaired")
	clear(w.wire.blocked)
	w.wire.least, w.wire.most, w.wire.lose, w.wire.double = 50*time.Microsecond, 500*time.Microsecond, 0, 0
	w.wire.heal()
	for _, one := range w.nodes {
		one.disk.slow, one.disk.full, one.disk.fail, one.disk.until = 0, false, nil, 0
		one.restart(0)
	}
}

// later undoes something after a time, unless everything is repaired by then.
func (n *nemesis) later(least, most time.Duration, undo func()) {
	n.world.scheduler.after(n.world.scheduler.between(least, most), func() {
		if !n.over {
			undo()
		}
	})
}

func (n *nemesis) one() *node {
	return n.world.nodes[n.world.scheduler.random.IntN(len(n.world.nodes))]
}

// shuffled returns all nodes in some order.
func (n *nemesis) shuffled() []*node {
	var nodes []*node
	for _, i := range n.world.scheduler.random.Perm(len(n.world.nodes)) {
		nodes = append(nodes, n.world.nodes[i])
	}
	return nodes
}

func (n *nemesis) crashOne() bool {
	one := n.one()
	if one.life == nil {
		return false
	}
	one.crash("a crash")
	one.restart(n.world.scheduler.between(0, 15*time.Second))
	return true
}

// flicker crashes a node that is back before anybody notices.
func (n *nemesis) flicker() bool {
	one := n.one()
	if one.life == nil {
		return false
	}
	one.crash("a crash, back at once")
	one.restart(n.world.scheduler.between(0, 50*time.Millisecond))
	return true
}

func (n *nemesis) crashSeveral() bool {
	nodes := n.shuffled()
	for _, one := range nodes[:1+len(nodes)/2] {
		one.crash("a crash of several")
		one.restart(n.world.scheduler.between(0, 10*time.Second))
	}
	return true
}

func (n *nemesis) crashAll() bool {
	for _, one := range n.world.nodes {
		one.crash("the power is gone")
		one.restart(n.world.scheduler.between(0, 5*time.Second))
	}
	return true
}

// crashInWrite takes the power away at one of the next operations of the disk.
func (n *nemesis) crashInWrite() bool {
	one := n.one()
	if one.life == nil {
		return false
	}
	one.disk.until = 1 + n.world.scheduler.random.IntN(60)
	return true
}

// stop takes a node down as it should be.
func (n *nemesis) stop() bool {
	one := n.one()
	l := one.life
	if l == nil || !l.serving {
		return false
	}
	n.world.log("node %d is stopped", one.id)
	l.broker.Tell(broker.Stop{Within: 5 * time.Second, ReplyTo: kit.AddressFor("stop", func(any) {
		n.world.scheduler.after(time.Millisecond, func() {
			if !l.dead {
				one.crash("it has stopped")
				one.restart(n.world.scheduler.between(0, 5*time.Second))
			}
		})
	})})
	return true
}

func (n *nemesis) block(from, to *node) {
	if from != to {
		n.world.wire.blocked[[2]int32{from.id, to.id}] = true
	}
}

func (n *nemesis) unblock() {
	n.world.log("all ways are open")
	clear(n.world.wire.blocked)
	n.world.wire.heal()
}

func (n *nemesis) isolate() bool {
	one := n.one()
	n.world.log("node %d is cut off", one.id)
	for _, other := range n.world.nodes {
		n.block(one, other)
		n.block(other, one)
	}
	n.later(100*time.Millisecond, 15*time.Second, n.unblock)
	return true
}

// blockOneWay blocks the way from one node to another, or to all others.
func (n *nemesis) blockOneWay() bool {
	nodes := n.shuffled()
	to := nodes[1:2]
	if n.world.scheduler.chance(0.4) {
		to = nodes[1:]
	}
	for _, other := range to {
		n.world.log("the way from node %d to %d is blocked", nodes[0].id, other.id)
		n.block(nodes[0], other)
	}
	n.later(100*time.Millisecond, 15*time.Second, n.unblock)
	return true
}

// split cuts the cluster in two.
func (n *nemesis) split() bool {
	nodes := n.shuffled()
	at := 1 + n.world.scheduler.random.IntN(len(nodes)-1)
	n.world.log("the cluster is split after %d nodes", at)
	for i, one := range nodes {
		for j, other := range nodes {
			if (i < at) != (j < at) {
				n.block(one, other)
			}
		}
	}
	n.later(100*time.Millisecond, 20*time.Second, n.unblock)
	return true
}

func (n *nemesis) slowNetwork() bool {
	w := n.world.wire
	w.most = n.world.scheduler.between(2*time.Millisecond, 250*time.Millisecond)
	n.world.log("the network takes up to %v", w.most)
	n.later(time.Second, 20*time.Second, func() { w.most = 500 * time.Microsecond })
	return true
}

func (n *nemesis) lossyNetwork() bool {
	w, random := n.world.wire, n.world.scheduler.random
	w.lose, w.double = random.Float64()*0.3, random.Float64()*0.3
	n.world.log("of the messages of raft %.2f are lost and %.2f doubled", w.lose, w.double)
	n.later(time.Second, 20*time.Second, func() { w.lose, w.double = 0, 0 })
	return true
}

func (n *nemesis) slowDisk() bool {
	one := n.one()
	one.disk.slow = n.world.scheduler.between(time.Millisecond, 400*time.Millisecond)
	n.world.log("the disk of node %d takes %v", one.id, one.disk.slow)
	n.later(time.Second, 15*time.Second, func() { one.disk.slow = 0 })
	return true
}

// diskError fails one write or sync.
func (n *nemesis) diskError() bool {
	one := n.one()
	if one.life == nil {
		return false
	}
	n.world.log("the disk of node %d fails", one.id)
	one.disk.fail, one.disk.wronged = vfs.ErrInjected, true
	return true
}

func (n *nemesis) diskFull() bool {
	one := n.one()
	n.world.log("the disk of node %d is full", one.id)
	one.disk.full, one.disk.wronged = true, true
	n.later(time.Second, 20*time.Second, func() { one.disk.full = false })
	return true
}

func (n *nemesis) freeze() bool {
	one := n.one()
	if one.life == nil {
		return false
	}
	one.life.freeze(n.world.scheduler.between(50*time.Millisecond, 8*time.Second))
	return true
}

// clockJump sets the clock of a node, forward by up to two hours and back by up to some seconds.
func (n *nemesis) clockJump() bool {
	one, s := n.one(), n.world.scheduler
	by := s.between(0, 10*time.Second)
	switch {
	case s.chance(0.3):
		by = s.between(0, 2*time.Hour)
	case s.chance(0.5):
		by = -min(by, 3*time.Second)
	}
	n.world.log("the clock of node %d jumps by %v", one.id, by)
	one.skew += by
	return true
}

// wipe gives a node an empty disk. Another one could not be borne before the first is full again.
func (n *nemesis) wipe() bool {
	if n.wiped || n.thin || !n.world.serving() {
		return false
	}
	n.wiped = true
	one := n.one()
	one.wipe()
	one.restart(n.world.scheduler.between(0, 10*time.Second))
	return true
}

// reassign moves a partition to other nodes.
func (n *nemesis) reassign() bool {
	s := n.world.scheduler
	nodes := n.shuffled()
	count := 3
	if !n.wiped && s.chance(0.3) {
		count, n.thin = 2, true
	}
	r := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	topic := kmsg.NewAlterPartitionAssignmentsRequestTopic()
	topic.Topic = topicName
	one := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	one.Partition = int32(s.random.IntN(partitions))
	for _, other := range nodes[:count] {
		one.Replicas = append(one.Replicas, other.id)
	}
	topic.Partitions = append(topic.Partitions, one)
	r.Topics, r.TimeoutMillis = append(r.Topics, topic), 10_000
	r.SetVersion(0)
	n.world.log("%s-%d is to be on %v", topicName, one.Partition, one.Replicas)
	n.request(r)
	return true
}

// elect asks for leaders to be who they should be.
func (n *nemesis) elect() bool {
	r := kmsg.NewPtrElectLeadersRequest()
	r.TimeoutMillis = 10_000
	r.SetVersion(1)
	n.request(r)
	return true
}

// request does not care for the answer.
func (n *nemesis) request(body kmsg.Request) {
	c := &caller{world: n.world, name: "nemesis"}
	c.request(c.anyNode(), body, func(kmsg.Response, error) {})
}

// voteAndCrash cuts one node off and waits for an election among the others. Whoever votes for another one then
// crashes right after that and is back at once, and finds that the one he has voted for is away and the one that was
// away is back, asking for a vote in the same term: no vote may be given twice.
func (n *nemesis) voteAndCrash() bool {
	if n.away != nil || !n.world.serving() {
		return false
	}
	n.away = n.one()
	n.alone(n.away)
	n.later(6*time.Second, 10*time.Second, func() {
		n.away = nil
		n.unblock()
	})
	return true
}

// alone cuts one node off, and nobody else.
func (n *nemesis) alone(one *node) {
	n.world.log("node %d is cut off, and nobody else", one.id)
	clear(n.world.wire.blocked)
	for _, other := range n.world.nodes {
		n.block(one, other)
		n.block(other, one)
	}
	n.world.wire.heal()
}

// voted hears that a node is about to make a vote for another one durable.
func (n *nemesis) voted(l *life, candidate int32) {
	if n.away == nil || n.over || l.node == n.away || candidate == l.node.id {
		return
	}
	n.away = nil
	n.world.scheduler.after(n.world.scheduler.between(200*time.Microsecond, 1200*time.Microsecond), func() {
		if n.over || l.dead {
			return
		}
		l.node.crash("it has voted")
		l.node.restart(n.world.scheduler.between(0, 20*time.Millisecond))
		n.alone(n.world.nodes[candidate-1])
	})
}
