package kit_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

func TestFailedChildIsStoppedAndItsParentTold(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	asker := kittest.NewProbe(system, "asker")
	child := probe.Spawn(t, "child", spec(server))
	sibling := probe.Spawn(t, "sibling", spec(server))

	question := request{token: 1, replyTo: asker.Address, boom: true}
	child.Tell(question)
	failed := kittest.Expect[kit.ChildFailed](t, probe, patience)
	if failed.Who != child || failed.Reason != "boom" || failed.Message != question {
		t.Errorf("got %+v", failed)
	}
	if ended := kittest.Expect[kit.Terminated](t, probe, patience); ended.Who != child {
		t.Errorf("got %v, want the end of %v", ended, child)
	}
	got := kittest.Expect[refused](t, asker, patience)
	if !errors.Is(got.err, kit.ErrStopped) || got.err.Error() != "actor probe/child failed" {
		t.Errorf("got %v, want an ErrStopped that names the failure", got.err)
	}
	sibling.Tell(request{token: 2, replyTo: asker.Address})
	kittest.Expect[served](t, asker, patience)
	asker.ExpectNone(t)
}

func TestFailedActorHandlesNothingButItsEnd(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	asker := kittest.NewProbe(system, "asker")
	var after []any
	failed := false
	child := probe.Spawn(t, "child", spec(func(c *kit.Context) {
		if failed {
			after = append(after, c.Message())
		}
		if c.Message() == "go" {
			c.Self().Tell(request{token: 1, replyTo: asker.Address})
			failed = true
			panic("boom")
		}
	}))
	child.Tell("go")
	if len(after) != 2 || after[0] != (kit.Stopping{}) || after[1] != (kit.Stopped{}) {
		t.Errorf("got %v, want Stopping and Stopped", after)
	}
	kittest.Expect[refused](t, asker, patience)
}

// tower spawns a chain of actors below each other; the lowest fails when it is told to.
func tower(levels int, children kit.Supervision, events kit.Address, lowest *kit.Address) kit.Spec {
	s := spec(func(c *kit.Context) {
		switch m := c.Message().(type) {
		case kit.Started:
			if levels > 0 {
				c.Spawn("level", tower(levels-1, children, events, lowest))
			} else {
				*lowest = c.Self()
			}
		case kit.ChildFailed:
			events.Tell(m)
		case string:
			panic(m)
		}
	})
	s.Children = children
	return s
}

func TestEscalationFailsEveryParentWithTheReasonOfTheChild(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	events := kittest.NewProbe(system, "events")
	var lowest kit.Address
	top := probe.Spawn(t, "top", tower(3, kit.Escalate, events.Address, &lowest))
	lowest.Tell("boom")
	failed := kittest.Expect[kit.ChildFailed](t, probe, patience)
	if failed.Who != top || failed.Reason != "boom" || failed.Message != "boom" {
		t.Errorf("got %+v, want the failure of top for boom", failed)
	}
	kittest.Expect[kit.Terminated](t, probe, patience)
	events.ExpectNone(t)
	<-lowest.Done()
}

func TestFailureWithoutEscalationStaysAtTheParent(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	events := kittest.NewProbe(system, "events")
	var lowest kit.Address
	probe.Spawn(t, "top", tower(3, kit.StopAndTell, events.Address, &lowest))
	lowest.Tell("boom")
	failed := kittest.Expect[kit.ChildFailed](t, events, patience)
	if failed.Who != lowest {
		t.Errorf("got %v, want %v", failed.Who, lowest)
	}
	probe.ExpectNone(t)
}

func TestFailureAtTheTopIsTheHooks(t *testing.T) {
	type report struct {
		who    kit.Address
		reason any
	}
	reports := make(chan report, 1)
	var log bytes.Buffer
	registry := prometheus.NewRegistry()
	system := kit.NewSystem(kit.SystemConfig{
		Name: "node-1", Logger: zerolog.New(&log), Metrics: registry, Dispatcher: &kittest.Inline{},
		OnFailure: func(who kit.Address, reason any) { reports <- report{who, reason} },
	})
	t.Cleanup(system.Shutdown)
	a := system.Spawn("shop-7", spec(server))
	a.Tell(request{boom: true, replyTo: a})
	<-a.Done()
	if got := <-reports; got.who != a || got.reason != "boom" {
		t.Errorf("got %v", got)
	}
	for _, want := range []string{
		`"level":"error"`, `"system":"node-1"`, `"actor":"shop-7"`,
		`"message":"actor failed"`, `"reason":"boom"`,
		`"handling":"kit_test.request"`, "serve(",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("got %s, want %s in it", log.String(), want)
		}
	}
	for name, want := range map[string]float64{
		"chronik_actors": 0, "chronik_actor_failures_total": 1, "chronik_actor_refused_total": 1,
	} {
		if got := metric(t, registry, name, "shop"); got != want {
			t.Errorf("got %v of %s, want %v", got, name, want)
		}
	}
}

// metric returns the value of a counter or gauge for one kind of actor.
func metric(t *testing.T, registry *prometheus.Registry, name, kind string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, one := range family.GetMetric() {
			if family.GetName() == name && one.GetLabel()[0].GetValue() == kind {
				return one.GetCounter().GetValue() + one.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("got no metric %s for %s", name, kind)
	return 0
}

func TestPanicOfAParentStopsItsChildren(t *testing.T) {
	system := newSystem(t)
	var child kit.Address
	parent := system.Spawn("parent", spec(func(c *kit.Context) {
		switch m := c.Message().(type) {
		case kit.Started:
			child = c.Spawn("child", spec(server))
		case string:
			panic(m)
		}
	}))
	parent.Tell("boom")
	<-parent.Done()
	<-child.Done()
}

func TestFailureOfTheHandlerOfAFailure(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	parent := probe.Spawn(t, "parent", spec(func(c *kit.Context) {
		switch c.Message().(type) {
		case kit.Started:
			c.Spawn("child", spec(func(c *kit.Context) { panic("first") }))
		case kit.ChildFailed:
			panic("second")
		}
	}))
	failed := kittest.Expect[kit.ChildFailed](t, probe, patience)
	if failed.Who.ID() != parent.ID() || failed.Reason != "second" {
		t.Errorf("got %+v, want the parent failed with second", failed)
	}
	kittest.Expect[kit.Terminated](t, probe, patience)
}

func TestPanicInRefuseHarmsNobody(t *testing.T) {
	system, _ := kittest.NewInline(t)
	a := system.Spawn("a", spec(server))
	system.Stop(a)
	a.Tell(vicious{})
}

type vicious struct{}

func (vicious) Refuse(error) { panic("no") }
