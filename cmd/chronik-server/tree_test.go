package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/chronik-go/chronik/actors/admin"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

// serveTree starts a listener over a small tree of real actors and returns the configuration file of its node.
func serveTree(t *testing.T, faults *kit.Faults, clock *kit.SetClock) (file string, worker kit.Address) {
	t.Helper()
	system := kit.NewSystem(kit.SystemConfig{Faults: faults, SlowAfter: time.Second})
	t.Cleanup(system.Shutdown)
	owner := kittest.NewProbe(system, "owner")
	worker = owner.Spawn(t, "worker-1", kit.Spec{New: func() kit.Actor { return kit.Func(func(*kit.Context) {}) }})
	for i := range 8 {
		owner.Spawn(t, fmt.Sprintf("idler-%d", i), kit.Spec{New: func() kit.Actor { return kit.Func(func(*kit.Context) {}) }})
	}
	system.Spawn("admin", admin.Spec(admin.Options{
		Address: "127.0.0.1:0", Gatherer: prometheus.NewRegistry(), Owner: owner.Address,
		Ready:  func() error { return nil },
		Status: func() admin.Status { return admin.Status{NodeID: 2} },
		Tree:   func() ([]kit.Node, time.Time) { return system.Tree(), system.Now() },
		Faults: faults,
		Clock:  clock,
	}))
	address := kittest.Expect[admin.Opened](t, owner, 30*time.Second).Addr.String()
	return configFile(t, fmt.Sprintf("node_id = 2\nbind.metrics = %q\n", address)), worker
}

// command runs the program and returns what it printed.
func command(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, problems bytes.Buffer
	if got := run(process{args: args, stdout: &out, stderr: &problems}); got != want {
		t.Fatalf("%v: got the status %d, want %d: %s", args, got, want, problems.String())
	}
	return out.String() + problems.String()
}

func TestTreeIsDrawn(t *testing.T) {
	file, worker := serveTree(t, nil, nil)
	worker.Tell("hello")
	text := command(t, exitOK, "tree", "-c", file)
	for _, want := range []string{
		"ACTOR ", "owner ", "├─ worker-1 ", "├─ idler-4 ", "└─ 3 more idler ", "admin ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the tree lacks %q:\n%s", want, text)
		}
	}
	if all := command(t, exitOK, "tree", "--all", "-c", file); !strings.Contains(all, "idler-7") {
		t.Errorf("the whole tree lacks an actor:\n%s", all)
	}
}

func TestFaultsAreArmedOnANodeThatAllowsIt(t *testing.T) {
	faults := new(kit.Faults)
	file, worker := serveTree(t, faults, nil)
	armed := command(t, exitOK, "fault", "add", "owner/worker-*", "--message", "string", "--nth", "2", "-c", file)
	if !strings.Contains(armed, "fault 1 is armed") {
		t.Errorf("got %q", armed)
	}
	worker.Tell("one")
	worker.Tell("two")
	<-worker.Done()
	if list := command(t, exitOK, "fault", "list", "-c", file); !strings.Contains(list, "owner/worker-*") {
		t.Errorf("got the list %q", list)
	}
	if refused := command(t, exitFailed, "fault", "add", "a/[", "-c", file); !strings.Contains(refused, "pattern") {
		t.Errorf("got %q for a pattern that is none", refused)
	}
	command(t, exitOK, "fault", "clear", "-c", file)
	if len(faults.List()) != 0 {
		t.Errorf("got %v after clear", faults.List())
	}
}

func TestFaultsAreNotArmedElsewhere(t *testing.T) {
	file, _ := serveTree(t, nil, nil)
	if text := command(t, exitFailed, "fault", "add", "**", "-c", file); !strings.Contains(text, "admin.faults") {
		t.Errorf("got %q, want it to name the setting", text)
	}
}

func TestClockJumpsOnANodeThatAllowsIt(t *testing.T) {
	clock := kit.NewSetClock(kit.RealClock{})
	file, _ := serveTree(t, nil, clock)
	before := clock.Now()
	if text := command(t, exitOK, "fault", "clock", "--by=90m", "-c", file); !strings.Contains(text, "1h30m0s ahead") {
		t.Errorf("got %q", text)
	}
	if jumped := clock.Now().Sub(before); jumped < 90*time.Minute {
		t.Errorf("got a clock that went on by %v, want 90m at least", jumped)
	}
	if text := command(t, exitOK, "fault", "clock", "--by=-2h", "-c", file); !strings.Contains(text, "-30m0s ahead") {
		t.Errorf("got %q", text)
	}
	if !clock.Now().Before(before) {
		t.Error("got a clock that did not go back")
	}
	file, _ = serveTree(t, nil, nil)
	if text := command(t, exitFailed, "fault", "clock", "--by=1s", "-c", file); !strings.Contains(text, "admin.faults") {
		t.Errorf("got %q, want it to name the setting", text)
	}
}
