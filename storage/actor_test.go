package storage_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/storage"
	"github.com/chronik-go/chronik/storage/datadir"
	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

const patience = time.Second // of probes; nothing takes that long

// node is a storage actor under test, with a parent and a disk that the test can break.
type node struct {
	*kittest.Seeded
	t      *testing.T
	disk   *vfs.Mem
	inject func(vfs.Op) error
	parent *kittest.Probe
	asker  *kittest.Probe
	self   kit.Address
}

func newNode(t *testing.T, seed uint64, disk *vfs.Mem) *node {
	n := &node{Seeded: kittest.NewSeeded(t, seed), t: t, disk: disk}
	n.parent = kittest.NewProbe(n.System, "broker")
	n.asker = kittest.NewProbe(n.System, "asker")
	return n
}

// start spawns the actor under the parent.
func (n *node) start() {
	n.self = n.parent.Spawn(n.t, "storage", storage.Spec(storage.Config{
		Log: zerolog.Nop(),
		FS: vfs.NewFaulty(n.disk, func(op vfs.Op) error {
			if n.inject != nil {
				return n.inject(op)
			}
			return nil
		}),
		Dir: "/data", NodeID: 1, WALFileBytes: 16 << 10, CheckpointBytes: 64 << 10,
		Incarnation: n.Random().Uint64,
	}))
}

func (n *node) opened() storage.Opened {
	n.t.Helper()
	n.start()
	return kittest.Expect[storage.Opened](n.t, n.parent, patience)
}

func (n *node) stop() {
	n.t.Helper()
	if err := n.System.StopAndWait(n.t.Context(), n.self); err != nil {
		n.t.Fatal(err)
	}
	n.parent.All()
}

func entry(group wal.GroupID, index uint64) wal.Update {
	return wal.Update{Group: group, Entries: []wal.Entry{{Term: 1, Index: index, Data: []byte("data")}}}
}

func (n *node) append(o storage.Opened, u wal.Update) error {
	n.t.Helper()
	o.WAL.Tell(walactor.Append{Update: u, ReplyTo: n.asker.Address})
	return kittest.Expect[walactor.Appended](n.t, n.asker, patience).Err
}

func TestNodeFindsItsDataAgain(t *testing.T) {
	n := newNode(t, 1, vfs.NewMem())
	o := n.opened()
	if o.Dir.NodeID() != 1 || len(o.Groups) != 0 || o.Space.Low() {
		t.Errorf("got %+v", o)
	}
	if err := n.append(o, entry(7, 1)); err != nil {
		t.Fatal(err)
	}
	if err := o.Dir.JoinCluster("blue"); err != nil {
		t.Fatal(err)
	}
	n.stop()
	n.disk = n.disk.DurableClone()
	o = n.opened()
	if len(o.Groups) != 1 || o.Groups[0] != 7 || o.Dir.ClusterID() != "blue" {
		t.Errorf("got groups %v in cluster %q, want 7 in blue", o.Groups, o.Dir.ClusterID())
	}
	if tree := n.System.Tree(); !strings.Contains(treeOf(tree), "storage(wal,janitor)") {
		t.Errorf("the tree is %s", treeOf(tree))
	}
}

