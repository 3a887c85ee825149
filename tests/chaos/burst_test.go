package chaos

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/actors/kit"
)

// sample is one produce request.
type sample struct {
	begun time.Time
	took  time.Duration
}

// series produces to a partition again and again and returns when and how long.
func series(t *testing.T, client *kgo.Client, partition int32, until func() bool) (all []sample) {
	t.Helper()
	for !until() {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		begun := time.Now()
		record := &kgo.Record{Topic: orders, Partition: partition, Value: make([]byte, 100)}
		if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
			t.Errorf("partition %d: %v", partition, err)
		}
		all = append(all, sample{begun, time.Since(begun)})
		cancel()
	}
	return all
}

// round is the same and returns only how long the acks took, ascending.
func round(t *testing.T, client *kgo.Client, partition int32, until func() bool) []time.Duration {
	t.Helper()
	return ascending(series(t, client, partition, until))
}

func ascending(all []sample) []time.Duration {
	took := make([]time.Duration, len(all))
	for i, one := range all {
		took[i] = one.took
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

// TestRestartLimitOfAPartStopsTheNode crashes a part past its limit: the node stops and says which.
func TestRestartLimitOfAPartStopsTheNode(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	if _, err := n.faults.Add(kit.Fault{Path: "broker/metadata", Message: "kit.Started", Times: -1}); err != nil {
		t.Fatal(err)
	}
	n.crash("broker/metadata")
	select {
	case <-n.failed:
	case <-time.After(patience):
		t.Fatal("the node goes on")
	}
	if err, _ := n.over(); err == nil || err.Error() != "metadata keeps failing" {
		t.Errorf("got %v, want metadata keeps failing", err)
	}
	n.faults.Clear()
	n.stop()
	n.start()
	if n.current() == nil {
		t.Error("the node does not start again")
	}
}
