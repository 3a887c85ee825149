package txn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/admin"
	"github.com/chronik-go/chronik/tests/cluster/drive"
	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/cluster/wire"
)

// nemesis breaks whatever can be broken of the machines that real processes run on: processes, clocks, the network
// between them and the disks below them. The last two take root; without, a stalled log stands for a slow disk.
type nemesis struct {
	t       *testing.T
	c       *lab.Cluster
	random  *rand.Rand
	network *wire.Network          // nil: the machine lets nobody have one
	drives  map[int32]*drive.Drive // by node; nil: likewise
	done    map[string]int
	slowing sync.WaitGroup // those who slow disks down
}

// trouble is something that goes wrong with a node.
type trouble struct {
	name string
	// begin returns what ends it; nil: it has no end.
	begin func(n *nemesis, node *lab.Node) (end func())
	needs func(n *nemesis) bool // nil: nothing
}

var troubles = []trouble{
	{"killed", (*nemesis).kill, nil},
	{"frozen", (*nemesis).freeze, nil},
	{"clock jumps", (*nemesis).jump, nil},
	{"log stalls", (*nemesis).stall, func(n *nemesis) bool { return n.drives == nil }},
	{"cut off", (*nemesis).cutOff, hasNetwork},
	{"one way blocked", (*nemesis).blockOneWay, hasNetwork},
	{"slow and lossy link", (*nemesis).spoilLink, hasNetwork},
	{"disk full", (*nemesis).fillDisk, hasDrives},
	{"disk slow", (*nemesis).slowDisk, hasDrives},
	{"disk hangs", (*nemesis).hangDisk, hasDrives},
}

func hasNetwork(n *nemesis) bool { return n.network != nil }
func hasDrives(n *nemesis) bool  { return n.drives != nil }

// run makes trouble, of one or two nodes at a time, until the time is up. Half of the time everything is in sync
// again before the next trouble, and half of the time that comes while the last one heals.
func (n *nemesis) run(stretch time.Duration, topics ...string) {
	n.t.Helper()
	n.done = map[string]int{}
	possible := slices.DeleteFunc(slices.Clone(troubles), func(one trouble) bool {
		return one.needs != nil && !one.needs(n)
	})
	var bag []trouble // each comes before any comes again
	for end := time.Now().Add(stretch); time.Now().Before(end); {
		var ends []func()
		for _, i := range n.random.Perm(len(n.c.Members()))[:1+n.random.IntN(2)] {
			if len(bag) == 0 {
				bag = slices.Clone(possible)
				n.random.Shuffle(len(bag), func(i, j int) { bag[i], bag[j] = bag[j], bag[i] })
			}
			one := bag[0]
			bag = bag[1:]
			n.t.Logf("%s: node %d: %s", time.Now().Format("15:04:05.000"), n.c.Members()[i].ID, one.name)
			ends = append(ends, one.begin(n, n.c.Members()[i]))
			n.done[one.name]++
		}
		n.pass(200*time.Millisecond, 2500*time.Millisecond)
		for _, end := range ends {
			if end != nil {
				end()
			}
		}
		n.startAll()
		if n.random.IntN(2) == 0 {
			n.c.AwaitInSync(lab.Patience, topics...)
		}
		n.pass(200*time.Millisecond, time.Second)
	}
	n.c.AwaitInSync(lab.Patience, topics...)
	n.t.Logf("trouble: %v", n.done)
}

// healDisks lets all disks go on.
func (n *nemesis) healDisks() {
	n.slowing.Wait()
	for _, disk := range n.drives {
		n.must(disk.GoOn())
	}
}

// startAll starts what has ended, because it was killed or because its disk was full, and returns when all nodes
// serve.
func (n *nemesis) startAll() {
	n.t.Helper()
	n.c.Until(lab.Patience, "all nodes serve", func(ctx context.Context) error {
		for _, node := range n.c.Members() {
			if !node.Running() {
				node.Launch()
			}
		}
		for _, node := range n.c.Members() { // a majority has to be up for one to serve
			if err := node.Ready(ctx); err != nil {
				return fmt.Errorf("node %d: %w", node.ID, err)
			}
		}
		return nil
	})
}

func (n *nemesis) pass(least, most time.Duration) {
	lab.Pass(n.t.Context(), least+time.Duration(n.random.Int64N(int64(most-least))))
}

func (n *nemesis) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Error(err)
	}
}

func (n *nemesis) kill(node *lab.Node) func() {
	node.Kill()
	return nil // startAll starts it
}

func (n *nemesis) freeze(node *lab.Node) func() {
	node.Freeze()
	return node.Thaw
}

// jump sets the clock forward by up to two hours, or back by up to some seconds.
func (n *nemesis) jump(node *lab.Node) func() {
	by := time.Duration(n.random.Int64N(int64(10 * time.Second)))
	switch n.random.IntN(3) {
	case 0:
		by = time.Duration(n.random.Int64N(int64(2 * time.Hour)))
	case 1:
		by = -min(by, 3*time.Second)
	}
	n.ask(func(ctx context.Context) error { return node.Jump(ctx, by) })
	return nil
}

