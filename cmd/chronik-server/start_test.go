package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/config"
)

// fakeNode stands for a broker: it ends when the test says so.
type fakeNode struct {
	done    chan error
	onServe func() // called when the command has begun to wait for the end
	stopped chan struct{}
	onStop  func(ctx context.Context) error
}

func newFakeNode() *fakeNode {
	return &fakeNode{done: make(chan error, 1), stopped: make(chan struct{}), onServe: func() {}, onStop: func(context.Context) error { return nil }}
}

func (n *fakeNode) Addr() string      { return "127.0.0.1:9092" }
func (n *fakeNode) AdminAddr() string { return "" }

func (n *fakeNode) Done() <-chan error {
	n.onServe()
	return n.done
}

func (n *fakeNode) Stop(ctx context.Context) error {
	close(n.stopped)
	return n.onStop(ctx)
}

// safeBuffer is written by the command and read by the test.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

type outcome struct {
	status         int
	stdout, stderr safeBuffer
}

// runWith runs the command with a start function and signals that the test controls.
func runWith(start starter, signals chan os.Signal, environ []string, args ...string) *outcome {
	var o outcome
	// The collector's settings belong to the test binary here.
	environ = append([]string{"GOGC=100", "GOMEMLIMIT=off"}, environ...)
	o.status = run(process{args: args, environ: environ, stdout: &o.stdout, stderr: &o.stderr, signals: signals, start: start})
	return &o
}

func TestASignalStopsTheNodeInOrder(t *testing.T) {
	fake, signals := newFakeNode(), make(chan os.Signal, 2)
	fake.onServe = func() { signals <- syscall.SIGTERM }
	var got config.Config
	start := func(_ context.Context, settings config.Config, _ zerolog.Logger) (node, error) {
		got = settings
		return fake, nil
	}
	o := runWith(start, signals, []string{"CHRONIK_NODE_ID=3"}, "-d", "/over", "start", "--bind", "127.0.0.1:0", "--node-id", "7", "--data-dir", "/data", "-l", "debug")
	if o.status != exitOK {
		t.Fatalf("status %d: %s", o.status, o.stderr.String())
	}
	<-fake.stopped
	if got.NodeID != 7 || got.DataDir != "/data" || got.LogLevel != "debug" || got.Bind.Kafka != "127.0.0.1:0" {
		t.Errorf("settings: %+v", got)
	}
	for _, want := range []string{"chronik is starting", "chronik is ready", "chronik has stopped"} {
		if !strings.Contains(o.stderr.String(), want) {
			t.Errorf("log lacks %q:\n%s", want, o.stderr.String())
		}
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	fake, signals := newFakeNode(), make(chan os.Signal, 2)
	fake.onServe = func() { signals <- syscall.SIGTERM }
	fake.onStop = func(ctx context.Context) error {
		signals <- syscall.SIGINT
		<-make(chan struct{}) // hangs for ever
		return nil
	}
	start := func(context.Context, config.Config, zerolog.Logger) (node, error) {
		return fake, nil
	}
	if o := runWith(start, signals, nil, "start"); o.status != exitFailed || !strings.Contains(o.stderr.String(), "ends at once") {
		t.Errorf("status %d: %s", o.status, o.stderr.String())
	}
}

func TestTheDrainHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, signals := newFakeNode(), make(chan os.Signal, 2)
		fake.onServe = func() { signals <- syscall.SIGTERM }
		fake.onStop = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		start := func(context.Context, config.Config, zerolog.Logger) (node, error) {
			return fake, nil
		}
		begun := time.Now()
		o := runWith(start, signals, []string{"CHRONIK_LIMITS_DRAIN_TIME=3s"}, "start")
		if o.status != exitFailed || time.Since(begun) != 3*time.Second {
			t.Errorf("status %d after %s: %s", o.status, time.Since(begun), o.stderr.String())
		}
	})
}

func TestANodeThatHasToStopFails(t *testing.T) {
	fake := newFakeNode()
	fake.done <- errors.New("fsync failed")
	start := func(context.Context, config.Config, zerolog.Logger) (node, error) { return fake, nil }
	if o := runWith(start, nil, nil, "start"); o.status != exitFailed || !strings.Contains(o.stderr.String(), "fsync failed") {
		t.Errorf("status %d: %s", o.status, o.stderr.String())
	}
}

func TestAStartThatFailsSaysWhy(t *testing.T) {
	start := func(context.Context, config.Config, zerolog.Logger) (node, error) {
		return nil, errors.New("port 9092 is taken")
	}
	if o := runWith(start, nil, nil, "start"); o.status != exitFailed || !strings.Contains(o.stderr.String(), "port 9092 is taken") {
		t.Errorf("status %d: %s", o.status, o.stderr.String())
	}
}

func TestASignalCancelsTheStart(t *testing.T) {
	signals := make(chan os.Signal, 2)
	start := func(ctx context.Context, _ config.Config, _ zerolog.Logger) (node, error) {
		signals <- syscall.SIGINT
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if o := runWith(start, signals, nil, "start"); o.status != exitFailed || !strings.Contains(o.stderr.String(), "stopped by interrupt while starting") {
		t.Errorf("status %d: %s", o.status, o.stderr.String())
	}
}

func TestANodeThatStartedDespiteTheSignalIsStopped(t *testing.T) {
	fake, signals := newFakeNode(), make(chan os.Signal, 2)
	fake.onServe = func() { signals <- syscall.SIGTERM }
	start := func(ctx context.Context, _ config.Config, _ zerolog.Logger) (node, error) {
		signals <- syscall.SIGINT
		<-ctx.Done()
		return fake, nil
	}
	if o := runWith(start, signals, nil, "start"); o.status != exitOK {
		t.Errorf("status %d: %s", o.status, o.stderr.String())
	}
	<-fake.stopped
}

func TestWrongUseIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "chronik.toml")
	if err := os.WriteFile(file, []byte("\nnode_idd = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args, environ []string
		want          string
	}{
		"no command":      {nil, nil, "expected one of"},
		"unknown flag":    {[]string{"start", "--bnd", "x"}, nil, "did you mean \"--bind\"?"},
		"unknown command": {[]string{"strat"}, nil, "did you mean \"start\"?"},
		"wrong value":     {[]string{"start", "--node-id", "x"}, nil, "--node-id: node_id: \"x\" is not a whole number"},
		"missing file":    {[]string{"start", "-c", "/no/such/file"}, nil, "configuration file: open /no/such/file"},
		"file by flag":    {[]string{"start", "-c", file}, nil, file + ":2: node_idd: is not a setting; did you mean node_id?"},
		"file by name":    {[]string{"start"}, []string{"CHRONIK_CONFIG=" + file}, "did you mean node_id?"},
	} {
		o := runWith(nil, nil, test.environ, test.args...)
		if o.status != exitUsage || !strings.Contains(o.stderr.String(), test.want) {
			t.Errorf("%s: status %d, want %q in\n%s", name, o.status, test.want, o.stderr.String())
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	if o := runWith(nil, nil, nil, "--help"); o.status != exitOK || !strings.Contains(o.stdout.String(), "start") {
		t.Errorf("help: status %d: %s", o.status, o.stdout.String())
	}
	if o := runWith(nil, nil, nil, "version"); o.status != exitOK || !strings.HasPrefix(o.stdout.String(), "chronik-server ") {
		t.Errorf("version: status %d: %s", o.status, o.stdout.String())
	}
}
