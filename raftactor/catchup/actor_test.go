package catchup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/wal"
)

const patience = 10 * time.Second

// world is a catchup between a probe for its group and one for its applier.
type world struct {
	t              *testing.T
	system         *kit.System
	parent, target *kittest.Probe
	slots          *kit.Budget
	opened         chan []byte // what the machine was said to have
	source         *pieces
}

func newWorld(t *testing.T, source *pieces) *world {
	system := kit.NewSystem(kit.SystemConfig{})
	t.Cleanup(system.Shutdown)
	return &world{
		t: t, system: system, parent: kittest.NewProbe(system, "group"), target: kittest.NewProbe(system, "applier"),
		slots: kit.NewBudget(1), opened: make(chan []byte, 1), source: source,
	}
}

func (w *world) start() kit.Address {
	return w.parent.Spawn(w.t, "catchup", Spec(Config{
		Group: 5, From: 2, Applier: w.target.Address, Slots: w.slots,
		Open: func(_ context.Context, node int32, group wal.GroupID, have []byte) (applier.Source, error) {
			if node != 2 || group != 5 {
				return nil, fmt.Errorf("asked node %d for group %d", node, group)
			}
			w.opened <- have
			return w.source, nil
		},
	}))
}

// pieces is a source out of memory.
type pieces struct {
	all    [][]byte
	err    error // at the end; nil stands for io.EOF
	closed chan struct{}
}

func sourceOf(h head, all ...string) *pieces {
	p := &pieces{all: [][]byte{h.encode()}, closed: make(chan struct{})}
	for _, one := range all {
		p.all = append(p.all, []byte(one))
	}
	return p
}

func (p *pieces) Next() ([]byte, error) {
	if len(p.all) == 0 {
		if p.err != nil {
			return nil, p.err
		}
		return nil, io.EOF
	}
	one := p.all[0]
	p.all = p.all[1:]
	return one, nil
}

func (p *pieces) Close() { close(p.closed) }

// take answers the next piece that the machine gets.
func (w *world) take(want string, first bool, err error) {
	w.t.Helper()
	m := kittest.Expect[applier.Take](w.t, w.target, patience)
	if string(m.Piece) != want || m.First != first {
		w.t.Fatalf("got piece %q, first: %t, want %q, %t", m.Piece, m.First, want, first)
	}
	m.ReplyTo.Tell(applier.Taken{Token: m.Token, Err: err})
}

func (w *world) begin() {
	w.t.Helper()
	w.start()
	have := kittest.Expect[applier.Have](w.t, w.target, patience)
	have.ReplyTo.Tell(applier.Held{Have: []byte("a little")})
	if got := string(<-w.opened); got != "a little" {
		w.t.Fatalf("asked for what is missing beyond %q", got)
	}
}

func TestAStateIsFetchedPieceByPiece(t *testing.T) {
	h := head{index: 40, term: 3, conf: []byte("members")}
	w := newWorld(t, sourceOf(h, "a", "b", "c", "d", "e", "f"))
	w.begin()
	for i, piece := range []string{"a", "b", "c", "d", "e", "f"} {
		w.take(piece, i == 0, nil)
	}
	finish := kittest.Expect[applier.Finish](t, w.target, patience)
	finish.ReplyTo.Tell(applier.Finished{Machine: []byte("state")})
	got := kittest.Expect[Done](t, w.parent, patience)
	if got.Err != nil || got.Index != 40 || got.Term != 3 || string(got.ConfState) != "members" ||
		string(got.Machine) != "state" {
		t.Fatalf("got %+v", got)
	}
	<-w.source.closed
}

// TestTheReaderWaitsForTheMachine: no more than window pieces are on their way, however fast the other node is.
func TestTheReaderWaitsForTheMachine(t *testing.T) {
	source := sourceOf(head{index: 1, term: 1, conf: []byte("m")}, "a", "b", "c", "d", "e", "f", "g", "h")
	w := newWorld(t, source)
	w.begin()
	var waiting []applier.Take
	for range window {
		waiting = append(waiting, kittest.Expect[applier.Take](t, w.target, patience))
	}
	w.target.ExpectNone(t)
	for _, m := range waiting {
		m.ReplyTo.Tell(applier.Taken{Token: m.Token})
	}
	for _, piece := range []string{"e", "f", "g", "h"} {
		w.take(piece, false, nil)
	}
	kittest.Expect[applier.Finish](t, w.target, patience)
}

func TestWhatGoesWrongIsTold(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		source *pieces
		take   error
		want   error
	}{
		"stream":  {&pieces{err: broken, closed: make(chan struct{})}, nil, broken},
		"piece":   {sourceOf(head{index: 9, term: 1, conf: []byte("m")}, "a"), broken, broken},
		"nothing": {sourceOf(head{index: 9, term: 1, conf: []byte("m")}), nil, errEmpty},
		"no head": {&pieces{all: [][]byte{{7}}, closed: make(chan struct{})}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.source)
			w.begin()
			if c.take != nil {
				w.take("a", true, c.take)
			}
			got := kittest.Expect[Done](t, w.parent, patience)
			if got.Err == nil || c.want != nil && !errors.Is(got.Err, c.want) {
				t.Fatalf("got %v, want %v", got.Err, c.want)
			}
		})
	}
}

// TestOneWaitsForASlot: a second fetch begins when the first one is over.
func TestOneWaitsForASlot(t *testing.T) {
	w := newWorld(t, sourceOf(head{index: 1, term: 1, conf: []byte("m")}, "a"))
	if !w.slots.TryAcquire(1) {
		t.Fatal("got no slot to hold")
	}
	catchup := w.start()
	w.target.ExpectNone(t)
	w.slots.Release(1)
	kittest.Expect[applier.Have](t, w.target, patience)
	if w.slots.Used() != 1 {
		t.Fatalf("got %d slots used, want one", w.slots.Used())
	}
	if err := w.system.StopAndWait(t.Context(), catchup); err != nil {
		t.Fatal(err)
	}
	if w.slots.Used() != 0 {
		t.Fatalf("got %d slots used after the end, want none", w.slots.Used())
	}
}
