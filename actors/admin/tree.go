package admin

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// Actor is one actor in the answer to GET /admin/tree.
type Actor struct {
	Name       string  `json:"name"`
	Kind       string  `json:"kind"`
	State      string  `json:"state"` // idle, ready, busy, failed or stopping
	Waiting    int     `json:"waiting"`
	Handled    uint64  `json:"handled"`    // messages since it was spawned
	PerSecond  float64 `json:"per_second"` // messages, over the last second or more
	AgeSeconds float64 `json:"age_seconds"`
	Holding    string  `json:"holding,omitempty"` // type of the message in hand
	HeldMillis int64   `json:"held_ms,omitempty"`
	Failures   int     `json:"failures,omitempty"` // of this name, since its parent lives
	Restarts   int     `json:"restarts,omitempty"`
	Failure    string  `json:"last_failure,omitempty"`
	FailedAt   string  `json:"last_failure_at,omitempty"` // RFC 3339
	Children   []Actor `json:"children,omitempty"`
}

// Tree is the answer to GET /admin/tree.
type Tree struct {
	NodeID int32   `json:"node_id"`
	Actors []Actor `json:"actors"`
}

func adminTree(options Options) http.HandlerFunc {
	rates := &rates{}
	return func(w http.ResponseWriter, _ *http.Request) {
		nodes, now := options.Tree()
		before := rates.turn(nodes, now)
		writeJSON(w, http.StatusOK, Tree{NodeID: options.Status().NodeID, Actors: actorsOf(nodes, now, before)})
	}
}

func actorsOf(nodes []kit.Node, now time.Time, before *sample) []Actor {
	actors := make([]Actor, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		actors[i] = Actor{
			Name: n.Name, Kind: n.Kind, State: string(n.State), Waiting: n.Waiting, Handled: n.Handled,
			PerSecond: before.rate(n, now), AgeSeconds: now.Sub(n.Born).Seconds(),
			Holding: n.Holding, HeldMillis: n.HeldFor.Milliseconds(),
			Failures: n.Failures, Restarts: n.Restarts, Failure: n.Failure,
			Children: actorsOf(n.Children, now, before),
		}
		if !n.FailedAt.IsZero() {
			actors[i].FailedAt = n.FailedAt.UTC().Format(time.RFC3339)
		}
	}
	return actors
}

// rates remembers what the actors had handled at earlier looks, so that a look can say how much that is in a
// second. It costs nothing while nobody looks. Two who look at once may see rates over other spans, both of
// them true.
type rates struct {
	base, next atomic.Pointer[sample]
}

// sample is one look. It is immutable.
type sample struct {
	at      time.Time
	handled map[uint64]uint64 // by the number of the incarnation
}

// leastSpan is how far back a look compares at least.
const leastSpan = time.Second

// turn notes a look and returns the one to compare with, nil if there is none.
func (r *rates) turn(nodes []kit.Node, now time.Time) *sample {
	next := r.next.Load()
	if next != nil && now.Sub(next.at) < leastSpan {
		return r.base.Load()
	}
	current := &sample{at: now, handled: make(map[uint64]uint64)}
	current.add(nodes)
	if r.next.CompareAndSwap(next, current) {
		r.base.Store(next)
	}
	return next
}

func (s *sample) add(nodes []kit.Node) {
	for i := range nodes {
		s.handled[nodes[i].Number] = nodes[i].Handled
		s.add(nodes[i].Children)
	}
}

// rate returns the messages per second since the sample, or since the actor was spawned.
func (s *sample) rate(n *kit.Node, now time.Time) float64 {
	from, handled := n.Born, n.Handled
	if s != nil {
		if before, known := s.handled[n.Number]; known {
			from, handled = s.at, n.Handled-before
		}
	}
	span := now.Sub(from).Seconds()
	if span <= 0 {
		return 0
	}
	return float64(handled) / span
}
