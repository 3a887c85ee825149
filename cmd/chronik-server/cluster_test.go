package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/chronik-go/chronik/actors/admin"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

const testKey = "open sesame"

// fakeCluster is what a real HTTP listener shows and changes.
type fakeCluster struct {
	status func() admin.ClusterStatus
	change func(change any) error
}

// serve starts the listener and returns a configuration file of its node.
func (f fakeCluster) serve(t *testing.T) (file string) {
	t.Helper()
	system := kit.NewSystem(kit.SystemConfig{Name: "cluster-test"})
	t.Cleanup(system.Shutdown)
	owner := kittest.NewProbe(system, "owner")
	system.Spawn("admin", admin.Spec(admin.Options{
		Address: "127.0.0.1:0", APIKey: testKey, Gatherer: prometheus.NewRegistry(), Owner: owner.Address,
		Ready: func() error { return nil },
		Status: func() admin.Status {
			return admin.Status{NodeID: 2, ClusterID: "kx", Controller: 3, Topics: 4, Partitions: 30, UptimeSeconds: 90}
		},
		Cluster: f.status,
		Change:  func(_ context.Context, change any) error { return f.change(change) },
	}))
	address := kittest.Expect[admin.Opened](t, owner, 30*time.Second).Addr.String()
	return configFile(t, fmt.Sprintf("node_id = 2\nbind.metrics = %q\nadmin.api_key = %q\n", address, testKey))
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "node.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func healthyCluster() admin.ClusterStatus {
	return admin.ClusterStatus{
		Nodes: []admin.NodeStatus{
			{ID: 2, Alive: true, Registered: true, Kafka: "b:9092", Raft: "b:5001", Rack: "east", Leaders: 14, Replicas: 30},
			{ID: 3, Alive: true, Registered: true, Kafka: "c:9092", Raft: "c:5001", Leaders: 16, Replicas: 30},
		},
		Links: []admin.LinkStatus{{Node: 3, State: admin.LinkUp, Address: "c:5001", RTTMillis: 0.25, QueueBytes: 2048, Reconnects: 1}},
	}
}

// ailingCluster has lost node 3.
func ailingCluster() admin.ClusterStatus {
	c := healthyCluster()
	c.Nodes[1].Alive = false
	c.Links[0].State, c.Links[0].Error = "down", "connection refused"
	c.UnderReplicated, c.OfflineCount = 2, 1
	c.Unsettled = []admin.PartitionStatus{
		{Topic: "orders", Partition: 0, Leader: 2, Replicas: []int32{2, 3}, InSync: []int32{2}},
		{Topic: "orders", Partition: 1, Leader: -1, Replicas: []int32{3}},
		{Topic: "orders", Partition: 2, Leader: 2, Replicas: []int32{2, 3, 4}, InSync: []int32{2, 3}, Adding: []int32{4}, Removing: []int32{3}},
	}
	return c
}

// asFields takes the padding out of a table.
func asFields(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

func expect(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("got no %q in\n%s", want, text)
		}
	}
}

func TestStatusOfAHealthyCluster(t *testing.T) {
	file := fakeCluster{status: healthyCluster}.serve(t)
	o := runWith(nil, nil, nil, "cluster", "status", "-c", file)
	if o.status != exitOK || o.stderr.String() != "" {
		t.Errorf("status %d: %s", o.status, o.stderr.String())
	}
	expect(t, asFields(o.stdout.String()),
		"cluster kx, controller 3, as node 2 sees it (up 1m30s)",
		"2 alive b:9092 b:5001 east 14 30\n3 alive, controller c:9092 c:5001 - 16 30",
		"3 up c:5001 0.25 ms 2KiB 0 1",
		"4 topics, 30 partitions: 0 without a leader, 0 under-replicated, 0 being moved", "healthy")
}

func TestStatusFailsWhenSomethingIsWrong(t *testing.T) {
	file := fakeCluster{status: ailingCluster}.serve(t)
	o := runWith(nil, nil, []string{"CHRONIK_CONFIG=" + file}, "cluster", "status")
	if o.status != exitFailed || !strings.Contains(o.stderr.String(), "needs attention: 4 problems") {
		t.Errorf("status %d: %s", o.status, o.stderr.String())
	}
	expect(t, asFields(o.stdout.String()), "3 down, controller", "3 down c:5001 - 2KiB",
		"orders-0 under-replicated 2 2,3 2 - -", "orders-1 no leader none 3 - - -", "orders-2 being moved 2 2,3,4 2,3 4 3",
		"! node 3 is not reachable from node 2", "! the link to node 3 at c:5001 is down: connection refused",
		"! 1 partitions have no leader", "! 2 partitions are under-replicated")
}

func TestStatusWaitsUntilAllIsWell(t *testing.T) {
	var asked atomic.Int32
	file := fakeCluster{status: func() admin.ClusterStatus {
		if asked.Add(1) < 4 {
			return ailingCluster()
		}
		return healthyCluster()
	}}.serve(t)
	o := runWith(nil, nil, nil, "cluster", "status", "--config", file, "--wait", "1m")
	if o.status != exitOK || asked.Load() != 4 || strings.Count(o.stdout.String(), "healthy") != 1 {
		t.Errorf("status %d after %d looks: %s", o.status, asked.Load(), o.stdout.String())
	}
}

func TestStatusDoesNotWaitForEver(t *testing.T) {
	file := fakeCluster{status: ailingCluster}.serve(t)
	o := runWith(nil, nil, nil, "cluster", "status", "-c", file, "--wait", "120ms")
	if o.status != exitFailed || strings.Count(o.stdout.String(), "NODE") != 1 {
		t.Errorf("status %d: %s", o.status, o.stdout.String())
	}
}

