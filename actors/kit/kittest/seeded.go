package kittest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// Seeded runs a system of actors in one of the orders that could happen, chosen by a seed: one message (or
// batch) per turn, and which of the waiting actors is next is drawn. Nothing runs until the test calls Step,
// Run or Advance. The same seed gives the same run as long as the actors keep to the rules: no goroutines,
// no time.Now, no range over a map that shows in messages.
type Seeded struct {
	System *kit.System
	Clock  *Clock

	t       testing.TB
	mu      sync.Mutex // Schedule may be called by goroutines of the test
	random  *rand.Rand
	ready   []scheduled
	trace   []string
	tracing bool
}

type scheduled struct {
	who  kit.Address
	turn func()
}

// maxTurns bounds one Run: a system that has not come to rest after so many turns talks to itself for ever.
const maxTurns = 50_000_000

// NewSeeded returns a world with no actors yet. The test's log names the seed if the test fails. The system
// ends with the test.
func NewSeeded(t testing.TB, seed uint64) *Seeded {
	t.Helper()
	s := &Seeded{t: t, random: rand.New(rand.NewPCG(seed, seed)), Clock: NewClock()}
	s.Clock.after = s.Run
	s.System = kit.NewSystem(kit.SystemConfig{
		Logger: logger(t), Clock: s.Clock, Dispatcher: s, Trace: s.note,
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
		s.System.Shutdown()
	})
	return s
}

// Schedule implements kit.Dispatcher.
func (s *Seeded) Schedule(who kit.Address, turn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = append(s.ready, scheduled{who, turn})
}

// Throughput implements kit.Dispatcher.
func (s *Seeded) Throughput() int { return 1 }

// Drive implements kit.Driver.
func (s *Seeded) Drive() { s.Run() }

// Step runs one turn and returns false if nobody had anything to do.
func (s *Seeded) Step() bool {
	next, ok := s.draw()
	if ok {
		next.turn()
	}
	return ok
}

func (s *Seeded) draw() (scheduled, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready) == 0 {
		return scheduled{}, false
	}
	i := s.random.IntN(len(s.ready))
	next := s.ready[i]
	last := len(s.ready) - 1
	s.ready[i] = s.ready[last]
	s.ready[last] = scheduled{}
	s.ready = s.ready[:last]
	return next, true
}

// Run runs turns until nobody has anything to do. Time stands still meanwhile.
func (s *Seeded) Run() {
	for range maxTurns {
		if !s.Step() {
			return
		}
	}
	s.t.Fatalf("got %d turns without rest, want an end; last: %v", maxTurns, s.ready[0].who)
}

// Advance runs what there is to do, then moves the clock by d; after each timer it runs what that has caused.
func (s *Seeded) Advance(d time.Duration) {
	s.Run()
	s.Clock.Advance(d)
}

// Random returns the source of the run, for choices of the test itself.
func (s *Seeded) Random() *rand.Rand { return s.random }

// Record starts to keep the trace of what is handled.
func (s *Seeded) Record() { s.tracing = true }

// Trace returns who handled what since Record, as lines of "path type".
func (s *Seeded) Trace() []string { return s.trace }

func (s *Seeded) note(who kit.Address, message any) {
	if s.tracing {
		s.trace = append(s.trace, fmt.Sprintf("%s %T", who.ID(), message))
	}
}
