package sim

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"time"
	"weak"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/actors/kit"
)

// node is a machine with one broker on it, over all its starts and crashes.
type node struct {
	world  *world
	id     int32
	disk   *disk
	skew   time.Duration // of its clock against the true time
	life   *life         // nil while it is off
	starts int
}

// life is a broker from a start to a crash. Whatever of it still runs afterwards runs against a wall: its turns
// are not run, its disk fails and its connections are cut.
type life struct {
	node     *node
	number   int
	system   *kit.System
	broker   kit.Address
	listener *listener
	serving  bool
	dead     bool
	parked   []func() // turns of a machine that stands still
	still    bool     // it stands still
	failure  error    // why the node has given itself up
}

// nodeAddress is where nodes take the links of others, and clientAddress where clients would connect.
func nodeAddress(id int32) string { return fmt.Sprintf("node-%d:5001", id) }

func clientAddress(id int32) string { return fmt.Sprintf("node-%d:9092", id) }

// settings are those of a node. Files are small, so that rolls, checkpoints, and copies of ranges because the
// entries are gone, come often.
func (n *node) settings() config.Config {
	c := config.Default()
	c.NodeID, c.DataDir = n.id, "/data"
	c.Bind.Kafka, c.Bind.Metrics, c.Bind.Raft = clientAddress(n.id), "off", nodeAddress(n.id)
	for _, other := range n.world.nodes {
		c.Peers = append(c.Peers, config.Peer{
			ID: other.id, Kafka: clientAddress(other.id), Raft: nodeAddress(other.id),
		})
	}
	c.ReplicationFactor, c.MinInsyncReplicas = 0, 0
	c.Groups.OffsetsPartitions, c.Groups.OffsetsReplication = 1, 3
	c.Transactions.StatePartitions, c.Transactions.StateReplication = 1, 3
	c.Topics.AutoCreate = false
	c.Log.ProducerExpiration = 20 * 24 * time.Hour // clocks jump by hours
	c.Storage.ReserveBytes = 0
	if _, err := c.Complete(); err != nil {
		panic(fmt.Sprintf("BUG: got %v, want settings that fit together", err))
	}
	c.Bind.Metrics = ""
	c.Storage.WALFileBytes, c.Storage.CheckpointBytes = 64<<10, 128<<10
	c.Storage.PlaceBytes = placeBytes[(n.world.options.seed+uint64(n.id))%uint64(len(placeBytes))]
	c.Log.SegmentBytes, c.Log.SegmentTime = 1<<20, 20*time.Second
	return c
}

// placeBytes are what nodes differ in: from which size on batches go straight to their segment.
var placeBytes = [...]config.Size{1, config.Unlimited, 150, 64 << 10, 400}

// start builds the broker. It serves some time later, or fails.
func (n *node) start() {
	w := n.world
	n.starts++
	l := &life{node: n, number: n.starts, listener: newListener(clientAddress(n.id))}
	n.life = l
	n.disk.begin()
	w.log("node %d starts (%d)", n.id, n.starts)
	l.system = kit.NewSystem(kit.SystemConfig{
		Logger: l.logger(), Clock: clock{l}, Dispatcher: l, Trace: l.trace,
	})
	options := broker.Options{
		Config: n.settings(), Log: l.logger(), FS: n.disk.view(), Network: network{l}, Transport: &port{l},
	}
	l.broker = l.system.Spawn("broker", broker.Spec(l.system, options, l.failed))
	l.broker.Tell(broker.Subscribe{Who: kit.AddressFor("sim", l.heard), Leaders: true})
}

// heard notes the events of the broker's life.
func (l *life) heard(message any) {
	if l.dead {
		return
	}
	switch m := message.(type) {
	case broker.Ready:
		l.serving = m.Err == nil
	case broker.Failed:
		l.failed(m.Err)
	case broker.Stopped:
		l.serving = false
	case broker.LeaderChanged:
		l.node.world.leaderHeard(l, m)
	}
}

// failed hears that the broker gives itself up, as it must when its disk fails. A person, or what supervises
// processes, starts it again some time later.
func (l *life) failed(err error) {
	if l.dead || l.failure != nil {
		return
	}
	w := l.node.world
	l.failure, l.serving = err, false
	w.log("node %d gives up: %v", l.node.id, err)
	w.checkFailure(l, err)
	w.scheduler.after(w.scheduler.between(0, 3*time.Second), func() {
		if !l.dead {
			l.node.crash("it has failed")
			l.node.restart(w.scheduler.between(0, 3*time.Second))
		}
	})
}

