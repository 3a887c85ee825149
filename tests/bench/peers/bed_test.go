//go:build linux

package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// A system that fails is started anew and left out of the rest of the scenario; what others gave counts.
func TestSystemThatFailsIsLeftOut(t *testing.T) {
	was := makers
	defer func() { makers = was }()
	made := 0
	makers = slices.Clone(makers[:1])
	makers[0].names = []string{kafkaName}
	makers[0].make = func(context.Context, *bench, int) ([]*system, error) {
		made++
		return []*system{{name: kafkaName, replicas: made}}, nil
	}
	own, other := &system{name: chronikName}, &system{name: kafkaName}
	asked, undone := map[string]int{}, map[string]int{}
	sc := &scenario{
		name: "hard", nodes: 1, cold: true, lines: []line{{figure: "rate", more: true}},
		fixture: func(_ context.Context, _ *bench, s *system) (undo, error) {
			return func(ctx context.Context) error { undone[s.name]++; return ctx.Err() }, nil
		},
		run: func(_ context.Context, _ *bench, s *system) (figures, error) {
			if asked[s.name]++; s == other && asked[s.name] == 2 {
				return nil, errors.New("cannot\nat all")
			}
			return figures{"rate": 1}, nil
		},
	}
	b := &bench{rounds: 3, peaks: map[string]float64{}}
	if err := b.scenario(t.Context(), sc, []*system{own, other}); err != nil {
		t.Fatal(err)
	}
	if asked[chronikName] != 3 || asked[kafkaName] != 2 {
		t.Errorf("runs: got %v, want 3 and 2", asked)
	}
	if undone[chronikName] != 1 || undone[kafkaName] != 0 {
		t.Errorf("fixtures taken away: got %v, want that of the one that goes on", undone)
	}
	if made != 1 || other.replicas != 1 {
		t.Errorf("got %d new systems, want the failed one replaced", made)
	}
	if r := b.rows[0].Ratios[kafkaName]; r.Median != 1 {
		t.Errorf("ratio: got %+v, want that of the first round", r)
	}
	var text strings.Builder
	printFailures(&text, b.failures)
	if got, want := text.String(), "\nhard: kafka failed: cannot\n"; got != want {
		t.Errorf("failures: got %q, want %q", got, want)
	}
}

// What fails of our own ends the run.
func TestFailureOfChronikIsNotLeftOut(t *testing.T) {
	broken := errors.New("broken")
	sc := &scenario{
		name: "hard", nodes: 1, lines: []line{{figure: "rate"}},
		run: func(context.Context, *bench, *system) (figures, error) { return nil, broken },
	}
	b := &bench{rounds: 1}
	if err := b.scenario(t.Context(), sc, []*system{{name: chronikName}}); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}
