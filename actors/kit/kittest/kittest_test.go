package kittest_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

func TestMain(m *testing.M) { kittest.VerifyMain(m) }

func TestClockRingsInOrder(t *testing.T) {
	clock := kittest.NewClock()
	begin := clock.Now()
	var rang []string
	ring := func(name string) func() {
		return func() { rang = append(rang, name+clock.Now().Sub(begin).String()) }
	}
	clock.AfterFunc(2*time.Second, ring("b"))
	clock.AfterFunc(time.Second, func() {
		ring("a")()
		clock.AfterFunc(500*time.Millisecond, ring("nested"))
	})
	clock.AfterFunc(2*time.Second, ring("c"))
	clock.AfterFunc(4*time.Second, ring("late"))
	stopped := clock.AfterFunc(time.Second, ring("stopped"))
	if !stopped.Stop() || stopped.Stop() {
		t.Error("got a timer that stops other than once")
	}
	clock.Advance(3 * time.Second)
	if want := []string{"a1s", "nested1.5s", "b2s", "c2s"}; !slices.Equal(rang, want) {
		t.Errorf("got %v, want %v", rang, want)
	}
	at, ok := clock.Next()
	if !ok || at.Sub(begin) != 4*time.Second || clock.Now().Sub(begin) != 3*time.Second {
		t.Errorf("got the next timer at %v, want 4s while it is 3s", at.Sub(begin))
	}
}

// doubler answers a number with its double, through a child.
func doubler() kit.Spec {
	return kit.Spec{New: func() kit.Actor {
		var child kit.Address
		return kit.Func(func(c *kit.Context) {
			switch m := c.Message().(type) {
			case kit.Started:
				child = c.Spawn("child", kit.Spec{New: func() kit.Actor {
					return kit.Func(func(c *kit.Context) {
						if m, ok := c.Message().(question); ok {
							m.replyTo.Tell(2 * m.number)
						}
					})
				}})
			case question:
				child.Tell(m)
			}
		})
	}}
}

type question struct {
	number  int
	replyTo kit.Address
}

func TestInlineIsDoneWhenTellReturns(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	a := system.Spawn("a", doubler())
	a.Tell(question{21, probe.Address})
	if got := probe.All(); len(got) != 1 || got[0] != 42 {
		t.Errorf("got %v, want 42", got)
	}
	probe.ExpectNone(t)
}

func TestInlineTakesTellsFromManyGoroutines(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	a := system.Spawn("a", doubler())
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { a.Tell(question{i, probe.Address}) })
	}
	all.Wait()
	for range 20 {
		kittest.Expect[int](t, probe, time.Minute)
	}
}

func TestSeededRunsNothingUntilItIsTold(t *testing.T) {
	world := kittest.NewSeeded(t, 1)
	world.Record()
	a := world.System.Spawn("a", doubler())
	if len(world.Trace()) != 0 {
		t.Errorf("got %v before the first step", world.Trace())
	}
	if !world.Step() || !slices.Equal(world.Trace(), []string{"a kit.Started"}) {
		t.Errorf("got %v, want one message in one step", world.Trace())
	}
	world.Run()
	if world.Step() {
		t.Error("got a step after Run, want rest")
	}
	got, err := kit.Ask[int](t.Context(), world.System, a, func(replyTo kit.Address) any {
		return question{4, replyTo}
	})
	if err != nil || got != 8 {
		t.Errorf("got %v, %v, want 8", got, err)
	}
	if err := world.System.StopAndWait(t.Context(), a); err != nil {
		t.Error(err)
	}
}

func TestProbeAsParent(t *testing.T) {
	world := kittest.NewSeeded(t, 1)
	probe := kittest.NewProbe(world.System, "probe")
	child := probe.Spawn(t, "child", kit.Spec{New: func() kit.Actor {
		return kit.Func(func(c *kit.Context) {
			if _, ok := c.Message().(kit.Started); ok {
				c.Parent().Tell("hello")
				c.After(time.Hour, "panic")
			} else if c.Message() == "panic" {
				panic("boom")
			}
		})
	}})
	if got := kittest.Expect[string](t, probe, time.Minute); got != "hello" {
		t.Errorf("got %q", got)
	}
	world.Advance(time.Hour)
	if got := kittest.Expect[kit.ChildFailed](t, probe, time.Minute); got.Who != child {
		t.Errorf("got %v", got)
	}
	kittest.Expect[kit.Terminated](t, probe, time.Minute)
}
