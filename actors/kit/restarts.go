package kit

import (
	"math/rand/v2"
	"time"
)

// NoLimit makes Restarts go on for ever.
const NoLimit = -1

// Restarts paces how a parent rebuilds a child that fails: with growing and jittered waits, and no more once
// there are too many failures. The parent calls Failed at ChildFailed, and builds a new child when Terminated
// has arrived and the wait is over. The zero value gives up at the first failure.
//
//	r := kit.Restarts{Limit: 5, Within: 30 * time.Second, Min: 10 * time.Millisecond, Max: time.Second}
type Restarts struct {
	Limit  int           // failures that are repaired; one more gives up
	Within time.Duration // the window in which they count; 0: they count until Healthy
	Min    time.Duration // wait after the first failure
	Max    time.Duration // longest wait
	Random *rand.Rand    // source of the jitter; nil: kit.Random

	failures []time.Time // within the window, at most Limit+1
	streak   int         // failures since the child was last healthy
}

// maxDoublings keeps the growing wait from overflowing; Max is reached long before.
const maxDoublings = 30

// Failed counts a failure and returns how long to wait before the child is built again, or false to give up.
// The wait lies between a half and the whole of Min, doubled with each failure in a row and at most Max.
func (r *Restarts) Failed(now time.Time) (wait time.Duration, ok bool) {
	r.forget(now)
	if r.Limit >= 0 {
		if len(r.failures) >= r.Limit {
			return 0, false
		}
		r.failures = append(r.failures, now)
	} else {
		r.failures = append(r.failures[:0], now)
	}
	wait = min(max(r.Max, r.Min), r.Min<<min(r.streak, maxDoublings))
	if wait < r.Min { // overflow
		wait = max(r.Max, r.Min)
	}
	r.streak++
	return r.jitter(wait), true
}

// forget drops the failures that left the window. A child that had none for the length of a window starts
// with the shortest wait again.
func (r *Restarts) forget(now time.Time) {
	if r.Within <= 0 {
		return
	}
	kept := r.failures[:0]
	for _, at := range r.failures {
		if now.Sub(at) < r.Within {
			kept = append(kept, at)
		}
	}
	r.failures = kept
	if len(kept) == 0 {
		r.streak = 0
	}
}

// Healthy says that the child has done its work: the next failure starts with the shortest wait. The failures
// in the window still count, because a child that fails again and again may well work in between.
func (r *Restarts) Healthy() {
	r.streak = 0
	if r.Within <= 0 {
		r.failures = nil
	}
}

// jitter spreads a wait over its upper half, so that what failed together does not return together.
func (r *Restarts) jitter(wait time.Duration) time.Duration {
	if wait < 2 {
		return wait
	}
	half := int64(wait / 2)
	if r.Random != nil {
		return time.Duration(int64(wait) - r.Random.Int64N(half+1))
	}
	return time.Duration(int64(wait) - Random.Int64N(half+1))
}
