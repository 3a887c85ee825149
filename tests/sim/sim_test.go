package sim

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"
)

var (
	firstSeed = flag.Uint64("seed", 1, "first seed")
	seedCount = flag.Uint64("seeds", 0, "number of seeds; 0: as many as fit in the budget")
	verbose   = flag.Bool("story", false, "print what happens in each run, and what the nodes log")
)

// runLength is for how long things go wrong in the run of a seed.
const runLength = 5 * time.Minute

// budget is how long TestSeeds goes on.
func budget() time.Duration {
	if testing.Short() {
		return 5 * time.Second
	}
	return 25 * time.Second
}

// TestMain lets garbage gather: a run makes much of it and keeps little.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// nodesOf is how many nodes the cluster of a seed has.
func nodesOf(seed uint64) int {
	if seed%4 == 0 {
		return 5
	}
	return 3
}

func optionsOf(seed uint64) options {
	o := options{seed: seed, nodes: nodesOf(seed), length: runLength}
	if *verbose {
		o.log = os.Stdout
	}
	return o
}

// again is how a seed is run by itself.
func again(seed uint64) string {
	return fmt.Sprintf("again: go test ./tests/sim -run TestSeeds -seed %d -seeds 1 -story", seed)
}

// tell fails the test if a promise was broken, with what went wrong before.
func tell(t *testing.T, r result) {
	t.Helper()
	if *verbose {
		t.Log(strings.Join(r.story, "\n"))
	}
	if r.broken != nil {
		last := r.story[max(0, len(r.story)-40):]
		t.Errorf("seed %d: %v\n%s\n%s", r.seed, r.broken, strings.Join(last, "\n"), again(r.seed))
	}
}

// total is what several runs came to.
type total struct {
	seeds   int
	virtual map[int]time.Duration // by the number of nodes
	turns   uint64
	crashes int
	pulls   int
	counts  counts
	faults  map[string]int
	used    time.Duration // of processors
}

func newTotal() *total { return &total{virtual: map[int]time.Duration{}, faults: map[string]int{}} }

func (s *total) add(r result) {
	s.seeds++
	s.used += r.used
	s.virtual[nodesOf(r.seed)] += r.virtual
	s.turns += r.turns
	s.crashes += r.crashes
	s.pulls += r.pulls
	s.counts.add(r.counts)
	for name, n := range r.faults {
		s.faults[name] += n
	}
}

// String is the report of a run, which took so long.
func (s *total) report(took time.Duration) string {
	hours := (s.virtual[3] + s.virtual[5]).Hours()
	text := fmt.Sprintf("%d seeds in %v, %.1f/s; %.1f virtual hours (%.1f of 3 nodes, %.1f of 5), %.0f per hour and %.0f per hour "+
		"of a processor; %d crashes, "+
		"%d copies of ranges\nacknowledged: %d plain, %d idempotent (%d after having been sent again), %d transactions (%d aborted), "+
		"%d offsets; read: %d records, %d offsets\nfaults:", s.seeds, took.Round(time.Millisecond),
		float64(s.seeds)/took.Seconds(), hours, s.virtual[3].Hours(), s.virtual[5].Hours(), hours/took.Hours(), hours/s.used.Hours(), s.crashes, s.pulls,
		s.counts.plain, s.counts.idempotent, s.counts.repeated, s.counts.committed, s.counts.aborted, s.counts.commits,
		s.counts.read, s.counts.offsets)
	for _, name := range slices.Sorted(maps.Keys(s.faults)) {
		text += fmt.Sprintf(" %s %d,", name, s.faults[name])
	}
	return strings.TrimSuffix(text, ",")
}

// TestSeeds runs clusters of 3 and 5 nodes, each with the faults and clients of its seed.
func TestSeeds(t *testing.T) {
	begun, sum := time.Now(), newTotal()
	for seed := *firstSeed; ; seed++ {
		if *seedCount > 0 && seed >= *firstSeed+*seedCount || *seedCount == 0 && time.Since(begun) > budget() {
			break
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := simulate(t, optionsOf(seed))
			sum.add(r)
			tell(t, r)
		})
		if t.Failed() {
			break
		}
	}
	t.Log(sum.report(time.Since(begun)))
}

// TestSeedIsReplayed runs the same seeds twice: each message of each actor is the same, at the same time.
func TestSeedIsReplayed(t *testing.T) {
	last, length := uint64(4), runLength // the last has five nodes
	if testing.Short() {
		last, length = 1, 2*time.Minute
	}
	for seed := uint64(1); seed <= last; seed++ {
		var digests [2]uint64
		for i := range digests {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				o := optionsOf(seed)
				o.length = length
				r := simulate(t, o)
				digests[i] = r.digest
				t.Logf("seed %d: digest %x after %d turns and %v", seed, r.digest, r.turns, r.virtual)
			})
		}
		if digests[0] != digests[1] {
			t.Errorf("seed %d: got digests %x and %x, want the same", seed, digests[0], digests[1])
		}
	}
}

// TestCrashedNodesAreForgotten keeps the memory of a run that of the nodes which are on, however many have crashed.
func TestCrashedNodesAreForgotten(t *testing.T) {
	o := optionsOf(1012)
	o.length = 2 * time.Minute
	o.atEnd = func(w *world) {
		w.scheduler.run(w.scheduler.now.Add(time.Minute), never) // connections end whose ends were told of nothing
		if len(w.dead) == 0 {
			t.Error("got no crash, want some")
		}
		alive := func(l weak.Pointer[life]) bool { return l.Value() != nil }
		for range 100 { // goroutines have to end, and what pools hold lives through one more collection
			if runtime.GC(); !slices.ContainsFunc(w.dead, alive) {
				return
			}
			runtime.Gosched()
		}
		kept := len(slices.DeleteFunc(w.dead, func(l weak.Pointer[life]) bool { return !alive(l) }))
		t.Errorf("got %d crashed nodes that are still in memory, want none", kept)
	}
	tell(t, simulate(t, o))
}
