package kit_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

// diary notes the types of the messages that an actor gets.
type diary struct {
	lines    []string
	children int
	panicAt  string
}

func (d *diary) spec() kit.Spec { return kit.Spec{New: func() kit.Actor { return d }} }

func (d *diary) Receive(c *kit.Context) {
	line := fmt.Sprintf("%T", c.Message())
	if m, ok := c.Message().(kit.Terminated); ok {
		line += " " + m.Who.Name()
	}
	d.lines = append(d.lines, line)
	if line == d.panicAt {
		panic("at " + line)
	}
	if _, ok := c.Message().(kit.Started); ok {
		for i := range d.children {
			c.Spawn(fmt.Sprintf("child-%d", i), spec(func(*kit.Context) {}))
		}
	}
}

func (d *diary) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(d.lines, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(d.lines, ", "), strings.Join(want, ", "))
	}
}

func TestLifeOfAnActor(t *testing.T) {
	system, _ := kittest.NewInline(t)
	d := &diary{children: 2}
	a := system.Spawn("a", d.spec())
	a.Tell("hello")
	system.Stop(a)
	a.Tell("too late")
	d.expect(t, "kit.Started", "string", "kit.Stopping", "kit.Stopped")
	select {
	case <-a.Done():
	default:
		t.Error("got an actor that is not done after Stopped")
	}
}