// crash takes the power away. What the disk has not synced may be lost.
func (n *node) crash(why string) {
	l := n.life
	if l == nil {
		return
	}
	n.world.log("node %d crashes: %s", n.id, why)
	l.dead, l.serving, l.parked = true, false, nil
	n.world.scheduler.alarms.Drop(l)
	n.life = nil
	n.disk.crash(n.world.scheduler.random)
	n.world.wire.cut(l)
	l.listener.end()
	n.world.crashes++
	n.world.dead = append(n.world.dead, weak.Make(l))
}

// restart starts the node after a time, unless it is on by then.
func (n *node) restart(after time.Duration) {
	n.world.scheduler.after(after, func() {
		if n.life == nil {
			n.start()
		}
	})
}

// wipe is what a new machine in the place of the old one finds: an empty disk.
func (n *node) wipe() {
	n.crash("its disk is lost")
	n.world.log("node %d gets an empty disk", n.id)
	n.disk.empty()
}

// freeze stops the machine for a time, as a paused virtual machine is: no turn runs, time goes on.
func (l *life) freeze(d time.Duration) {
	if l.still {
		return
	}
	l.still = true
	l.node.world.log("node %d freezes for %v", l.node.id, d)
	l.node.world.scheduler.after(d, func() {
		l.still = false
		parked := l.parked
		l.parked = nil
		for _, run := range parked {
			l.Schedule(kit.Address{}, run)
		}
		l.node.world.wire.heal()
	})
}

// Schedule implements kit.Dispatcher.
func (l *life) Schedule(who kit.Address, run func()) {
	if l.dead {
		return
	}
	w := l.node.world
	guarded := func() {
		switch {
		case l.dead:
		case l.still:
			l.parked = append(l.parked, run)
		default:
			run()
			l.node.disk.maybeCrash(l.node)
		}
	}
	if l.node.disk.slow > 0 && strings.HasSuffix(who.ID(), "/wal") {
		w.scheduler.after(w.scheduler.about(l.node.disk.slow), func() { w.scheduler.schedule(guarded) })
		return
	}
	w.scheduler.schedule(guarded)
}

// Throughput implements kit.Dispatcher.
func (l *life) Throughput() int { return 1 }

// trace sees each message right before it is handled.
func (l *life) trace(who kit.Address, message any) {
	w := l.node.world
	w.scheduler.note(l.node.id, who, message)
	w.watch(l, who, message)
}

// clock is that of a node, for one life. It may be wrong, and jump.
type clock struct{ life *life }

// Now implements kit.Clock.
func (c clock) Now() time.Time { return c.life.node.world.scheduler.now.Add(c.life.node.skew) }

// AfterFunc implements kit.Clock. The alarms of a life end with it, or they would keep all of it in memory.
func (c clock) AfterFunc(d time.Duration, f func()) kit.Timer {
	if c.life.dead {
		return timer{}
	}
	s := c.life.node.world.scheduler
	return timer{&s.alarms, s.alarms.Set(s.now.Add(max(d, 0)), c.life, f)}
}

// network has listeners that nobody connects to: clients speak with actors.
type network struct{ life *life }

// Listen implements broker.Network.
func (n network) Listen(context.Context, string, string) (net.Listener, error) {
	return n.life.listener, nil
}

// DialContext implements broker.Network.
func (n network) DialContext(context.Context, string, string) (net.Conn, error) {
	return nil, fmt.Errorf("BUG: got a node that dials, want one that uses its transport")
}

// listener waits for ever. Its accept loop is the only goroutine of a node, and ends without a word: whatever
// it said would come at a moment that no seed decides.
type listener struct {
	address string
	ended   chan struct{}
	done    bool
}

func newListener(address string) *listener {
	return &listener{address: address, ended: make(chan struct{})}
}

func (l *listener) Accept() (net.Conn, error) {
	<-l.ended
	runtime.Goexit()
	return nil, net.ErrClosed
}

func (l *listener) Close() error {
	l.end()
	return nil
}

func (l *listener) end() {
	if !l.done {
		l.done = true
		close(l.ended)
	}
}

func (l *listener) Addr() net.Addr { return address(l.address) }

// address is the HOST:PORT of a node.
type address string

func (address) Network() string { return "sim" }

func (a address) String() string { return string(a) }
