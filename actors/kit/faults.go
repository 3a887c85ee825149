package kit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Point is where within the handling of a message a fault strikes.
type Point string

// Points. A Batched actor gets its messages together, so they are about the Batch that holds the message:
// before it, when its loop over All comes to the message or at the Step-th use of the Context, after it.
const (
	Before Point = "before"
	Middle Point = "middle" // at the Step-th use of the Context; at the end if there are fewer
	After  Point = "after"
)

// Effect is what a fault does.
type Effect string

// Effects.
const (
	Panic Effect = "panic"
	// Stall keeps the actor, and the worker that runs it, for Fault.For or until the fault is removed.
	Stall Effect = "stall"
	// Drop loses the message or, with After, the one that comes after it. A Refusable one is refused, so
	// that its asker hears of it; anything else is gone, which no actor has to cope with.
	Drop Effect = "drop"
)

// Fault says what goes wrong, where and when. The zero values of Nth, Times and Step stand for 1.
type Fault struct {
	// Path is a pattern for the path of the actor, part by part in the form of path.Match; ** stands for
	// any number of parts: broker/raft/group-*/applier, broker/listener-*/**.
	Path string
	// Message is such a pattern for the type of the message, such as group.Propose; "" stands for every
	// message but those of the actor's own life, like kit.Started.
	Message string
	Nth     int           // the first matching message that it strikes at
	OneIn   int           // from then on it strikes at one in so many, by Seed; 0 and 1: at each
	Seed    uint64        // of the choice
	Times   int           // strikes after which it is spent; -1: never
	Point   Point         // "": Before
	Step    int           // of Middle
	Do      Effect        // "": Panic
	For     time.Duration // of Stall; 0: until the fault is removed
}

// Injected is what an actor panics with when a fault strikes.
type Injected struct {
	Fault uint64 // its number
	Point Point
	Where string // type of the message
}

func (e *Injected) Error() string {
	return fmt.Sprintf("injected fault %d: panic %s %s", e.Fault, e.Point, e.Where)
}

// Struck tells of a fault that strikes, right before it does.
type Struck struct {
	Fault   uint64
	Actor   string // path
	Message string // type
	Point   Point
	Do      Effect
}

// Faults makes actors fail on purpose. A system that was given none cannot be made to, and pays nothing.
// Any goroutine may call the methods.
type Faults struct {
	// OnStruck hears of every strike, in the turn of the actor; nil: nobody does. It is set before use.
	OnStruck func(Struck)

	// generation grows with each change of the rules. An actor whose path no rule is about remembers it, and
	// takes no lock until the next change: faults elsewhere cost it two loads per message.
	generation atomic.Uint64
	armed      atomic.Bool // there are rules
	mu         sync.Mutex
	last       uint64
	rules      []*rule
}

// rule is a fault that is armed.
type rule struct {
	Fault
	id      uint64
	random  *rand.Rand
	known   map[string]bool // paths that were compared, at most knownPaths
	seen    int
	strikes int
	follow  *cell         // whose next message is dropped
	over    chan struct{} // closed when the rule is removed
}

// knownPaths bounds what a rule remembers of the paths it has seen.
const knownPaths = 10_000

// FaultStatus describes a fault that is armed or spent.
type FaultStatus struct {
	ID      uint64
	Fault   Fault
	Seen    int // messages that matched
	Strikes int
}

// Add arms a fault and returns its number.
func (f *Faults) Add(fault Fault) (uint64, error) {
	fault.complete()
	if err := fault.check(); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	f.rules = append(f.rules, &rule{
		Fault: fault, id: f.last, random: rand.New(rand.NewPCG(fault.Seed, f.last)),
		known: make(map[string]bool), over: make(chan struct{}),
	})
	f.generation.Add(1)
	f.armed.Store(true)
	return f.last, nil
}

func (f *Fault) complete() {
	f.Nth, f.OneIn, f.Step = max(f.Nth, 1), max(f.OneIn, 1), max(f.Step, 1)
	if f.Times == 0 {
		f.Times = 1
	}
	if f.Point == "" {
		f.Point = Before
	}
	if f.Do == "" {
		f.Do = Panic
	}
}

func (f *Fault) check() error {
	for _, part := range append(strings.Split(f.Path, "/"), f.Message) {
		if _, err := path.Match(part, ""); err != nil {
			return fmt.Errorf("pattern %q: %w", part, err)
		}
	}
	switch {
	case f.Path == "":
		return errors.New("a fault needs a path")
	case f.Point != Before && f.Point != Middle && f.Point != After:
		return fmt.Errorf("point %q is not before, middle or after", f.Point)
	case f.Do != Panic && f.Do != Stall && f.Do != Drop:
		return fmt.Errorf("effect %q is not panic, stall or drop", f.Do)
	case f.Do == Drop && f.Point == Middle:
		return errors.New("a message cannot be dropped in the middle")
	}
	return nil
}

