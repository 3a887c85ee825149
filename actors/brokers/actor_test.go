package brokers_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/brokers"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/link"
)

// world has two brokers that are linked, and somebody who asks the first one.
type world struct {
	system *kit.System
	clock  *kittest.Clock
	asker  *kittest.Probe
	node   map[int32]kit.Address
	wires  map[int32]kit.Address // links by the node they lead to
	work   map[int32]kit.Address // what the last request of a node became that takes time
	calls  int                   // that went over a link
	lost   bool                  // calls over links get no answer
}

// Link implements brokers.Links.
func (w *world) Link(node int32) kit.Address { return w.wires[node] }

// done makes a worker answer.
type done struct{}

// fail makes a worker panic.
type fail struct{}

// handle answers FindCoordinator with the node it runs on: at once, or, for the key "later", when told.
func (w *world) handle(node int32) brokers.Handle {
	return func(from int32, r *protocol.Request, answer func(kmsg.Response)) (kmsg.Response, brokers.Work) {
		response := kmsg.NewPtrFindCoordinatorResponse()
		response.NodeID, response.Port = node, from
		if r.Body.(*kmsg.FindCoordinatorRequest).CoordinatorKey != "later" {
			return response, brokers.Work{}
		}
		worker := kit.Func(func(c *kit.Context) {
			switch c.Message().(type) {
			case done:
				answer(response)
				c.Stop(c.Self())
			case fail:
				panic("a worker fails")
			}
		})
		return nil, brokers.Work{
			Spec:  kit.Spec{New: func() kit.Actor { return worker }},
			Begun: func(actor kit.Address) { w.work[node] = actor },
		}
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	system, clock := kittest.NewInline(t)
	w := &world{
		system: system, clock: clock, asker: kittest.NewProbe(system, "asker"),
		node: map[int32]kit.Address{}, wires: map[int32]kit.Address{}, work: map[int32]kit.Address{},
	}
	for _, node := range []int32{1, 2} {
		options := brokers.Options{
			NodeID: node, Links: w, Handle: w.handle(node), Log: zerolog.Nop(),
			Serves: func(key int16) bool { return key == kmsg.FindCoordinator.Int16() },
		}
		w.node[node] = system.Spawn("brokers-"+string('0'+rune(node)), brokers.Spec(options))
		w.wires[node] = kit.AddressFor("link", func(message any) { w.carry(message.(link.Call)) })
	}
	return w
}

// carry is a link from node 1.
func (w *world) carry(m link.Call) {
	w.calls++
	if w.lost {
		return
	}
	w.node[m.Node].Tell(link.Incoming{
		From: 1, Service: m.Service, Timeout: m.Timeout, Body: m.Body, Token: 77,
		ReplyTo: kit.AddressFor("session", func(message any) {
			answer := message.(link.Answer)
			if answer.Token != 77 {
				panic("BUG: got an answer to another call")
			}
			err := answer.Err
			if err != nil {
				err = link.RemoteError{Text: err.Error()}
			}
			m.ReplyTo.Tell(link.Returned{Token: m.Token, Body: answer.Body, Err: err})
		}),
	})
}

// ask asks node 1 to ask a node.
func (w *world) ask(to int32, key string, version int16) {
	r := kmsg.NewPtrFindCoordinatorRequest()
	r.CoordinatorKey = key
	r.SetVersion(version)
	w.node[1].Tell(brokers.Ask{Node: to, Request: r, Timeout: time.Second, ReplyTo: w.asker.Address, Token: 5})
}

func (w *world) answered(t *testing.T) brokers.Answered {
	t.Helper()
	m := kittest.Expect[brokers.Answered](t, w.asker, time.Second)
	if m.Token != 5 {
		t.Errorf("got token %d, want 5", m.Token)
	}
	return m
}

func (w *world) wantFrom(t *testing.T, node int32, version int16) {
	t.Helper()
	m := w.answered(t)
	if m.Err != nil {
		t.Fatal(m.Err)
	}
	got := m.Response.(*kmsg.FindCoordinatorResponse)
	if got.NodeID != node || got.Port != 1 || got.Version != version {
		t.Errorf("got %+v, want the answer of node %d to node 1 in version %d", got, node, version)
	}
	w.asker.ExpectNone(t)
}

func TestAnyBrokerIsAskedInTheSameWay(t *testing.T) {
	for _, node := range []int32{1, 2} {
		for _, version := range []int16{1, 3} { // 3 is flexible
			w := newWorld(t)
			w.ask(node, "now", version)
			w.wantFrom(t, node, version)
			w.ask(node, "later", version)
			w.asker.ExpectNone(t)
			w.work[node].Tell(done{})
			w.wantFrom(t, node, version)
			if over := w.calls > 0; over != (node == 2) {
				t.Errorf("%d calls over the link to ask node %d", w.calls, node)
			}
		}
	}
}

func TestFailedWorkIsAnswered(t *testing.T) {
	for _, node := range []int32{1, 2} {
		w := newWorld(t)
		w.ask(node, "later", 3)
		w.work[node].Tell(fail{})
		if m := w.answered(t); m.Err == nil {
			t.Errorf("got %+v of node %d, want an error", m.Response, node)
		}
		w.asker.ExpectNone(t)
	}
}

func TestAskingTakesNoLongerThanItMay(t *testing.T) {
	for _, node := range []int32{1, 2} {
		w := newWorld(t)
		w.lost = true
		w.ask(node, "later", 3)
		w.clock.Advance(time.Second)
		w.asker.ExpectNone(t)
		w.clock.Advance(time.Second)
		if m := w.answered(t); !errors.Is(m.Err, link.ErrTimeout) {
			t.Errorf("got %v, want %v", m.Err, link.ErrTimeout)
		}
		if node == 1 {
			w.work[1].Tell(done{}) // too late
		}
		w.asker.ExpectNone(t)
	}
}

func TestWhatCannotBeAskedIsRefused(t *testing.T) {
	w := newWorld(t)
	w.ask(3, "now", 3) // there is no link
	if m := w.answered(t); !errors.Is(m.Err, kit.ErrStopped) {
		t.Errorf("got %v, want %v", m.Err, kit.ErrStopped)
	}
	w.ask(2, "now", 99)
	if m := w.answered(t); m.Err == nil {
		t.Error("a version that is not served was answered")
	}
	r := kmsg.NewPtrFetchRequest()
	r.Version = 12
	w.node[1].Tell(brokers.Ask{Node: 1, Request: r, ReplyTo: w.asker.Address, Token: 5})
	if m := w.answered(t); m.Err == nil {
		t.Error("an API that is not served between brokers was answered")
	}
	// Another build may ask for it all the same.
	answer := make(chan link.Answer, 1)
	w.node[2].Tell(link.Incoming{
		From: 1, Body: protocol.AppendRequest(nil, r),
		ReplyTo: kit.AddressFor("session", func(message any) { answer <- message.(link.Answer) }),
	})
	if got := <-answer; got.Err == nil {
		t.Error("an API that is not served between brokers was answered")
	}
}

func TestWhatIsUnderWayIsAnsweredAtTheEnd(t *testing.T) {
	for _, node := range []int32{1, 2} {
		w := newWorld(t)
		w.ask(node, "later", 3)
		if err := w.system.StopAndWait(t.Context(), w.node[node]); err != nil {
			t.Fatal(err)
		}
		if m := w.answered(t); m.Err == nil {
			t.Errorf("got %+v of node %d, want an error", m.Response, node)
		}
		w.asker.ExpectNone(t)
	}
}
