package expressions

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
)

// world is the actor with an image and a group that follows. All runs inline.
type world struct {
	*testing.T
	system *kit.System
	clock  *kittest.Clock
	image  *image.Image
	who    kit.Address // the actor
	group  kit.Address
	heard  []Matched
}

// group is an actor that keeps what it hears.
type group struct{ w *world }

func (g *group) Receive(c *kit.Context) {
	if m, is := c.Message().(Matched); is {
		g.w.heard = append(g.w.heard, m)
	}
}

func newWorld(t *testing.T) *world {
	system, clock := kittest.NewInline(t)
	w := &world{T: t, system: system, clock: clock, image: image.New()}
	w.apply(&metadatapb.Command{Kind: &metadatapb.Command_RegisterBroker{RegisterBroker: &metadatapb.RegisterBroker{
		Id: 1, Directory: []byte("0123456789abcdef"),
	}}})
	nobody := kit.AddressFor("metadata", func(any) {})
	w.who = system.Spawn("expressions", Spec(Options{
		Image: func() *image.Image { return w.image }, Metadata: nobody, Log: zerolog.Nop(),
	}))
	w.group = system.Spawn("group", kit.Spec{New: func() kit.Actor { return &group{w} }, Log: kittest.NoLog})
	return w
}

func (w *world) apply(command *metadatapb.Command) image.Event {
	w.Helper()
	next, event := w.image.Apply(command)
	if refused, is := event.(image.Rejected); is {
		w.Fatal(refused.Err)
	}
	w.image = next
	return event
}

// create makes topics and tells the actor.
func (w *world) create(names ...string) {
	w.Helper()
	var events []image.Event
	for _, name := range names {
		id := fmt.Appendf(nil, "%016x", w.image.Version())
		events = append(events, w.apply(&metadatapb.Command{Kind: &metadatapb.Command_CreateTopic{
			CreateTopic: &metadatapb.CreateTopic{
				Name: name, Id: id, Partitions: []*metadatapb.Assignment{{Brokers: []int32{1}}},
			},
		}}))
	}
	w.who.Tell(metadata.ImageChanged{Image: w.image, Events: events})
}

func (w *world) remove(name string) {
	w.Helper()
	id := w.image.Topic(name).ID
	event := w.apply(&metadatapb.Command{Kind: &metadatapb.Command_DeleteTopic{
		DeleteTopic: &metadatapb.DeleteTopic{Id: id[:]},
	}})
	w.who.Tell(metadata.ImageChanged{Image: w.image, Events: []image.Event{event}})
}

// mustHear checks what the group was told since the last time.
func (w *world) mustHear(want ...string) {
	w.Helper()
	var got []string
	for _, m := range w.heard {
		if m.Err != nil {
			w.Fatalf("%s: %v", m.Expression, m.Err)
		}
		got = append(got, fmt.Sprint(m.Expression, m.Topics))
	}
	if w.heard = nil; !slices.Equal(got, want) {
		w.Fatalf("got %v, want %v", got, want)
	}
}

func TestWhoFollowsIsToldAtOnceAndOfChanges(t *testing.T) {
	w := newWorld(t)
	w.create("a1", "b1")
	w.who.Tell(Follow{Expression: "a.*", Who: w.group})
	w.mustHear("a.*[a1]")
	w.create("a2")
	w.mustHear("a.*[a1 a2]")
	w.create("b2")
	w.mustHear()
	w.clock.Advance(tellPause)
	w.remove("a1")
	w.mustHear("a.*[a2]")
	w.who.Tell(Leave{Expression: "a.*", Who: w.group})
	w.clock.Advance(tellPause)
	w.create("a3")
	w.mustHear()
}

// TestManyChangesAreToldOfTogether makes topics one by one.
func TestManyChangesAreToldOfTogether(t *testing.T) {
	w := newWorld(t)
	w.who.Tell(Follow{Expression: "a.*", Who: w.group})
	w.mustHear("a.*[]")
	for i := range 5 {
		w.create(fmt.Sprint("a", i))
		w.clock.Advance(10 * time.Millisecond)
	}
	w.mustHear("a.*[a0]")
	w.clock.Advance(tellPause)
	w.mustHear("a.*[a0 a1 a2 a3 a4]")
	w.clock.Advance(10 * tellPause)
	w.mustHear()
}

// TestAnImageWithoutEventsIsComparedAsAWhole: a node has read a snapshot.
func TestAnImageWithoutEventsIsComparedAsAWhole(t *testing.T) {
	w := newWorld(t)
	w.create("a1")
	w.who.Tell(Follow{Expression: "a.*", Who: w.group})
	w.mustHear("a.*[a1]")
	before := w.image
	w.create("a2")
	w.mustHear("a.*[a1 a2]")
	w.clock.Advance(tellPause)
	w.image = before
	w.who.Tell(metadata.ImageChanged{Image: w.image, First: true})
	w.mustHear("a.*[a1]")
}

func TestWhoIsGoneIsForgotten(t *testing.T) {
	w := newWorld(t)
	gone := w.system.Spawn("gone", kit.Spec{New: func() kit.Actor { return &group{w} }, Log: kittest.NoLog})
	w.who.Tell(Follow{Expression: "a.*", Who: gone})
	w.who.Tell(Follow{Expression: "b.*", Who: w.group})
	w.mustHear("a.*[]", "b.*[]")
	w.system.Stop(gone)
	w.create("a1", "b1")
	w.mustHear("b.*[b1]")
	// Whoever comes next is compared with all topics, as nobody has followed meanwhile.
	w.who.Tell(Follow{Expression: "a.*", Who: w.group})
	w.mustHear("a.*[a1]")
}

func TestWhatIsNoExpressionIsToldSo(t *testing.T) {
	w := newWorld(t)
	w.who.Tell(Follow{Expression: "a(", Who: w.group})
	if len(w.heard) != 1 || protocol.CodeOf(w.heard[0].Err) != protocol.InvalidRegularExpression {
		t.Fatalf("got %v, want INVALID_REGULAR_EXPRESSION", w.heard)
	}
	Follow{Expression: "a.*", Who: w.group}.Refuse(nil)
	if len(w.heard) != 2 || !errors.Is(w.heard[1].Err, ErrAway) {
		t.Fatalf("got %v, want ErrAway", w.heard)
	}
}
