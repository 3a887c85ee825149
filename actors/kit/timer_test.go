package kit_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

func TestTimersTellTheirActor(t *testing.T) {
	system, clock := kittest.NewInline(t)
	begin := clock.Now()
	var rang []time.Duration
	system.Spawn("a", spec(func(c *kit.Context) {
		switch c.Message() {
		case any(kit.Started{}):
			c.After(3*time.Second, "once")
			c.Every(2*time.Second, "again")
		case "once", "again":
			rang = append(rang, c.Now().Sub(begin))
		}
	}))
	clock.Advance(6*time.Second + kit.Beat)
	want := []time.Duration{2*time.Second + kit.Beat, 3 * time.Second, 4*time.Second + kit.Beat, 6*time.Second + kit.Beat}
	if len(rang) != len(want) {
		t.Fatalf("got %v, want %v", rang, want)
	}
	for i := range want {
		if rang[i] != want[i] {
			t.Errorf("got %v, want %v", rang, want)
		}
	}
}

func TestSlowTicksOfAllActorsComeTogether(t *testing.T) {
	system, clock := kittest.NewInline(t)
	begin := clock.Now()
	var rang []time.Duration
	for range 3 {
		system.Spawn("a"+clock.Now().String(), spec(func(c *kit.Context) {
			switch c.Message() {
			case any(kit.Started{}):
				c.Every(time.Second, "tick")
			case "tick":
				rang = append(rang, c.Now().Sub(begin))
			}
		}))
		clock.Advance(300 * time.Millisecond)
	}
	clock.Advance(time.Second + 101*time.Millisecond)
	beat := time.Second + kit.Beat
	want := []time.Duration{beat, beat, beat + time.Second, beat + time.Second, beat + time.Second}
	if !slices.Equal(rang, want) {
		t.Errorf("got %v, want %v", rang, want)
	}
}

func TestStoppedTimerNeverComesEvenIfItIsQueuedAlready(t *testing.T) {
	for _, mailbox := range []kit.Mailbox{kit.OneByOne, kit.Batched(1)} {
		world := kittest.NewSeeded(t, 1)
		var timer kit.Timer
		var stopped []bool
		s := spec(func(c *kit.Context) {
			message := c.Message()
			if b, ok := message.(kit.Batch); ok {
				message = b.Messages[0]
			}
			switch message {
			case "start":
				timer = c.After(time.Second, "ring")
			case "stop":
				stopped = append(stopped, timer.Stop(), timer.Stop())
			case "ring":
				t.Error("got a message of a timer that was stopped")
			}
		})
		s.Mailbox = mailbox
		a := world.System.Spawn("a", s)
		a.Tell("start")
		world.Run()
		a.Tell("stop")
		world.Clock.Advance(time.Second) // the clock's own Run comes after the timer went off
		world.Run()
		if len(stopped) != 2 || !stopped[0] || stopped[1] {
			t.Errorf("got %v, want true and then false", stopped)
		}
	}
}

func TestEveryDoesNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system := kit.NewSystem(kit.SystemConfig{})
		defer system.Shutdown()
		release := make(chan struct{})
		var ticks atomic.Int32
		system.Spawn("a", spec(func(c *kit.Context) {
			switch c.Message() {
			case any(kit.Started{}):
				c.Every(time.Second, "tick")
			case "tick":
				if ticks.Add(1) == 1 {
					<-release // a stalled turn, which only tests may have
				}
			}
		}))
		time.Sleep(100*time.Second + time.Millisecond)
		close(release)
		synctest.Wait()
		if got := ticks.Load(); got != 2 {
			t.Errorf("got %d ticks after the stall, want 2", got)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := ticks.Load(); got != 12 {
			t.Errorf("got %d ticks, want 12", got)
		}
	})
}

func TestTimersEndWithTheirActor(t *testing.T) {
	system, clock := kittest.NewInline(t)
	a := system.Spawn("a", spec(func(c *kit.Context) {
		switch c.Message().(type) {
		case kit.Started:
			for i := range 10 {
				c.After(time.Duration(i)*time.Second, i)
			}
			c.Every(time.Second, "tick")
		case kit.Stopping:
			if c.After(time.Second, "late").Stop() {
				t.Error("got a timer that runs after Stopping, want none")
			}
		}
	}))
	clock.Advance(2 * time.Second)
	system.Stop(a)
	if at, ok := clock.Next(); ok {
		t.Errorf("got a timer at %v, want none", at)
	}
	clock.Advance(time.Minute)
}

func TestTimerOfAFailedActorIsSilent(t *testing.T) {
	system, clock := kittest.NewInline(t)
	a := system.Spawn("a", spec(func(c *kit.Context) {
		if c.Message() == "fail" {
			c.After(0, "queued behind the failure")
			panic("boom")
		}
	}))
	a.Tell("fail")
	clock.Advance(time.Second)
	<-a.Done()
}
