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

// table gathers what the crashes of each kind led to.
type table struct {
	seed  uint64
	mu    sync.Mutex
	rows  map[string]*row
	known map[string]bool
}

type row struct {
	points map[kit.Point]int
	fatal  int // crashes after which the node stopped and was started again
	errors int64
	times  []time.Duration
}

func newTable(seed uint64) *table {
	return &table{seed: seed, rows: map[string]*row{}, known: map[string]bool{}}
}

func (b *table) know(kinds []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, kind := range kinds {
		b.known[kind] = true
	}
}

func (b *table) add(kind string, struck kit.Struck, took time.Duration, errors int64, fatal bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rows[kind]
	if r == nil {
		r = &row{points: map[kit.Point]int{}}
		b.rows[kind] = r
	}
	r.points[struck.Point]++
	r.errors += errors
	r.times = append(r.times, took)
	if fatal {
		r.fatal++
	}
}

// missing returns the kinds that were alive and never crashed.
func (b *table) missing() (kinds []string) {
	for kind := range b.known {
		if b.rows[kind] == nil {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

func (b *table) text() string {
	var kinds []string
	total := 0
	for kind, r := range b.rows {
		kinds = append(kinds, kind)
		total += len(r.times)
	}
	slices.Sort(kinds)
	var text strings.Builder
	fmt.Fprintf(&text, "Seed %d, %d crashes.\n\n", b.seed, total)
	text.WriteString("| kind | crashes: before, middle, after | node started again | serves again: p50, max | " +
		"errors that probes saw |\n| --- | --- | --- | --- | --- |\n")
	for _, kind := range kinds {
		r := b.rows[kind]
		slices.Sort(r.times)
		name := kind
		if name == "" {
			name = "broker"
		}
		fmt.Fprintf(&text, "| %s | %d: %d, %d, %d | %d | %s, %s | %d |\n", name, len(r.times), r.points[kit.Before],
			r.points[kit.Middle], r.points[kit.After], r.fatal, short(r.times[len(r.times)/2]),
			short(r.times[len(r.times)-1]), r.errors)
	}
	return text.String()
}

func short(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

// print logs the table, and writes it into the README if it is told to.
func (b *table) print(t *testing.T) {
	text := b.text()
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