// Remove disarms a fault and ends its stalls. It returns false if there is none of that number.
func (f *Faults) Remove(id uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.IndexFunc(f.rules, func(r *rule) bool { return r.id == id })
	if at < 0 {
		return false
	}
	close(f.rules[at].over)
	f.rules = slices.Delete(f.rules, at, at+1)
	f.armed.Store(len(f.rules) > 0)
	f.generation.Add(1)
	return true
}

// Clear disarms all faults.
func (f *Faults) Clear() {
	for _, one := range f.List() {
		f.Remove(one.ID)
	}
}

// List describes the faults in the order they were added.
func (f *Faults) List() []FaultStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]FaultStatus, len(f.rules))
	for i, r := range f.rules {
		list[i] = FaultStatus{ID: r.id, Fault: r.Fault, Seen: r.seen, Strikes: r.strikes}
	}
	return list
}

// strike returns what goes wrong at a message, nil if nothing does.
func (f *Faults) strike(c *cell, message any) *strike {
	if !f.armed.Load() || c.wrong().spared == f.generation.Load() {
		return nil
	}
	messages := []any{message}
	if b, ok := message.(Batch); ok {
		messages = b.Messages
	}
	one := f.find(c, messages)
	if one != nil && f.OnStruck != nil {
		f.OnStruck(Struck{one.rule.id, c.path(), typeOf(messages[one.at]), one.rule.Point, one.rule.Do})
	}
	return one
}

// find counts the messages and returns the first strike among them; those behind it are not looked at, since
// a panic keeps them from being handled.
func (f *Faults) find(c *cell, messages []any) *strike {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.concern(c) {
		c.wrong().spared = f.generation.Load() // it changes under the lock only
		return nil
	}
	for at, message := range messages {
		for _, r := range f.rules {
			if r.follow == c {
				r.follow = nil
				return &strike{faults: f, rule: r, at: at, drop: true}
			}
			if r.matches(c, message) && r.due() {
				return &strike{faults: f, rule: r, at: at, drop: r.Do == Drop && r.Point == Before}
			}
		}
	}
	return nil
}

// concern tells whether a rule is about an actor.
func (f *Faults) concern(c *cell) bool {
	return slices.ContainsFunc(f.rules, func(r *rule) bool { return r.isAbout(c) })
}

// follow has the next message of an actor dropped.
func (f *Faults) follow(r *rule, c *cell) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.follow = c
}

func (r *rule) matches(c *cell, message any) bool {
	if r.Times >= 0 && r.strikes >= r.Times {
		return false
	}
	if r.Message == "" && isLifecycle(message) {
		return false
	}
	if r.Message != "" && r.Message != "*" {
		if fits, _ := path.Match(r.Message, typeOf(message)); !fits {
			return false
		}
	}
	return r.isAbout(c)
}

// isAbout tells whether the path of an actor fits.
func (r *rule) isAbout(c *cell) bool {
	where := c.path()
	fits, known := r.known[where]
	if !known {
		fits = fitsPath(strings.Split(r.Path, "/"), strings.Split(where, "/"))
		if len(r.known) < knownPaths {
			r.known[where] = fits
		}
	}
	return fits
}

// due counts a matching message and decides whether it is one to strike at.
func (r *rule) due() bool {
	r.seen++
	if r.seen < r.Nth || r.OneIn > 1 && r.random.IntN(r.OneIn) != 0 {
		return false
	}
	r.strikes++
	return true
}

// fitsPath compares a path with a pattern part by part.
func fitsPath(pattern, parts []string) bool {
	switch {
	case len(pattern) == 0:
		return len(parts) == 0
	case pattern[0] == "**":
		return fitsPath(pattern[1:], parts) || len(parts) > 0 && fitsPath(pattern, parts[1:])
	case len(parts) == 0:
		return false
	}
	fits, _ := path.Match(pattern[0], parts[0]) // the pattern was checked
	return fits && fitsPath(pattern[1:], parts[1:])
}

func isLifecycle(message any) bool {
	switch message.(type) {
	case Started, Stopping, Stopped, Terminated, ChildFailed:
		return true
	}
	return false
}

func typeOf(message any) string { return reflect.TypeOf(message).String() }
