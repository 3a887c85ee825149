package sim

import (
	"container/heap"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// epoch is when all runs begin.
var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// scheduler runs everything that happens in a run on one goroutine, and decides what is next: a turn of any
// actor that has something to do, drawn from the seed, and when nobody has, the next alarm of the clock. Turns
// take no time. The digest is of all that was handled, when and by whom.
type scheduler struct {
	random *rand.Rand
	now    time.Time
	ready  []func()
	alarms alarms
	number uint64 // of the last alarm
	turns  uint64
	digest uint64
	names  map[reflect.Type]uint64 // digests of the names of types
	settle func()                  // after each turn and each alarm
	over   bool                    // a promise was broken: nothing more is to be seen
}

func newScheduler(seed uint64) *scheduler {
	return &scheduler{
		random: rand.New(rand.NewPCG(seed, 0x51)), now: epoch, names: map[reflect.Type]uint64{}, digest: 14695981039346656037,
	}
}

// schedule lets a turn run as soon as it is drawn.
func (s *scheduler) schedule(run func()) { s.ready = append(s.ready, run) }

// after calls f after a time.
func (s *scheduler) after(d time.Duration, f func()) *alarm {
	s.number++
	a := &alarm{scheduler: s, at: s.now.Add(max(d, 0)), number: s.number, call: f}
	heap.Push(&s.alarms, a)
	return a
}

// run goes on until a time, or until done says so.
func (s *scheduler) run(until time.Time, done func() bool) {
	for !s.over && !done() {
		if len(s.ready) > 0 {
			s.step()
			continue
		}
		if len(s.alarms) == 0 || s.alarms[0].at.After(until) {
			s.now = until
			return
		}
		next := heap.Pop(&s.alarms).(*alarm)
		s.now = next.at
		next.call()
		s.settle()
	}
}

func (s *scheduler) step() {
	i, last := 0, len(s.ready)-1
	if last > 0 {
		i = s.random.IntN(last + 1)
	}
	next := s.ready[i]
	s.ready[i], s.ready[last] = s.ready[last], nil
	s.ready = s.ready[:last]
	s.turns++
	next()
	s.settle()
}

// note adds a message to the digest.
func (s *scheduler) note(node int32, who kit.Address, message any) {
	kind := reflect.TypeOf(message)
	name, known := s.names[kind]
	if !known {
		h := fnv.New64a()
		fmt.Fprint(h, kind)
		name = h.Sum64()
		s.names[kind] = name
	}
	s.mix(uint64(s.now.UnixNano()), uint64(node), name)
	for _, c := range []byte(who.ID()) {
		s.digest = (s.digest ^ uint64(c)) * 1099511628211
	}
	if batch, is := message.(kit.Batch); is {
		for _, one := range batch.Messages {
			s.note(node, kit.Address{}, one)
		}
	}
}

func (s *scheduler) mix(values ...uint64) {
	for _, v := range values {
		s.digest = (s.digest ^ v) * 1099511628211
		s.digest ^= s.digest >> 29
	}
}

// chance draws whether something that happens so often happens now.
func (s *scheduler) chance(p float64) bool { return s.random.Float64() < p }

// between draws a time from least to most.
func (s *scheduler) between(least, most time.Duration) time.Duration {
	return least + time.Duration(s.random.Int64N(int64(most-least)+1))
}

// about draws a waiting time of an event that comes every so often (exponentially distributed).
func (s *scheduler) about(mean time.Duration) time.Duration {
	return time.Duration(s.random.ExpFloat64() * float64(mean))
}

// alarm is something that happens at a time.
type alarm struct {
	scheduler *scheduler
	at        time.Time
	number    uint64
	call      func()
	place     int // in the heap; -1 when it is not there
}

// Stop implements kit.Timer.
func (a *alarm) Stop() bool {
	if a.place < 0 {
		return false
	}
	heap.Remove(&a.scheduler.alarms, a.place)
	return true
}

// alarms is a heap: the earliest first, and of those at the same time the one that was set first.
type alarms []*alarm

func (h alarms) Len() int { return len(h) }

func (h alarms) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].number < h[j].number
}

func (h alarms) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push implements heap.Interface.
func (h *alarms) Push(x any) {
	a := x.(*alarm)
	a.place = len(*h)
	*h = append(*h, a)
}

// Pop implements heap.Interface.
func (h *alarms) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	last.place = -1
	return last
}
