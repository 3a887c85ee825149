package chaos

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/actors/kit"
)

// round produces to a partition again and again and returns how long the acks took, ascending.
func round(t *testing.T, client *kgo.Client, partition int32, until func() bool) (took []time.Duration) {
	t.Helper()
	for !until() {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		begun := time.Now()
		record := &kgo.Record{Topic: orders, Partition: partition, Value: make([]byte, 100)}
		if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
			t.Errorf("partition %d: %v", partition, err)
		}
		took = append(took, time.Since(begun))
		cancel()
	}
	slices.Sort(took)
	return took
}

func percentile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

func after(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}

// TestSupervisorGivesUpOneReplica crashes one replica at each message until it is taken offline: its clients are
// told, the others do not notice, and the next start of the node has it back with all that was acked.
func TestSupervisorGivesUpOneReplica(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	client := w.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProduceRequestTimeout(time.Second))
	defer client.Close()
	if err := createTopic(t.Context(), client, orders, "delete"); err != nil {
		t.Fatal(err)
	}
	record := &kgo.Record{Topic: orders, Partition: 0, Value: []byte("before")}
	if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
	quiet := round(t, client, 1, after(3*time.Second))
	if _, err := n.faults.Add(kit.Fault{Path: "broker/raft/group-orders-0", Times: -1}); err != nil {
		t.Fatal(err)
	}
	hammer := w.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite(),
		kgo.RecordRetries(0), kgo.ProduceRequestTimeout(time.Second))
	defer hammer.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !gone(n, "broker/raft/group-orders-0", 40) {
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			_ = hammer.ProduceSync(ctx, &kgo.Record{Topic: orders, Partition: 0}).FirstErr() // it crashes
			cancel()
		}
	}()
	busy := round(t, client, 1, func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
	was, is := percentile(quiet, 99), percentile(busy, 99)
	t.Logf("p99 of another partition: %v before, %v while the replica crashed in a loop (%.2f times), p50 %v and %v",
		was, is, float64(is)/float64(was), percentile(quiet, 50), percentile(busy, 50))
	if is > 3*was+50*time.Millisecond { // what a machine with other work to do may add
		t.Errorf("got a p99 of %v beside a replica that crashes, want about the %v from before", is, was)
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	begun := time.Now()
	if err := hammer.ProduceSync(ctx, &kgo.Record{Topic: orders, Partition: 0}).FirstErr(); err == nil ||
		errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v after %v from a replica that is offline, want an answer", err, time.Since(begun))
	}
	n.faults.Clear()
	n.stop()
	n.start()
	again := &kgo.Record{Topic: orders, Partition: 0, Value: []byte("after")}
	if err := client.ProduceSync(t.Context(), again).FirstErr(); err != nil || again.Offset <= record.Offset {
		t.Errorf("got offset %d, %v after the start", again.Offset, err)
	}
}

// gone tells whether an actor is not there at so many looks in a row, over more than its longest back-off.
func gone(n *node, path string, looks int) bool {
	for range looks {
		running := n.current()
		if running == nil || standing(running.Tree(), "", map[string]bool{})[path] {
			return false
		}
		time.Sleep(50 * time.Millisecond) // between two looks
	}
	return true
}

// TestRestartLimitOfAPartStopsTheNode crashes a part past its limit: the node stops and says which.
func TestRestartLimitOfAPartStopsTheNode(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	if _, err := n.faults.Add(kit.Fault{Path: "broker/metadata", Message: "kit.Started", Times: -1}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.faults.Add(kit.Fault{Path: "broker/metadata", Message: "*.poke"}); err != nil {
		t.Fatal(err)
	}
	n.current().Broker().Child("metadata").Tell(poke{})
	select {
	case err := <-n.current().Done():
		n.broken = true
		if want := "metadata keeps failing"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	case <-time.After(patience):
		t.Fatal("the node goes on")
	}
	n.faults.Clear()
	n.stop()
	n.start()
	if n.current() == nil {
		t.Error("the node does not start again")
	}
}

// poke is a message that nobody handles.
type poke struct{}
