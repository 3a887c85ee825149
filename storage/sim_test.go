package storage_test

import (
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage"
	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

var (
	firstSeed = flag.Uint64("seed", 1, "first seed of the random tests")
	seeds     = flag.Uint64("seeds", 100, "number of seeds of the random tests")
)

var errPowerCut = errors.New("power cut")

// TestNothingAcknowledgedIsLost runs many groups that append and make checkpoints at their own pace, in a
// random order of turns, cuts the power at a random file operation, and starts again with what is on the
// disk. Every group must find all that was acknowledged to it, and nothing that it did not send.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	count := *seeds
	if testing.Short() {
		count = min(count, 40)
	}
	for seed := *firstSeed; seed < *firstSeed+count; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { simulate(t, seed) })
	}
}

func simulate(t *testing.T, seed uint64) {
	disk := vfs.NewMem()
	acknowledged := make([]uint64, 6)
	for life := range uint64(4) {
		n := newNode(t, seed<<8|life, disk)
		cut, off := n.Random().IntN(400), false
		n.inject = func(vfs.Op) error {
			if cut--; cut < 0 {
				off = true
				return errPowerCut
			}
			return nil
		}
		if life == 3 {
			n.inject = nil
		}
		groups := n.live(acknowledged)
		if !off && life < 3 && len(n.failures()) > 0 {
			t.Fatalf("life %d: failed without a reason", life)
		}
		for i, g := range groups {
			acknowledged[i] = g.acknowledged
		}
		disk = n.disk.CrashClone(n.Random())
	}
}

// live runs a node with its groups for ten seconds of virtual time, or until it fails.
func (n *node) live(acknowledged []uint64) []*client {
	n.start()
	n.Run()
	messages := n.parent.All()
	groups := make([]*client, len(acknowledged))
	for i := range groups {
		groups[i] = &client{node: n, id: wal.GroupID(i + 1), acknowledged: acknowledged[i]}
	}
	if o, ok := messages[0].(storage.Opened); ok {
		for i, g := range groups {
			g.storage = o
			n.asker.Spawn(n.t, fmt.Sprintf("client-%d", i), kit.Spec{New: func() kit.Actor { return g }})
		}
		n.Advance(10 * time.Second)
	} else if n.inject == nil {
		n.t.Fatalf("the node did not start: %+v", messages)
	}
	return groups
}

// failures returns what the parent was told of failures.
func (n *node) failures() []storage.Failed {
	var failures []storage.Failed
	for _, m := range n.parent.All() {
		if m, ok := m.(storage.Failed); ok {
			failures = append(failures, m)
		}
	}
	return failures
}

// client is a group: it loads, checks what it finds, and appends.
type client struct {
	node         *node
	id           wal.GroupID
	storage      storage.Opened
	acknowledged uint64 // entries up to this index are durable
	sent         uint64
	failed       bool
}

type next struct{}

// Receive implements kit.Actor.
func (g *client) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		g.storage.WAL.Tell(walactor.Load{Group: g.id, ReplyTo: c.Self()})
	case walactor.Loaded:
		g.onLoaded(c, m)
	case walactor.Appended:
		g.onAppended(m)
	case next:
		g.onNext(c)
	case janitor.Capture:
		m.ReplyTo.Tell(janitor.Captured{Group: g.id, Index: g.acknowledged, Term: 1,
			Flush: func() ([]byte, error) { return []byte("machine"), nil }})
	}
}

func (g *client) onLoaded(c *kit.Context, m walactor.Loaded) {
	if m.Err != nil {
		return // the power is off already
	}
	last := m.State.Checkpoint.Index + uint64(len(m.State.Entries))
	if last < g.acknowledged {
		g.node.t.Errorf("group %d finds entries up to %d, want at least %d", g.id, last, g.acknowledged)
	}
	for _, e := range m.State.Entries {
		if want := content(g.id, e.Index); string(e.Data) != want {
			g.node.t.Errorf("group %d finds %q at %d, want %q", g.id, e.Data, e.Index, want)
		}
	}
	g.acknowledged, g.sent = last, last
	g.storage.Janitor.Tell(janitor.Register{Group: g.id, Who: c.Self()})
	g.onNext(c)
}

// onNext sends a few appends without waiting for the answers of those before.
func (g *client) onNext(c *kit.Context) {
	random := g.node.Random()
	for range random.IntN(4) {
		g.sent++
		u := wal.Update{Group: g.id, Hard: &wal.HardState{Term: 1, Commit: g.acknowledged},
			Entries: []wal.Entry{{Term: 1, Index: g.sent, Data: []byte(content(g.id, g.sent))}}}
		g.storage.WAL.Tell(walactor.Append{Update: u, ReplyTo: c.Self(), Token: g.sent})
	}
	if !g.failed {
		c.After(time.Duration(1+random.IntN(500))*time.Millisecond, next{})
	}
}

func (g *client) onAppended(m walactor.Appended) {
	if m.Err != nil {
		g.failed = true
		return
	}
	if g.failed || m.Token != g.acknowledged+1 {
		g.node.t.Errorf("group %d: %d was acknowledged after %d, failed before: %v", g.id, m.Token,
			g.acknowledged, g.failed)
	}
	g.acknowledged = m.Token
}

// content is what the entry of a group must contain; sizes differ a lot.
func content(group wal.GroupID, index uint64) string {
	return fmt.Sprintf("%d/%d%*d", group, index, (index*index*977+uint64(group))%3000, index)
}
