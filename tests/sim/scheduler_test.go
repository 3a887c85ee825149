package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
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
	alarms kittest.Alarms
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
func (s *scheduler) after(d time.Duration, f func()) timer {
	return timer{&s.alarms, s.alarms.Set(s.now.Add(max(d, 0)), nil, f)}
}

// timer is an alarm that can be stopped.
type timer struct {
	alarms *kittest.Alarms
	alarm  *kittest.Alarm // nil: it never goes off
}

// Stop implements kit.Timer.
func (t timer) Stop() bool { return t.alarm != nil && t.alarms.Remove(t.alarm) }

// run goes on until a time, or until done says so.
func (s *scheduler) run(until time.Time, done func() bool) {
	for !s.over && !done() {
		if len(s.ready) > 0 {
			s.step()
			continue
		}
		at, any := s.alarms.Next()
		if !any || at.After(until) {
			s.now = until
			return
		}
		s.now = at
		s.alarms.Take()()
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
