package kit

import (
	"math/rand/v2"
	"time"
)

// Restarts paces how a parent rebuilds a child that fails: at once at first, then with growing and jittered
// waits, and no more once the limit is passed. The zero value gives up at the first failure.
type Restarts struct {
	Limit  int           // failures that are repaired
	Within time.Duration // the window in which they count
	Min    time.Duration // wait after the first failure
	Max    time.Duration // longest wait
	Random *rand.Rand    // source of the jitter; nil: the global one

	failures []time.Time
}

// Failed counts a failure and returns how long to wait before the child is built again, or false to give up.
func (r *Restarts) Failed(now time.Time) (wait time.Duration, ok bool) {
	kept := r.failures[:0]
	for _, at := range r.failures {
		if now.Sub(at) < r.Within {
			kept = append(kept, at)
		}
	}
	r.failures = append(kept, now)
	if len(r.failures) > r.Limit {
		return 0, false
	}
	wait = r.Min << min(len(r.failures)-1, 20)
	if wait > r.Max || wait < r.Min {
		wait = r.Max
	}
	return r.jitter(wait), true
}

// Healthy forgets the failures of a child that has proven itself.
func (r *Restarts) Healthy() { r.failures = nil }

// jitter spreads a wait over its upper half, so that what failed together does not return together.
func (r *Restarts) jitter(wait time.Duration) time.Duration {
	if wait < 2 {
		return wait
	}
	half := int64(wait / 2)
	if r.Random != nil {
		return time.Duration(half + r.Random.Int64N(half+1))
	}
	return time.Duration(half + rand.Int64N(half+1))
}
