package chaos

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

var update = flag.Bool("update", false, "write the table into README.md")

// table gathers what the crashes of each kind led to, in clusters of one size.
type table struct {
	size  int
	begun time.Time
	took  time.Duration
	mu    sync.Mutex
	rows  map[string]*row
	hits  map[string]int // by target, and by target and point

	quiet []time.Duration // what it takes where nothing has crashed

	brought map[string]map[string]bool // by target: sorts of provocations

	bursts map[string]bool // by kind: it had one
	slow   int             // bursts that take long and are left
}

type row struct {
	points map[kit.Point]int
	bursts int // crashes past what is repaired
	fatal  int // crashes after which the node stopped and was started again
	errors int64
	times  []time.Duration // of those that were alone
}

// long is a run that has the time for every burst.
const long = 1500

func newTable(size, crashes int) *table {
	b := &table{
		size: size, begun: time.Now(), rows: map[string]*row{}, hits: map[string]int{}, bursts: map[string]bool{},
		brought: map[string]map[string]bool{},
	}
	switch {
	case crashes >= long/2:
		b.slow = 100
	case size == 1:
		b.slow = 1
	}
	return b
}

// swiftly is how many failures are soon over.
const swiftly = 6

// mayBurst tells whether a kind may be crashed past its limit, of so many failures.
func (b *table) mayBurst(kind string, failures int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.bursts[kind] && (failures <= swiftly || b.slow > 0)
}

// claimBurst notes that a kind is crashed past its limit, unless somebody else does it already.
func (b *table) claimBurst(kind string, failures int) bool {
	if !b.mayBurst(kind, failures) {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bursts[kind] = true
	if failures > swiftly {
		b.slow--
	}
	return true
}

func (b *table) row(kind string) *row {
	r := b.rows[kind]
	if r == nil {
		r = &row{points: map[kit.Point]int{}}
		b.rows[kind] = r
	}
	return r
}

// add counts a crash.
func (b *table) add(one shot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.row(one.kind()).points[one.point]++
	b.hits[one.target.key()]++
	b.hits[one.key()]++
}

// addAlone notes what a crash led to that nothing else was mixed up with.
func (b *table) addAlone(kind string, took time.Duration, errors int64, fatal bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.row(kind)
	r.errors += errors
	r.times = append(r.times, took)
	if fatal {
		r.fatal++
	}
}

// addQuiet notes how long it took to see that everything is as it should be right before a crash: a machine
// that has much to do takes its time for that, too.
func (b *table) addQuiet(took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.quiet = append(b.quiet, took)
}

func (b *table) addBurst(kind string, crashes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.row(kind).bursts += crashes
}

// alone returns how many crashes of a kind were alone, crashes how many there were, hit those of a target.
func (b *table) alone(kind string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if timed[kind] > 0 {
		return len(b.row(kind).times) / 3 // a median takes more of them
	}
	return len(b.row(kind).times)
}

func (b *table) crashes(kind string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.row(kind).crashes()
}

func (b *table) hit(key string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hits[key]
}

func (r *row) crashes() (n int) {
	for _, count := range r.points {
		n += count
	}
	return n
}

// median returns how long the crashes of a kind took that were alone, zero if there are fewer than five.
func (b *table) median(kind string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if times := b.row(kind).times; len(times) >= 5 {
		return middle(times)
	}
	return 0
}

// quietMedian is the median of what it took where nothing had crashed.
func (b *table) quietMedian() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return middle(b.quiet)
}

func middle(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(times))[len(times)/2]
}

func (b *table) text(seen *sightings) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	kinds, total := []string{}, 0
	for kind, r := range b.rows {
		kinds = append(kinds, kind)
		total += r.crashes() + r.bursts
	}
	slices.Sort(kinds)
	var text strings.Builder
	fmt.Fprintf(&text, "## %d crashes on %s in %v\n\n", total, inWords(b.size), b.took.Round(time.Second))
	fmt.Fprintf(&text, "Where nothing has crashed it takes %s (p50, max) to see it.\n\n", span(b.quiet))
	text.WriteString("| kind | crashes: before, middle, after | in bursts | messages: hit, at all points | " +
		"node started again | serves again: p50, max | errors that probes saw |\n" +
		"| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, kind := range kinds {
		r := b.rows[kind]
		messages := seen.of(kind)
		hit, whole := 0, 0
		for _, one := range messages {
			if b.hits[kind+" "+one] > 0 {
				hit++
			}
			if b.everywhere(kind + " " + one) {
				whole++
			}
		}
		fmt.Fprintf(&text, "| %s | %d: %d, %d, %d | %d | %d, %d of %d | %d | %s | %d |\n", kind, r.crashes(),
			r.points[kit.Before], r.points[kit.Middle], r.points[kit.After], r.bursts, hit, whole, len(messages),
			r.fatal, span(r.times), r.errors)
	}
	return text.String() + "\n" + b.open(seen) + "\n"
}

func inWords(size int) string {
	if size == 1 {
		return "nodes that are alone"
	}
	return fmt.Sprintf("clusters of %d", size)
}

// everywhere tells whether a target was hit at all points.
func (b *table) everywhere(target string) bool {
	for _, point := range []kit.Point{kit.Before, kit.Middle, kit.After} {
		if b.hits[target+" "+string(point)] == 0 {
			return false
		}
	}
	return true
}

// span returns the median and the most of durations.
func span(times []time.Duration) string {
	if len(times) == 0 {
		return "—"
	}
	short := func(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }
	return short(middle(times)) + ", " + short(slices.Max(times))
}

// publish logs the tables, and writes them into the README if it is told to.
func publish(t *testing.T, text string) {
	t.Log("\n" + text)
	if !*update || t.Failed() {
		return
	}
	const begin, end = "<!-- table -->\n", "<!-- /table -->\n"
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(readme), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("README.md has no place for the table")
	}
	if err := os.WriteFile("README.md", []byte(before+begin+text+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
