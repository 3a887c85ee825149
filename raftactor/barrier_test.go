package raftactor

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/walactor"
)

// gate stands before the write-ahead log and holds back what is sent to it, in order, while it is shut.
type gate struct {
	shut bool
	held []any
	to   kit.Address
}

func (g *gate) deliver(m any) {
	if g.shut {
		g.held = append(g.held, m)
		return
	}
	g.to.Tell(m)
}

func (g *gate) open() {
	g.shut = false
	for _, m := range g.held {
		g.to.Tell(m)
	}
	g.held = nil
}

func gatedWorld(t *testing.T) (*world, *gate) {
	w := newWorld(t, newSeed(t), vfs.NewMem(), nil)
	g := &gate{to: w.wal}
	h := newHost(Config{WAL: kit.AddressFor("gate", g.deliver), Janitor: w.tidy})
	w.host = w.parent.Spawn(t, "gated", kit.Spec{New: func() kit.Actor { return h }})
	return w, g
}

// TestLoadIsOrderedBehindTheAppendsOfTheDead walks through the race that the order of the wal's mailbox
// decides: a unit dies with an append on its way, its successor asks for the state, and only then does the
// append become durable. The successor must know of it.
func TestLoadIsOrderedBehindTheAppendsOfTheDead(t *testing.T) {
	w, g := gatedWorld(t)
	w.start(3)
	w.must(3, "a")
	g.shut = true
	late := w.propose(3, "late")
	w.Run()
	w.cores[3].Tell(crashMessage())
	w.Advance(time.Second) // the back-off is over, the next incarnation has asked
	if err := w.answers[late].Err; !errors.Is(err, group.ErrLostLeadership) {
		t.Fatalf("got %v, want an unknown outcome", err)
	}
	kinds := []string{}
	for _, m := range g.held {
		switch m.(type) {
		case walactor.Append:
			kinds = append(kinds, "append")
		case walactor.Load:
			kinds = append(kinds, "load")
		}
	}
	if !slices.Equal(kinds, []string{"append", "load"}) {
		t.Fatalf("got %v before the gate, want the append of the dead and then the load", kinds)
	}
	g.open()
	w.Run()
	if got := w.must(3, "b"); got != 2 {
		t.Fatalf("got %v, want 2", got)
	}
	if got := w.machines[3].lines; !slices.Equal(got, []string{"a", "late", "b"}) {
		t.Fatalf("got %v, want late between a and b", got)
	}
}

// TestAppendsAreAnsweredLate: several appends under way, the answers come when they come.
func TestAppendsAreAnsweredLate(t *testing.T) {
	w, g := gatedWorld(t)
	w.start(3)
	g.shut = true
	var tokens []uint64
	for _, r := range []string{"a", "b", "c"} {
		tokens = append(tokens, w.propose(3, r))
		w.Run()
	}
	if len(g.held) != 3 || len(w.answers) != 0 {
		t.Fatalf("got %d appends under way and answers %v, want 3 and none", len(g.held), w.answers)
	}
	g.open()
	w.Run()
	for i, token := range tokens {
		if got := w.answers[token]; got.Err != nil || got.Result != i {
			t.Fatalf("got %+v, want result %d", got, i)
		}
	}
}

// TestABootstrapThatIsLateIsNotRepeated: a group dies while its first update is on its way.
func TestABootstrapThatIsLateIsNotRepeated(t *testing.T) {
	w, g := gatedWorld(t)
	g.shut = true
	w.start(3)
	load := g.held
	g.held = nil
	for _, m := range load { // the state is asked for and not found; the first update waits
		w.wal.Tell(m)
	}
	w.Run()
	w.stop(3, false)
	w.start(3)
	g.open()
	w.Run()
	if got := w.must(3, "a"); got != 0 {
		t.Fatalf("got %v, want 0", got)
	}
	if s := w.describe()[0]; s.Term != 2 {
		t.Fatalf("got term %d, want 2: the group was founded once", s.Term)
	}
}

// TestAFailedLogTakesGroupsOfflineAtOnce: there is nothing to go back to.
func TestAFailedLogTakesGroupsOfflineAtOnce(t *testing.T) {
	w, g := gatedWorld(t)
	w.start(3)
	w.must(3, "a")
	g.to = kit.AddressFor("broken", func(m any) {
		if a, ok := m.(walactor.Append); ok {
			a.ReplyTo.Tell(walactor.Appended{Group: 3, Token: a.Token, Err: walactor.ErrFailed})
		}
	})
	token := w.propose(3, "b")
	w.Run()
	if err := w.answers[token].Err; !errors.Is(err, group.ErrLostLeadership) {
		t.Fatalf("got %v, want an unknown outcome", err)
	}
	if s := w.describe()[0]; s.State != GivenUp || !errors.Is(s.Err, walactor.ErrFailed) {
		t.Fatalf("got %+v, want it offline", s)
	}
}
