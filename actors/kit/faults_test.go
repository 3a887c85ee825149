package kit_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

// faulty returns a system whose actors fail as told, and a parent with the probe that sees it.
func faulty(t *testing.T) (*kit.System, *kit.Faults, *kittest.Probe) {
	faults := &kit.Faults{}
	system := kit.NewSystem(kit.SystemConfig{Faults: faults})
	t.Cleanup(system.Shutdown)
	return system, faults, kittest.NewProbe(system, "top")
}

func add(t *testing.T, faults *kit.Faults, fault kit.Fault) uint64 {
	t.Helper()
	id, err := faults.Add(fault)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// step is told to an actor that notes in its log how far it came.
type step struct {
	number int
	log    chan string
}

func stepper(mailbox kit.Mailbox) kit.Spec {
	one := func(c *kit.Context, m step) {
		m.log <- fmt.Sprintf("begin %d", m.number)
		c.Self()
		m.log <- fmt.Sprintf("end %d", m.number)
	}
	s := spec(func(c *kit.Context) {
		switch m := c.Message().(type) {
		case step:
			one(c, m)
		case kit.Batch:
			for message := range m.All() {
				one(c, message.(step))
			}
		}
	})
	s.Mailbox = mailbox
	return s
}

func TestFaultStrikesWhereItIsTold(t *testing.T) {
	for point, want := range map[kit.Point][]string{
		kit.Before: {"begin 1", "end 1"},
		kit.Middle: {"begin 1", "end 1", "begin 2"},
		kit.After:  {"begin 1", "end 1", "begin 2", "end 2"},
	} {
		t.Run(string(point), func(t *testing.T) {
			_, faults, probe := faulty(t)
			child := probe.Spawn(t, "worker-7", stepper(kit.OneByOne))
			add(t, faults, kit.Fault{Path: "top/worker-*", Message: "*.step", Nth: 2, Point: point})
			log := make(chan string, 100)
			for i := range 3 {
				child.Tell(step{number: i + 1, log: log})
			}
			failed := kittest.Expect[kit.ChildFailed](t, probe, patience)
			var injected *kit.Injected
			if err, ok := failed.Reason.(error); !ok || !errors.As(err, &injected) || injected.Point != point {
				t.Errorf("got the reason %v, want the fault", failed.Reason)
			}
			kittest.Expect[kit.Terminated](t, probe, patience)
			close(log)
			var got []string
			for line := range log {
				got = append(got, line)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// TestFaultInABatchStrikesAtItsMessage: what the loop has passed is handled, the rest refused.
func TestFaultInABatchStrikesAtItsMessage(t *testing.T) {
	_, faults, probe := faulty(t)
	asker := make(chan any, 10)
	replyTo := kit.AddressFor("asker", func(message any) { asker <- message })
	release := make(chan struct{})
	s := spec(func(c *kit.Context) {
		if m, ok := c.Message().(kit.Batch); ok {
			for message := range m.All() {
				if _, hold := message.(string); hold {
					<-release
				} else {
					serve(message.(request))
				}
			}
		}
	})
	s.Mailbox = kit.Batched(10)
	child := probe.Spawn(t, "child", s)
	child.Tell("hold")
	add(t, faults, kit.Fault{Path: "**/child", Message: "kit_test.request", Nth: 3, Point: kit.Middle, Step: 99})
	for i := range 5 {
		child.Tell(request{token: i, replyTo: replyTo})
	}
	close(release)
	kittest.Expect[kit.ChildFailed](t, probe, patience)
	for i := range 5 {
		switch m := (<-asker).(type) {
		case served:
			if i != m.token || i > 1 {
				t.Errorf("got %d served as answer %d, want 0 and 1 first", m.token, i)
			}
		case refused:
			if i != m.token || i < 2 {
				t.Errorf("got %d refused as answer %d, want 2 to 4 last", m.token, i)
			}
		}
	}
}

func TestStalledActorGoesOn(t *testing.T) {
	_, faults, probe := faulty(t)
	struck := make(chan struct{})
	faults.OnStruck = func(kit.Struck) { close(struck) }
	child := probe.Spawn(t, "child", spec(server))
	id := add(t, faults, kit.Fault{Path: "top/child", Do: kit.Stall})
	answers := make(chan any, 1)
	child.Tell(request{replyTo: kit.AddressFor("asker", func(message any) { answers <- message })})
	<-struck // right before the stall begins
	select {
	case got := <-answers:
		t.Fatalf("got %v from an actor that stalls", got)
	default:
	}
	if !faults.Remove(id) || faults.Remove(id) {
		t.Error("want a fault to be removed once")
	}
	if got := <-answers; got != (served{}) {
		t.Errorf("got %v, want an answer after the stall", got)
	}
}

func TestDroppedRequestIsRefused(t *testing.T) {
	for point, lost := range map[kit.Point]int{kit.Before: 1, kit.After: 2} {
		for _, mailbox := range []kit.Mailbox{kit.OneByOne, kit.Batched(8)} {
			_, faults, probe := faulty(t)
			s := spec(server)
			s.Mailbox = mailbox
			child := probe.Spawn(t, "child", s)
			add(t, faults, kit.Fault{Path: "top/child", Nth: 2, Do: kit.Drop, Point: point})
			answers := make(chan any, 1)
			for i := range 4 {
				child.Tell(request{token: i, replyTo: kit.AddressFor("asker", func(message any) { answers <- message })})
				_, dropped := (<-answers).(refused)
				if dropped != (i == lost) {
					t.Errorf("%s: request %d dropped: %v", point, i, dropped)
				}
			}
			probe.ExpectNone(t)
		}
	}
}

// TestFaultsFollowTheirSeed: the same seed strikes at the same messages.
func TestFaultsFollowTheirSeed(t *testing.T) {
	run := func(seed uint64) (struck []int) {
		_, faults, probe := faulty(t)
		child := probe.Spawn(t, "child", spec(server))
		add(t, faults, kit.Fault{Path: "top/*", OneIn: 3, Seed: seed, Times: -1, Do: kit.Drop})
		answers := make(chan any, 1)
		for i := range 50 {
			child.Tell(request{token: i, replyTo: kit.AddressFor("asker", func(message any) { answers <- message })})
			if _, dropped := (<-answers).(refused); dropped {
				struck = append(struck, i)
			}
		}
		return struck
	}
	first, second, other := run(1), run(1), run(2)
	if len(first) < 5 || !slices.Equal(first, second) || slices.Equal(first, other) {
		t.Errorf("got %v, then %v, and with another seed %v", first, second, other)
	}
}

func TestImpossibleFaultsAreRefused(t *testing.T) {
	var faults kit.Faults
	for _, fault := range []kit.Fault{
		{}, {Path: "a/["}, {Path: "a", Message: "["}, {Path: "a", Point: "never"}, {Path: "a", Do: "sing"},
		{Path: "a", Do: kit.Drop, Point: kit.Middle},
	} {
		if _, err := faults.Add(fault); err == nil {
			t.Errorf("got %+v taken, want it refused", fault)
		}
	}
}

// TestHandledMessageIsNotRefused: a fault that strikes after a message finds it answered.
func TestHandledMessageIsNotRefused(t *testing.T) {
	for name, fault := range map[string]kit.Fault{
		"after":      {Path: "top/child", Point: kit.After},
		"at the end": {Path: "top/child", Point: kit.Middle, Step: 99},
	} {
		t.Run(name, func(t *testing.T) {
			_, faults, probe := faulty(t)
			child := probe.Spawn(t, "child", spec(server))
			add(t, faults, fault)
			answers := make(chan any, 2)
			child.Tell(request{replyTo: kit.AddressFor("asker", func(message any) { answers <- message })})
			kittest.Expect[kit.ChildFailed](t, probe, patience)
			kittest.Expect[kit.Terminated](t, probe, patience)
			if got := <-answers; got != (served{}) || len(answers) > 0 {
				t.Errorf("got %v and %d more, want what the actor said", got, len(answers))
			}
		})
	}
}

// TestFailedActorKnowsItsMessage: in Stopping, it leaves out whom kit has answered.
func TestFailedActorKnowsItsMessage(t *testing.T) {
	system, _, probe := faulty(t)
	seen := make(chan any, 1)
	keeper := spec(func(c *kit.Context) {
		switch c.Message().(type) {
		case request:
			panic("boom")
		case kit.Stopping:
			seen <- c.Failed()
		}
	})
	child := probe.Spawn(t, "child", keeper)
	child.Tell(request{token: 7, replyTo: kit.AddressFor("asker", func(any) {})})
	if got, is := (<-seen).(request); !is || got.token != 7 {
		t.Errorf("got %+v, want the message that failed", got)
	}
	other := probe.Spawn(t, "other", keeper)
	system.Stop(other)
	if got := <-seen; got != nil {
		t.Errorf("got %v of an actor that was stopped", got)
	}
}