func treeOf(nodes []kit.Node) string {
	var names []string
	for _, n := range nodes {
		name := n.Name
		if len(n.Children) > 0 {
			name += "(" + treeOf(n.Children) + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, ",")
}

func TestWhatCannotBeOpenedIsExplainedOnce(t *testing.T) {
	cases := map[string]struct {
		prepare func(n *node)
		check   func(err error) bool
	}{
		"in use": {func(n *node) {
			if _, err := datadir.Open(n.disk, "/data", 1); err != nil {
				t.Fatal(err)
			}
		}, func(err error) bool { return strings.Contains(err.Error(), "is in use by") }},
		"another node": {func(n *node) {
			d, err := datadir.Open(n.disk, "/data", 2)
			if err != nil {
				t.Fatal(err)
			}
			_ = d.Close()
		}, func(err error) bool { return strings.Contains(err.Error(), "belongs to node 2") }},
		"damaged log": {func(n *node) {
			n.opened()
			n.stop()
			if err := n.disk.FlipBit("/data/wal/0000000001.wal", 520, 1); err != nil {
				t.Fatal(err)
			}
		}, func(err error) bool { _, ok := errors.AsType[*wal.CorruptError](err); return ok }},
		"disk full": {func(n *node) { n.disk.SetCapacity(1000) },
			func(err error) bool { return errors.Is(err, wal.ErrNoSpace) }},
	}
	for name, c := range cases {
		n := newNode(t, 1, vfs.NewMem())
		c.prepare(n)
		n.start()
		m := kittest.Expect[storage.Failed](t, n.parent, patience)
		t.Logf("%s: %v", name, m.Err)
		if !c.check(m.Err) {
			t.Errorf("%s: got %v", name, m.Err)
		}
		n.parent.ExpectNone(t)
		if name != "in use" {
			if lock, err := n.disk.Lock("/data/.lock"); err != nil {
				t.Errorf("%s: the lock is still held: %v", name, err)
			} else {
				_ = lock.Close()
			}
		}
	}
}

func TestFailedLogIsToldToTheParentOnce(t *testing.T) {
	n := newNode(t, 1, vfs.NewMem())
	o := n.opened()
	n.inject = func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			return syscall.EIO
		}
		return nil
	}
	for i := range uint64(3) {
		if err := n.append(o, entry(1, i+1)); !errors.Is(err, walactor.ErrFailed) {
			t.Errorf("got %v, want ErrFailed", err)
		}
	}
	if m := kittest.Expect[storage.Failed](t, n.parent, patience); !errors.Is(m.Err, syscall.EIO) {
		t.Errorf("got %v", m.Err)
	}
	n.parent.ExpectNone(t)
}

// panicOnLook makes the janitor panic at its next look at the free space.
func (n *node) panicOnLook(times int) {
	n.inject = func(op vfs.Op) error {
		if op.Kind == vfs.OpFree && times > 0 {
			times--
			panic("BUG: for the test")
		}
		return nil
	}
}

// echo answers Capture for a group.
type echo struct{ last uint64 }

// Receive implements kit.Actor.
func (e echo) Receive(c *kit.Context) {
	if m, ok := c.Message().(janitor.Capture); ok {
		m.ReplyTo.Tell(janitor.Captured{Group: m.Group, Index: e.last, Term: 1,
			Flush: func() ([]byte, error) { return nil, nil }})
	}
}

func TestJanitorThatPanicsIsMadeAnewAndKnowsTheGroups(t *testing.T) {
	n := newNode(t, 1, vfs.NewMem())
	o := n.opened()
	for group := wal.GroupID(1); group <= 3; group++ {
		if err := n.append(o, entry(group, 1)); err != nil {
			t.Fatal(err)
		}
		who := n.parent.Spawn(t, "group-"+string(rune('a'+group)),
			kit.Spec{New: func() kit.Actor { return echo{1} }})
		o.Janitor.Tell(janitor.Register{Group: group, Who: who})
	}
	o.Janitor.Tell(janitor.Unregister{Group: 3})
	n.panicOnLook(2)
	n.Advance(20 * time.Second)
	o.Janitor.Tell(janitor.CheckpointNow{ReplyTo: n.asker.Address, Token: 5})
	if m := kittest.Expect[janitor.CheckpointsMade](t, n.asker, patience); m.Made != 2 || m.Missed != 1 ||
		m.Token != 5 {
		t.Errorf("got %+v, want checkpoints of the two groups that are registered", m)
	}
	n.parent.ExpectNone(t)
}

func TestJanitorThatKeepsPanickingEndsTheNode(t *testing.T) {
	n := newNode(t, 1, vfs.NewMem())
	o := n.opened()
	n.panicOnLook(1000)
	n.Advance(time.Minute)
	m := kittest.Expect[storage.Failed](t, n.parent, patience)
	if !strings.Contains(m.Err.Error(), "janitor keeps failing") {
		t.Errorf("got %v", m.Err)
	}
	n.parent.ExpectNone(t)
	o.Janitor.Tell(janitor.CheckpointNow{ReplyTo: n.asker.Address})
	if m := kittest.Expect[janitor.CheckpointsMade](t, n.asker, patience); !errors.Is(m.Err, kit.ErrStopped) {
		t.Errorf("got %+v, want ErrStopped", m)
	}
}
