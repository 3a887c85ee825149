package janitor

import (
	"slices"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/wal"
)

// round is one pass of checkpoints over some groups. A group moves from queue to asked, from there to
// captured, and from there to logging; then it counts as made. It may leave at any point and counts as
// missed then. The round is over when nobody is left.
type round struct {
	queue    []wal.GroupID
	asked    kit.Pending[wal.GroupID, wal.GroupID]
	captured []Captured
	logging  map[uint64]Checkpointed // by token of the append

	made, missed int
	waiters      []CheckpointNow
	begun        time.Time
}

// open returns how many groups have been asked and are not done yet.
func (r *round) open() int { return r.asked.Len() + len(r.captured) + len(r.logging) }

func (r *round) over() bool { return len(r.queue) == 0 && r.open() == 0 }

// next takes the group that is to be asked next; false if enough are under way.
func (r *round) next(window int) (wal.GroupID, bool) {
	if len(r.queue) == 0 || r.open() >= window {
		return 0, false
	}
	group := r.queue[0]
	r.queue = r.queue[1:]
	return group, true
}

// onCaptured notes an answer and tells whether there is something to flush. Answers that nobody asked for,
// or that come too late, are left out. A group that has just stopped keeps its chance to answer after it
// was rebuilt.
func (r *round) onCaptured(m Captured, stopped bool) bool {
	if stopped {
		return false
	}
	if _, asked := r.asked.Take(m.Group); !asked {
		return false
	}
	if m.Err != nil || m.Flush == nil {
		r.missed++
		return false
	}
	r.captured = append(r.captured, m)
	return true
}

// takeCaptured takes the state that has waited longest for its flush.
func (r *round) takeCaptured() (Captured, bool) {
	if len(r.captured) == 0 {
		return Captured{}, false
	}
	m := r.captured[0]
	r.captured[0] = Captured{}
	r.captured = r.captured[1:]
	return m, true
}

func (r *round) onAppended(token uint64, err error) (Checkpointed, bool) {
	done, known := r.logging[token]
	if !known {
		return Checkpointed{}, false
	}
	delete(r.logging, token)
	if err != nil {
		r.missed++
		return Checkpointed{}, false
	}
	r.made++
	return done, true
}

// drop leaves out a group that is gone.
func (r *round) drop(group wal.GroupID) {
	if _, asked := r.asked.Take(group); asked {
		r.missed++
	}
	before := len(r.captured)
	r.captured = slices.DeleteFunc(r.captured, func(m Captured) bool { return m.Group == group })
	r.missed += before - len(r.captured)
}

// expire leaves out the groups that have not answered in time and returns how many those were.
func (r *round) expire(now time.Time) int {
	late := len(r.asked.Expire(now))
	r.missed += late
	return late
}