func TestASignalEndsTheWaiting(t *testing.T) {
	signals := make(chan os.Signal, 1)
	file := fakeCluster{status: func() admin.ClusterStatus {
		select {
		case signals <- syscall.SIGINT:
		default:
		}
		return ailingCluster()
	}}.serve(t)
	if o := runWith(nil, signals, nil, "cluster", "status", "-c", file, "--wait", "1h"); o.status != exitFailed {
		t.Errorf("status %d", o.status)
	}
}

func TestAddNode(t *testing.T) {
	var got any
	file := fakeCluster{change: func(change any) error { got = change; return nil }}.serve(t)
	o := runWith(nil, nil, nil, "cluster", "add-node", "4", "--kafka", "d:9092", "--wal", "d:9291", "--raft", "d:5001", "-c", file)
	if o.status != exitOK || o.stdout.String() != "node 4 may join; start it\n" {
		t.Errorf("status %d: %s%s", o.status, o.stdout.String(), o.stderr.String())
	}
	if want := (admin.AddNode{ID: 4, Kafka: "d:9092", WAL: "d:9291", Raft: "d:5001"}); got != want {
		t.Errorf("asked for %+v", got)
	}
}

func TestRemoveNodeAsksUntilTheNodeHasLeft(t *testing.T) {
	var asked []any
	file := fakeCluster{change: func(change any) error {
		asked = append(asked, change)
		if len(asked) < 3 {
			return fmt.Errorf("%w: 7 replicas are on node 4", admin.ErrUnderWay)
		}
		return nil
	}}.serve(t)
	o := runWith(nil, nil, nil, "cluster", "remove-node", "4", "--force", "-c", file)
	if o.status != exitOK || o.stdout.String() != "under way: 7 replicas are on node 4\nnode 4 has left\n" {
		t.Errorf("status %d: %s%s", o.status, o.stdout.String(), o.stderr.String())
	}
	for _, change := range asked {
		if change != (admin.RemoveNode{ID: 4, Force: true}) {
			t.Errorf("asked for %+v", change)
		}
	}
}

func TestRemoveNodeDoesNotWaitForEver(t *testing.T) {
	file := fakeCluster{change: func(any) error { return admin.ErrUnderWay }}.serve(t)
	o := runWith(nil, nil, nil, "cluster", "remove-node", "4", "--within", "1ms", "-c", file)
	if o.status != exitFailed || !strings.Contains(o.stderr.String(), "node 4 has not left yet") {
		t.Errorf("status %d: %s", o.status, o.stderr.String())
	}
}

func TestRebalanceEndsWhenNothingIsBeingMoved(t *testing.T) {
	var asked, changed atomic.Int32
	f := fakeCluster{change: func(change any) error {
		if change == (admin.Rebalance{}) {
			changed.Add(1)
		}
		return nil
	}}
	f.status = func() admin.ClusterStatus {
		c := healthyCluster()
		c.Reassigning = int(2 - asked.Add(1))
		return c
	}
	o := runWith(nil, nil, nil, "cluster", "rebalance", "-c", f.serve(t))
	if o.status != exitOK || changed.Load() != 1 {
		t.Errorf("status %d after %d changes: %s", o.status, changed.Load(), o.stderr.String())
	}
	expect(t, o.stdout.String(), "1 partitions are being moved\nbalanced\n")
}

func TestWhatTheClusterRefusesIsSaid(t *testing.T) {
	file := fakeCluster{change: func(any) error { return errors.New("node 4 is not registered") }}.serve(t)
	for name, test := range map[string]struct {
		environ, args []string
		want          string
	}{
		"conflict":  {nil, []string{"remove-node", "4"}, "node 4 is not registered"},
		"wrong key": {[]string{"CHRONIK_ADMIN_API_KEY=guess"}, []string{"rebalance"}, "lacks the configured key"},
		"address":   {nil, []string{"add-node", "4", "--kafka", "d", "--raft", "d:1"}, `kafka_addr: "d" is not HOST:PORT`},
	} {
		o := runWith(nil, nil, test.environ, append(append([]string{"cluster"}, test.args...), "-c", file)...)
		if o.status != exitFailed || !strings.Contains(o.stderr.String(), test.want) {
			t.Errorf("%s: status %d, want %q in %s", name, o.status, test.want, o.stderr.String())
		}
	}
}

func TestANodeThatCannotBeAskedIsNamed(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().String()
	_ = free.Close()
	for name, test := range map[string]struct {
		text   string
		status int
		want   string
	}{
		"not running": {fmt.Sprintf("node_id = 5\nbind.metrics = %q", nobody), exitFailed, "node 5 does not answer; is it running?"},
		"off":         {"bind.metrics = 'off'", exitUsage, "bind.metrics is off"},
		"any port":    {"bind.metrics = '127.0.0.1:0'", exitUsage, "bind.metrics has port 0"},
		"wrong file":  {"node_idd = 1", exitUsage, "did you mean node_id?"},
	} {
		o := runWith(nil, nil, nil, "cluster", "status", "-c", configFile(t, test.text))
		if o.status != test.status || !strings.Contains(o.stderr.String(), test.want) {
			t.Errorf("%s: status %d, want %q in %s", name, o.status, test.want, o.stderr.String())
		}
	}
}

func TestAWildcardIsAskedOnLoopback(t *testing.T) {
	for bound, want := range map[string]string{
		"0.0.0.0:10001": "127.0.0.1:10001", "[::]:10001": "[::1]:10001", "10.1.2.3:7": "10.1.2.3:7", "node.example:7": "node.example:7",
	} {
		if got, err := dialable(bound); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", bound, got, err, want)
		}
	}
}