// stall makes the write-ahead log wait now and then, as for a disk.
func (n *nemesis) stall(node *lab.Node) func() {
	n.ask(func(ctx context.Context) error {
		return node.Fault(ctx, admin.Fault{
			Path: "broker/storage/wal", Message: "walactor.Append", OneIn: 3, Seed: n.random.Uint64(), Times: -1, Do: "stall",
			ForMillis: 20 + n.random.Int64N(300),
		})
	})
	return func() { n.ask(node.EndFaults) }
}

// ask makes a call to a node.
func (n *nemesis) ask(call func(context.Context) error) {
	ctx, cancel := context.WithTimeout(n.t.Context(), lab.Patience)
	defer cancel()
	n.must(call(ctx))
}

// others calls f with each of the other nodes.
func (n *nemesis) others(node *lab.Node, f func(other int32)) {
	for _, other := range n.c.Members() {
		if other != node {
			f(other.ID)
		}
	}
}

func (n *nemesis) cutOff(node *lab.Node) func() {
	n.others(node, func(other int32) { n.network.SetBoth(node.ID, other, wire.Fault{Cut: true}) })
	return n.network.Heal
}

// blockOneWay lets nothing out to one or both of the others.
func (n *nemesis) blockOneWay(node *lab.Node) func() {
	only := n.random.Int32N(3) + 1 // the node itself: none is spared
	n.others(node, func(other int32) {
		if other != only {
			n.network.Set(node.ID, other, wire.Fault{Cut: true})
		}
	})
	return n.network.Heal
}

func (n *nemesis) spoilLink(node *lab.Node) func() {
	fault := wire.Fault{
		Loss: n.random.Float64() * 0.3, Delay: time.Duration(n.random.Int64N(int64(200 * time.Millisecond))),
	}
	n.others(node, func(other int32) { n.network.SetBoth(node.ID, other, fault) })
	return n.network.Heal
}

// fillDisk leaves less than what the node keeps free, or nothing at all.
func (n *nemesis) fillDisk(node *lab.Node) func() {
	disk := n.drives[node.ID]
	n.must(disk.Fill(max(0, n.random.Int64N(2*driveReserve)-driveReserve)))
	return func() { n.must(disk.Free()) }
}

func (n *nemesis) hangDisk(node *lab.Node) func() {
	disk := n.drives[node.ID]
	n.must(disk.Hang())
	return func() { n.must(disk.GoOn()) }
}

// slowDisk lets the disk answer now and then only.
func (n *nemesis) slowDisk(node *lab.Node) func() {
	disk, longest := n.drives[node.ID], 20+n.random.Int64N(200)
	random := rand.New(rand.NewPCG(n.random.Uint64(), 0))
	ctx, cancel := context.WithCancel(n.t.Context()) // it ends with the test, too
	stopped := make(chan error, 1)
	n.slowing.Go(func() {
		var err error
		for err == nil && ctx.Err() == nil {
			if err = disk.Hang(); err != nil {
				break
			}
			lab.Pass(ctx, time.Duration(1+random.Int64N(longest))*time.Millisecond)
			err = disk.GoOn()
			lab.Pass(ctx, time.Duration(1+random.Int64N(30))*time.Millisecond)
		}
		stopped <- err
	})
	return func() {
		cancel()
		n.must(<-stopped)
	}
}

// The disks of the nodes, and what nodes keep free on them.
const (
	driveBytes   = 512 << 20
	driveReserve = 48 << 20
)

// small are settings for such a disk.
var small = []string{
	fmt.Sprintf("CHRONIK_STORAGE_RESERVE_BYTES=%d", driveReserve), "CHRONIK_STORAGE_WAL_FILE_BYTES=4MiB",
	"CHRONIK_STORAGE_CHECKPOINT_BYTES=16MiB", "CHRONIK_LOG_SEGMENT_BYTES=16MiB",
}

// newDrives makes a disk for each of three nodes, or says what the machine lacks.
func newDrives(t *testing.T) (folders []string, drives map[int32]*drive.Drive) {
	t.Helper()
	drives = map[int32]*drive.Drive{}
	for id := int32(1); id <= 3; id++ {
		folder := t.TempDir()
		one, err := drive.New(t.TempDir(), folder, driveBytes)
		if err != nil {
			t.Logf("no disks of their own: %v (it takes root, loop devices and mkfs.ext4)", err)
			return nil, nil
		}
		t.Cleanup(func() {
			if err := one.Close(); err != nil {
				t.Error(err)
			}
		})
		folders, drives[id] = append(folders, folder), one
	}
	return folders, drives
}

// newNetwork makes a network for three nodes, or says what the machine lacks.
func newNetwork(t *testing.T) *wire.Network {
	t.Helper()
	network, err := wire.New(3)
	if err != nil {
		t.Logf("no network namespaces: %v (it takes root and /dev/net/tun)", err)
		return nil
	}
	t.Cleanup(network.Close)
	return network
}

// What nodes log of all this, and nothing worse: no actor fails and no node gives up but for want of room.
var (
	noRoom   = []string{"no space left on device"}
	troubled = append([]string{
		`^disk is nearly full, new data is refused$`, `^write-ahead log takes no more entries until there is room$`,
		`^write-ahead log has failed, the node must stop$`, `^the node stops serving$`, `^chronik had to stop$`,
		`^cannot give back files of the log$`, `^groups did not answer for a checkpoint$`,
		`^serving though partitions have no leader yet$`,
		// A coordinator that was cut off sends its markers late, and is refused.
		`^partition has heard of a later coordinator of the transaction$`,
	}, warnings...)
)
