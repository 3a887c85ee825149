package kit_test

import (
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

func TestWatcherHearsOfTheEndOnce(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	a := system.Spawn("a", spec(server))
	probe.Watch(a)
	probe.Watch(a)
	system.Stop(a)
	if ended := kittest.Expect[kit.Terminated](t, probe, patience); ended.Who != a {
		t.Errorf("got %v, want %v", ended.Who, a)
	}
	probe.ExpectNone(t)
	probe.Watch(a)
	kittest.Expect[kit.Terminated](t, probe, patience)
}

func TestParentHearsOfItsChildOnceEvenIfItWatches(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	a := probe.Spawn(t, "a", spec(server))
	probe.Watch(a)
	system.Stop(a)
	kittest.Expect[kit.Terminated](t, probe, patience)
	probe.ExpectNone(t)
}

func TestUnwatch(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	a, b := system.Spawn("a", spec(server)), system.Spawn("b", spec(server))
	probe.Watch(a)
	probe.Watch(b)
	probe.Unwatch(a)
	probe.Unwatch(a)
	system.Stop(a)
	system.Stop(b)
	if ended := kittest.Expect[kit.Terminated](t, probe, patience); ended.Who != b {
		t.Errorf("got %v, want %v", ended.Who, b)
	}
	probe.ExpectNone(t)
}

func TestTerminatedComesOnlyWhenTheActorIsReallyGone(t *testing.T) {
	system := newSystem(t)
	probe := kittest.NewProbe(system, "probe")
	release, stopping := make(chan struct{}), make(chan struct{})
	gone := false
	child := spec(func(c *kit.Context) {
		if _, ok := c.Message().(kit.Stopping); ok {
			close(stopping)
			<-release
		}
	})
	a := system.Spawn("a", spec(func(c *kit.Context) {
		switch c.Message().(type) {
		case kit.Started:
			c.Spawn("child", child)
		case kit.Stopped:
			gone = true
		}
	}))
	system.Stop(a)
	<-stopping
	probe.Watch(a) // protoactor would answer at once, because a is stopping
	probe.Tell("fence")
	kittest.Expect[string](t, probe, patience)
	probe.ExpectNone(t)
	close(release)
	kittest.Expect[kit.Terminated](t, probe, patience)
	if !gone {
		t.Error("got Terminated before Stopped")
	}
}

func TestWatcherThatEndsIsForgotten(t *testing.T) {
	system, _ := kittest.NewInline(t)
	a := system.Spawn("a", spec(server))
	first := kittest.NewProbe(system, "watcher")
	first.Watch(a)
	system.Stop(first.Address)
	second := kittest.NewProbe(system, "watcher")
	system.Stop(a)
	second.ExpectNone(t)
}

func TestWatchRacesWithTheEnd(t *testing.T) {
	system := newSystem(t)
	probe := kittest.NewProbe(system, "probe")
	for range 500 {
		a := system.Spawn("a", spec(server))
		go system.Stop(a)
		probe.Watch(a)
		if ended := kittest.Expect[kit.Terminated](t, probe, patience); ended.Who != a {
			t.Fatalf("got %v, want %v", ended.Who, a)
		}
		<-a.Done()
	}
}

func TestWatchByName(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	parent := kittest.NewProbe(system, "parent")
	byName := parent.Child("a")
	probe.Watch(byName)
	if ended := kittest.Expect[kit.Terminated](t, probe, patience); !ended.Who.Equal(byName) {
		t.Errorf("got %v, want %v at once, for nobody bears the name", ended.Who, byName)
	}
	a := parent.Spawn(t, "a", spec(server))
	probe.Watch(byName)
	probe.ExpectNone(t)
	system.Stop(byName)
	ended := kittest.Expect[kit.Terminated](t, probe, patience)
	if ended.Who != a || !ended.Who.Equal(byName) {
		t.Errorf("got %v, want %v", ended.Who, a)
	}
}

func TestAddressByNameFollowsTheIncarnations(t *testing.T) {
	system, clock := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	parent := kittest.NewProbe(system, "parent")
	byName := parent.Child("a")
	if byName != parent.Child("a") || byName.ID() != "parent/a" || byName.Name() != "a" {
		t.Errorf("got %v, want one Address per name", byName)
	}
	byName.Tell(request{token: 1, replyTo: probe.Address})
	kittest.Expect[refused](t, probe, patience)
	for range 2 {
		a := parent.Spawn(t, "a", spec(server))
		byName.Tell(request{token: 2, replyTo: probe.Address})
		kittest.Expect[served](t, probe, patience)
		system.Stop(a)
		byName.Tell(request{token: 3, replyTo: probe.Address})
		kittest.Expect[refused](t, probe, patience)
		byName.Child("b").Tell(request{token: 4, replyTo: probe.Address})
		kittest.Expect[refused](t, probe, patience)
		clock.Advance(time.Second)
	}
	if (kit.Address{}).Child("a") != (kit.Address{}) {
		t.Error("got a child of nobody")
	}
}
