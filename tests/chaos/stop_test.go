package chaos

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// TestCrashDoesNotHoldUpAStop crashes a part of a node that is stopping, anywhere in what it does for the stop: the
// stop goes on, as if that part had answered.
func TestCrashDoesNotHoldUpAStop(t *testing.T) {
	seed := seedOf(t)
	random := rand.New(rand.NewPCG(seed, 0))
	stops := 300
	if testing.Short() {
		stops = 50
	}
	w := newWorld(t, 1)
	client := w.client()
	if err := createTopic(t.Context(), client, orders, "delete"); err != nil {
		t.Fatal(err)
	}
	client.Close()
	parts := []string{
		"broker/storage/janitor", "broker/raft", "broker/raft/group-*", "broker/raft/group-*/applier",
		"broker/listener-kafka", "broker/partitions", "broker/partitions/**", "broker/metadata", "broker/groups",
		"broker/local",
	}
	n, hit := w.nodes[0], 0
	for range stops {
		fault := kit.Fault{
			Path: parts[random.IntN(len(parts))], Nth: 1 + random.IntN(16), Step: 1 + random.IntN(8),
			Point: []kit.Point{kit.Before, kit.Middle, kit.After}[random.IntN(3)],
		}
		if _, err := n.faults.Add(fault); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		n.abandon()
		took := time.Since(begun)
		hit += n.faults.List()[0].Strikes
		if took > 5*atOnce {
			t.Errorf("the node took %v to stop, with %+v", took, fault)
		}
		n.faults.Clear()
		n.start()
	}
	t.Logf("%d of %d stops had a crash", hit, stops)
	if hit < stops/10 {
		t.Errorf("%d of %d stops had a crash, want more", hit, stops)
	}
}

// TestLostAnswerDoesNotHoldUpAStop loses each answer that a stop waits for: it goes on when the time for it is over, and
// ends within what the caller allows.
func TestLostAnswerDoesNotHoldUpAStop(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	for _, answer := range []string{"raftactor.Resigned", "listener.Drained", "janitor.CheckpointsMade"} {
		if _, err := n.faults.Add(kit.Fault{Path: "broker", Message: answer, Do: kit.Drop}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*atOnce)
		if err := n.end(ctx); err != nil {
			t.Errorf("stop without %s: %v", answer, err)
		}
		cancel()
		if n.faults.List()[0].Strikes != 1 {
			t.Errorf("%s was not lost", answer)
		}
		n.faults.Clear()
		n.start()
	}
}
