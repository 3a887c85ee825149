package kit_test

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

// numbered is the n-th message of a sender.
type numbered struct{ sender, n int }

func TestMessagesOfOneSenderKeepTheirOrder(t *testing.T) {
	for name, mailbox := range map[string]kit.Mailbox{
		"one by one": kit.OneByOne, "batched": kit.Batched(7),
	} {
		t.Run(name, func(t *testing.T) {
			const senders, each = 8, 2000
			system := newSystem(t)
			next := make([]int, senders)
			check := func(m numbered) {
				if next[m.sender] != m.n {
					t.Errorf("got %d of sender %d, want %d", m.n, m.sender, next[m.sender])
				}
				next[m.sender] = m.n + 1
			}
			receiver := spec(func(c *kit.Context) {
				switch m := c.Message().(type) {
				case numbered:
					check(m)
				case kit.Batch:
					for one := range m.All() {
						check(one.(numbered))
					}
				}
			})
			receiver.Mailbox = mailbox
			a := system.Spawn("a", receiver)
			var group sync.WaitGroup
			for sender := range senders {
				group.Go(func() {
					for n := range each {
						a.Tell(numbered{sender, n})
					}
				})
			}
			group.Wait()
			if err := system.StopAndWait(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			for sender, n := range next {
				if n != each {
					t.Errorf("got %d messages of sender %d, want %d", n, sender, each)
				}
			}
		})
	}
}

// batcher notes how its messages were batched, once it is told to go.
func batcher(limit int, seen *[]any) kit.Spec {
	s := spec(func(c *kit.Context) {
		switch m := c.Message().(type) {
		case kit.Batch:
			if m.Messages[0] == "fill" {
				for _, one := range []any{1, 2, 3, 4, 5} {
					c.Self().Tell(one)
				}
				return
			}
			*seen = append(*seen, slices.Clone(m.Messages))
		default:
			*seen = append(*seen, m)
		}
	})
	s.Mailbox = kit.Batched(limit)
	return s
}

func TestBatchesAreFullAndLifecycleMessagesComeAlone(t *testing.T) {
	system, _ := kittest.NewInline(t)
	var seen []any
	a := system.Spawn("a", batcher(2, &seen))
	a.Tell("fill")
	system.Stop(a)
	want := []any{kit.Started{}, []any{1, 2}, []any{3, 4}, []any{5}, kit.Stopping{}, kit.Stopped{}}
	expectBatches(t, seen, want)
}

func TestPoisonEndsABatch(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	var seen []any
	s := batcher(10, &seen)
	s.New = func() kit.Actor {
		return kit.Func(func(c *kit.Context) {
			b, ok := c.Message().(kit.Batch)
			switch {
			case ok && b.Messages[0] == "go":
				c.Self().Tell(1)
				c.Self().Tell(2)
				c.Poison(c.Self())
				c.Self().Tell(request{token: 3, replyTo: probe.Address})
			case ok:
				seen = append(seen, slices.Clone(b.Messages))
			}
		})
	}
	a := system.Spawn("a", s)
	a.Tell("go")
	expectBatches(t, seen, []any{[]any{1, 2}})
	kittest.Expect[refused](t, probe, patience)
	<-a.Done()
}

func expectBatches(t *testing.T, got, want []any) {
	t.Helper()
	equal := slices.EqualFunc(got, want, func(a, b any) bool {
		first, ok := a.([]any)
		second, also := b.([]any)
		if ok && also {
			return slices.Equal(first, second)
		}
		return ok == also && a == b
	})
	if !equal {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFailedBatchRefusesWhatWasNotHandled(t *testing.T) {
	for name, want := range map[string][]int{"all": {3, 4, 5}, "range": {1, 2, 3, 4, 5}} {
		system, _ := kittest.NewInline(t)
		probe := kittest.NewProbe(system, "probe")
		asker := kittest.NewProbe(system, "asker")
		s := spec(func(c *kit.Context) {
			b, ok := c.Message().(kit.Batch)
			switch {
			case !ok:
			case b.Messages[0] == "go":
				for token := range 5 {
					c.Self().Tell(request{token: token + 1, replyTo: asker.Address, boom: token == 2})
				}
			case name == "all":
				server(c)
			default:
				panic("boom")
			}
		})
		s.Mailbox = kit.Batched(100)
		a := probe.Spawn(t, "a", s)
		a.Tell("go")
		var got []int
		for _, m := range asker.All() {
			if m, ok := m.(refused); ok {
				got = append(got, m.token)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v refused, want %v", name, got, want)
		}
		failed := kittest.Expect[kit.ChildFailed](t, probe, patience)
		if b := failed.Message.(kit.Batch); len(b.Messages) != len(want) {
			t.Errorf("%s: got %d messages in ChildFailed, want %d", name, len(b.Messages), len(want))
		}
	}
}

func TestBatchCanBeLeftAndContinued(t *testing.T) {
	b := kit.BatchOf(1, 2, 3)
	for m := range b.All() {
		if m == 2 {
			break
		}
	}
	var rest []any
	for m := range b.All() {
		rest = append(rest, m)
	}
	if !slices.Equal(rest, []any{2, 3}) {
		t.Errorf("got %v, want the one that the loop stood at and those after it", rest)
	}
}

func TestIdleMailboxKeepsNoMessageAlive(t *testing.T) {
	for _, mailbox := range []kit.Mailbox{kit.OneByOne, kit.Batched(3)} {
		system, _ := kittest.NewInline(t)
		s := spec(func(*kit.Context) {})
		s.Mailbox = mailbox
		a := system.Spawn("a", s)
		freed := make(chan struct{}, 10)
		for range cap(freed) {
			message := &numbered{}
			runtime.AddCleanup(message, func(chan struct{}) { freed <- struct{}{} }, freed)
			a.Tell(message)
		}
		for left := cap(freed); left > 0; {
			runtime.GC()
			select {
			case <-freed:
				left--
			case <-time.After(patience):
				t.Fatalf("got %d messages alive, want none", left)
			}
		}
		runtime.KeepAlive(system)
		runtime.KeepAlive(&a)
	}
}

func TestBusyActorLetsOthersRun(t *testing.T) {
	system := newSystem(t)
	stop := false // turns of the one actor
	busy := system.Spawn("busy", spec(func(c *kit.Context) {
		switch c.Message() {
		case "again":
			if !stop {
				c.Self().Tell("again")
			}
		case "stop":
			stop = true
		}
	}))
	busy.Tell("again")
	for range 100 {
		probe := kittest.NewProbe(system, "probe")
		probe.Tell("hello")
		kittest.Expect[string](t, probe, patience)
		if err := system.StopAndWait(t.Context(), probe.Address); err != nil {
			t.Fatal(err)
		}
	}
	busy.Tell("stop")
}
