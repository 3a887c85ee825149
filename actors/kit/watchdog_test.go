package kit_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

// TestActorThatHoldsAMessageIsToldOfOnce has one actor stall while another one works. Time is that of the
// bubble.
func TestActorThatHoldsAMessageIsToldOfOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer // written by the watchdog only, and read while it has nothing to say
		registry := prometheus.NewRegistry()
		system := kit.NewSystem(kit.SystemConfig{
			Logger: zerolog.New(&log), Metrics: registry, SlowAfter: 40 * time.Millisecond,
		})
		t.Cleanup(system.Shutdown)
		release, ended, ticks := make(chan struct{}), make(chan struct{}), make(chan struct{})
		slow := system.Spawn("slow-one", spec(func(c *kit.Context) {
			switch c.Message().(type) {
			case request:
				<-release
			case string:
				close(ended)
			}
		}))
		quick := system.Spawn("quick", spec(func(c *kit.Context) {
			if c.Message() == "tick" {
				ticks <- struct{}{}
			}
		}))
		slow.Tell(request{})
		for range 10 {
			quick.Tell("tick")
			<-ticks
			time.Sleep(10 * time.Millisecond) // of the bubble
		}
		for _, n := range system.Tree() {
			if n.Name == "slow-one" && (n.State != kit.Busy || n.Holding != "kit_test.request" ||
				n.HeldFor < 80*time.Millisecond) {
				t.Errorf("got %+v in the tree, want it busy with a request", n)
			}
		}
		time.Sleep(time.Minute) // of the bubble: time for what must not come, a second line
		close(release)
		slow.Tell("end")
		<-ended
		got := log.String()
		if strings.Count(got, "actor holds a message") != 1 || !strings.Contains(got, `"actor":"slow-one"`) ||
			!strings.Contains(got, `"holding":"kit_test.request"`) {
			t.Errorf("got the log %q, want one line that names actor and message", got)
		}
		if n := metric(t, registry, "chronik_actor_slow_total", "slow"); n != 1 {
			t.Errorf("got %v counted, want 1", n)
		}
	})
}

func TestTreeTellsOfLives(t *testing.T) {
	system, _, probe := faulty(t)
	child := probe.Spawn(t, "child", spec(server))
	begun := time.Now()
	child.Tell(request{boom: true})
	kittest.Expect[kit.ChildFailed](t, probe, patience)
	kittest.Expect[kit.Terminated](t, probe, patience) // the name is free
	again := probe.Spawn(t, "child", spec(server))
	answers := make(chan any, 1)
	for range 3 {
		again.Tell(request{replyTo: kit.AddressFor("asker", func(message any) { answers <- message })})
		<-answers
	}
	got := system.Tree()[0].Children[0]
	if got.Failures != 1 || got.Restarts != 1 || got.Failure != "boom" || got.FailedAt.Before(begun) {
		t.Errorf("got %+v, want one failure and one restart", got)
	}
	if got.Handled != 3 || got.Born.Before(begun) || got.Number < 2 {
		t.Errorf("got %+v, want three messages in a new life", got)
	}
}
