package kittest

import (
	"container/heap"
	"time"
)

// Alarms are calls that wait for their times: the earliest first, and of those at the same time the one that
// was set first. They know no lock; who keeps them does.
type Alarms struct {
	waiting alarmHeap
	set     uint64
}

// Alarm is one of them.
type Alarm struct {
	at     int64 // nanoseconds since the epoch of Unix: comparing them is most of the work
	number uint64
	owner  any
	call   func()
	place  int // in the heap; -1 when it is not there
}

// Set adds a call. The owner may be nil; Drop takes out all that has the same.
func (a *Alarms) Set(at time.Time, owner any, call func()) *Alarm {
	a.set++
	one := &Alarm{at: at.UnixNano(), number: a.set, owner: owner, call: call}
	heap.Push(&a.waiting, one)
	return one
}

// Next returns when the next call is due, false if there is none.
func (a *Alarms) Next() (time.Time, bool) {
	if len(a.waiting) == 0 {
		return time.Time{}, false
	}
	return time.Unix(0, a.waiting[0].at).UTC(), true
}

// Take takes out the next call, which must be there.
func (a *Alarms) Take() func() { return heap.Pop(&a.waiting).(*Alarm).call }

// Remove takes out one and returns whether it was still there.
func (a *Alarms) Remove(one *Alarm) bool {
	if one.place < 0 {
		return false
	}
	heap.Remove(&a.waiting, one.place)
	return true
}

// Drop takes out all alarms of an owner, and with them whatever they hold on to.
func (a *Alarms) Drop(owner any) {
	left := a.waiting[:0]
	for _, one := range a.waiting {
		if one.owner == owner {
			one.place = -1
			continue
		}
		one.place = len(left)
		left = append(left, one)
	}
	clear(a.waiting[len(left):])
	a.waiting = left
	heap.Init(&a.waiting)
}

// alarmHeap implements heap.Interface.
type alarmHeap []*Alarm

func (h alarmHeap) Len() int { return len(h) }

func (h alarmHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].number < h[j].number
}

func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *alarmHeap) Push(x any) {
	one := x.(*Alarm)
	one.place = len(*h)
	*h = append(*h, one)
}

func (h *alarmHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	last.place = -1
	return last
}