func TestStopRefusesWhatIsQueuedAndPoisonDoesNot(t *testing.T) {
	for order, want := range map[string][]any{
		"stop":   {1, "refused", 2, "refused"},
		"poison": {1, "served", 2, "refused"},
	} {
		system, _ := kittest.NewInline(t)
		probe := kittest.NewProbe(system, "probe")
		a := system.Spawn("a", spec(func(c *kit.Context) {
			server(c)
			if c.Message() != "go" {
				return
			}
			c.Self().Tell(request{token: 1, replyTo: probe.Address})
			if order == "stop" {
				c.Stop(c.Self())
			} else {
				c.Poison(c.Self())
			}
			c.Self().Tell(request{token: 2, replyTo: probe.Address})
		}))
		a.Tell("go")
		var got []any
		for _, m := range probe.All() {
			switch m := m.(type) {
			case served:
				got = append(got, m.token, "served")
			case refused:
				got = append(got, m.token, "refused")
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", order, got, want)
		}
	}
}

func TestStoppingComesBeforeTheRefusals(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	a := system.Spawn("a", spec(func(c *kit.Context) {
		switch c.Message().(type) {
		case kit.Stopping:
			probe.Tell("good-bye")
		case string:
			c.Self().Tell(request{token: 1, replyTo: probe.Address})
			c.Stop(c.Self())
		}
	}))
	a.Tell("go")
	if got := kittest.Expect[string](t, probe, patience); got != "good-bye" {
		t.Errorf("got %q", got)
	}
	got := kittest.Expect[refused](t, probe, patience)
	if got.token != 1 || !errors.Is(got.err, kit.ErrStopped) {
		t.Errorf("got %+v, want 1 refused with ErrStopped", got)
	}
	if want := "actor a has stopped"; got.err.Error() != want {
		t.Errorf("got %q, want %q", got.err, want)
	}
}

func TestPanicWhileStoppingDoesNotKeepTheActorAlive(t *testing.T) {
	for _, at := range []string{"kit.Stopping", "kit.Stopped"} {
		system, _ := kittest.NewInline(t)
		d := &diary{children: 1, panicAt: at}
		a := system.Spawn("a", d.spec())
		system.Stop(a)
		<-a.Done()
		d.expect(t, "kit.Started", "kit.Stopping", "kit.Stopped")
	}
}

func TestPanicInNewFailsTheChildAndNotTheParent(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	child := probe.Spawn(t, "child", kit.Spec{New: func() kit.Actor { panic("no actor") }})
	failed := kittest.Expect[kit.ChildFailed](t, probe, patience)
	if failed.Reason != "no actor" || failed.Message != (kit.Started{}) || failed.Who != child {
		t.Errorf("got %+v", failed)
	}
	kittest.Expect[kit.Terminated](t, probe, patience)
}

func TestNameIsFreeAgainWhenTerminatedHasArrived(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	first := probe.Spawn(t, "child", spec(server))
	system.Stop(first)
	kittest.Expect[kit.Terminated](t, probe, patience)
	second := probe.Spawn(t, "child", spec(server))
	if first.Equal(second) || first.ID() != second.ID() {
		t.Errorf("got %v and %v, want two incarnations of one path", first, second)
	}

	first.Tell(request{token: 1, replyTo: probe.Address})
	kittest.Expect[refused](t, probe, patience)
	second.Tell(request{token: 2, replyTo: probe.Address})
	kittest.Expect[served](t, probe, patience)

	system.Stop(first)
	second.Tell(request{token: 3, replyTo: probe.Address})
	kittest.Expect[served](t, probe, patience)
}

func TestSpawnOfATakenNameIsABug(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	top := func(c *kit.Context) {
		if c.Message() == "go" {
			c.Spawn("child", spec(server))
		}
	}
	parent := probe.Spawn(t, "parent", spec(top))
	parent.Tell("go")
	probe.ExpectNone(t)
	parent.Tell("go")
	failed := kittest.Expect[kit.ChildFailed](t, probe, patience)
	if want := "BUG: got a spawn of child in probe/parent, want a name that is free"; failed.Reason != want {
		t.Errorf("got %v, want %v", failed.Reason, want)
	}

	defer func() {
		if reason := recover(); reason == nil || !strings.HasPrefix(fmt.Sprint(reason), "BUG") {
			t.Errorf("got %v, want a BUG", reason)
		}
	}()
	system.Spawn("probe", spec(server))
}

func TestSpawnWhileStoppingIsABugThatStopsNothing(t *testing.T) {
	system, _ := kittest.NewInline(t)
	a := system.Spawn("a", spec(func(c *kit.Context) {
		if _, ok := c.Message().(kit.Stopping); ok {
			c.Spawn("late", spec(server))
		}
	}))
	system.Stop(a)
	<-a.Done()
}

func TestChildrenEndBeforeTheirParent(t *testing.T) {
	system := newSystem(t)
	probe := kittest.NewProbe(system, "probe")
	note := func(name string, then kit.Func) kit.Spec {
		return spec(func(c *kit.Context) {
			if _, ok := c.Message().(kit.Stopped); ok {
				probe.Tell(name)
			}
			then(c)
		})
	}
	leaf := note("leaf", func(*kit.Context) {})
	middle := note("middle", func(c *kit.Context) {
		if _, ok := c.Message().(kit.Started); ok {
			c.Spawn("leaf", leaf)
		}
	})
	root := system.Spawn("root", note("root", func(c *kit.Context) {
		if _, ok := c.Message().(kit.Started); ok {
			c.Spawn("middle", middle)
		}
	}))
	system.Stop(root)
	for _, want := range []string{"leaf", "middle", "root"} {
		if got := kittest.Expect[string](t, probe, patience); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestShutdownStopsTheYoungestFirstAndAllChildren(t *testing.T) {
	system := kit.NewSystem(kit.SystemConfig{})
	var ended []string // guarded by Shutdown, which waits for each
	for _, name := range []string{"first", "second", "third"} {
		system.Spawn(name, spec(func(c *kit.Context) {
			switch c.Message().(type) {
			case kit.Started:
				c.Spawn("child", spec(server))
			case kit.Stopped:
				ended = append(ended, c.Self().Name())
			}
		}))
	}
	system.Shutdown()
	if want := []string{"third", "second", "first"}; !slices.Equal(ended, want) {
		t.Errorf("got %v, want %v", ended, want)
	}
	if tree := system.Tree(); len(tree) != 0 {
		t.Errorf("got %v, want no actor", tree)
	}
	system.Shutdown()
}
