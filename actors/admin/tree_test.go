package admin

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// TestRatesAreOverTheTimeSinceTheLastLook: the first look tells the average of the actor's life.
func TestRatesAreOverTheTimeSinceTheLastLook(t *testing.T) {
	begun := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	now, handled := begun.Add(10*time.Second), uint64(100)
	o := options()
	o.Tree = func() ([]kit.Node, time.Time) {
		child := kit.Node{Name: "child-1", Kind: "child", Number: 2, Born: now, State: kit.Idle}
		return []kit.Node{{
			Name: "root", Kind: "root", Number: 1, State: kit.Busy, Born: begun, Handled: handled, Waiting: 3,
			Failures: 2, Restarts: 2, Failure: "boom", FailedAt: begun, Children: []kit.Node{child},
		}}, now
	}
	h := newHandler(o)
	look := func() Actor {
		var tree Tree
		if err := json.Unmarshal(call(h, "GET", "/admin/tree", "10.0.0.1:5", "").Body.Bytes(), &tree); err != nil {
			t.Fatal(err)
		}
		return tree.Actors[0]
	}
	root := look()
	if root.PerSecond != 10 || root.AgeSeconds != 10 || root.State != "busy" || root.Waiting != 3 ||
		root.Restarts != 2 || root.Failure != "boom" || root.FailedAt != "2000-01-01T00:00:00Z" || root.Children[0].PerSecond != 0 {
		t.Errorf("got %+v", root)
	}
	now, handled = now.Add(2*time.Second), handled+60
	if got := look().PerSecond; got != 30 {
		t.Errorf("got %v per second, want 30 since the last look", got)
	}
	now, handled = now.Add(time.Second/2), handled+30
	if got := look().PerSecond; got != 36 {
		t.Errorf("got %v per second, want 36 since the look before, as the last one is too near", got)
	}
}
