package kit_test

import (
	"bytes"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
)

// lines is a log that says when a line has come.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	came chan struct{}
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(line)
	select {
	case l.came <- struct{}{}:
	default:
	}
	return len(line), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestActorThatHoldsAMessageIsToldOfOnce has one actor stall while another one works.
func TestActorThatHoldsAMessageIsToldOfOnce(t *testing.T) {
	log, registry := &lines{came: make(chan struct{}, 1)}, prometheus.NewRegistry()
	system := kit.NewSystem(kit.SystemConfig{
		Logger: zerolog.New(log), Metrics: registry, SlowAfter: 40 * time.Millisecond,
	})
	t.Cleanup(system.Shutdown)
	release, ended := make(chan struct{}), make(chan struct{})
	slow := system.Spawn("slow-one", spec(func(c *kit.Context) {
		switch c.Message().(type) {
		case request:
			<-release
		case string:
			close(ended)
		}
	}))
	ticks := make(chan struct{})
	quick := system.Spawn("quick", spec(func(c *kit.Context) {
		if c.Message() == "tick" {
			ticks <- struct{}{}
		}
	}))
	slow.Tell(request{})
	for i := 0; i < 40; i++ {
		quick.Tell("tick")
		<-ticks
		if strings.Contains(log.String(), "holds") {
			break
		}
		select {
		case <-log.came:
		case <-time.After(10 * time.Millisecond):
		}
	}
	for _, n := range system.Tree() {
		if n.Name == "slow-one" && (n.State != kit.Busy || n.Holding != "kit_test.request" ||
			n.HeldFor < 20*time.Millisecond) {
			t.Errorf("got %+v in the tree, want it busy with a request", n)
		}
	}
	time.Sleep(100 * time.Millisecond) // time for what must not come: a second line
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
}

func TestTreeTellsOfLives(t *testing.T) {
	system, _, probe := faulty(t)
	child := probe.Spawn(t, "child", spec(server))
	begun := time.Now()
	child.Tell(request{boom: true})
	<-child.Done()
	for len(system.Tree()[0].Children) > 0 {
		runtime.Gosched() // its parent hears of it a moment later, and has the name free then
	}
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
