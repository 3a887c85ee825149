//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// bed starts all systems with so many nodes and runs the scenarios that want that many.
func (b *bench) bed(ctx context.Context, nodes int, chosen []*scenario) error {
	chosen = slices.DeleteFunc(slices.Clone(chosen), func(sc *scenario) bool { return sc.nodes != nodes })
	if len(chosen) == 0 {
		return nil
	}
	var systems []*system
	defer func() {
		for _, s := range systems {
			_ = s.end() // the folder goes as a whole
		}
	}()
	for _, one := range makers {
		if !slices.ContainsFunc(one.names, func(name string) bool { return slices.Contains(b.systems, name) }) {
			continue
		}
		made, err := one.make(ctx, b, nodes)
		if err != nil {
			return err
		}
		for _, s := range made {
			if slices.Contains(b.systems, s.name) && slices.ContainsFunc(chosen, func(sc *scenario) bool {
				return sc.takes(s)
			}) {
				systems = append(systems, s)
			}
		}
	}
	for _, s := range systems {
		if err := s.start(); err != nil {
			return err
		}
	}
	warm := false
	for _, sc := range chosen {
		if !sc.cold && !warm {
			warm = true
			for _, s := range systems {
				if err := b.warmUp(ctx, s); err != nil {
					return b.explain(s, err)
				}
			}
		}
		if err := b.scenario(ctx, sc, systems); err != nil {
			return err
		}
	}
	return nil
}

// warmUp puts load on a system that is not counted: what is compiled while it runs is compiled then, and logs
// are at the point where they recycle their files.
func (b *bench) warmUp(ctx context.Context, s *system) error {
	if s.configs != nil {
		return nil // the same processes as another system
	}
	rest := *b
	rest.duration, rest.peaks = b.warm, map[string]float64{}
	f := flood{record: 1024, partitions: 6, acks: "all", compression: "none"}
	_, err := f.run(ctx, &rest, s)
	b.topics = rest.topics
	return err
}

// scenario runs one on each system in turn, so often as there are rounds. One of the others that cannot do
// it, or not in the time that there is, is left out of the rest of the scenario, and the table says so.
func (b *bench) scenario(ctx context.Context, sc *scenario, running []*system) error {
	if sc.needs != nil {
		if err := sc.needs(ctx, b); err != nil {
			fmt.Fprintf(os.Stderr, "%s is left out: %v\n", sc.name, err)
			return nil
		}
	}
	systems := slices.DeleteFunc(slices.Clone(running), func(s *system) bool { return !sc.takes(s) })
	fixtures := map[*system]undo{}
	if sc.fixture != nil {
		for _, s := range slices.Clone(systems) {
			away, err := bounded(ctx, func(ctx context.Context) (undo, error) {
				return sc.fixture(ctx, b, s)
			})
			if err == nil {
				fixtures[s] = away
			} else if systems, err = b.leaveOut(ctx, sc, s, err, systems, running); err != nil {
				return err
			}
		}
	}
	runs := map[string][]figures{}
	for round := range b.rounds {
		for _, s := range slices.Clone(systems) {
			begun := time.Now()
			got, err := bounded(ctx, func(ctx context.Context) (figures, error) { return sc.run(ctx, b, s) })
			if err != nil {
				if systems, err = b.leaveOut(ctx, sc, s, err, systems, running); err != nil {
					return err
				}
				continue
			}
			runs[s.name] = append(runs[s.name], got)
			first := sc.lines[0]
			fmt.Fprintf(os.Stderr, "%s %d %s: %s %s %s, in %.0f s\n", sc.name, round+1, s.name, first.figure,
				digits(got[first.figure]), first.unit, time.Since(begun).Seconds())
		}
	}
	b.rows = append(b.rows, rowsOf(sc, runs)...)
	var errs []error
	for _, s := range systems {
		if away := fixtures[s]; away != nil {
			errs = append(errs, away(ctx))
		}
	}
	return errors.Join(errs...)
}

// longest bounds one run of a scenario, and what makes its fixture.
const longest = 5 * time.Minute

func bounded[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("it took longer than %v", longest))
	defer cancel()
	got, err := f(ctx)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return got, err
}

// leaveOut notes that one of the others has failed, and starts it anew for the scenarios that come. It
// returns those that go on with this one. An error of our own, or of the floor, ends the run.
func (b *bench) leaveOut(
	ctx context.Context, sc *scenario, s *system, err error, systems, running []*system,
) ([]*system, error) {
	if ctx.Err() != nil || s.name == chronikName || s.name == floorName {
		return nil, b.explain(s, fmt.Errorf("%s: %w", sc.name, err))
	}
	fmt.Fprintf(os.Stderr, "%s %s: left out: %v\n", sc.name, s.name, err)
	b.failures = append(b.failures, failure{Scenario: sc.name, System: s.name, Why: err.Error()})
	if err := b.startAnew(ctx, sc, s, running); err != nil {
		return nil, b.explain(s, err)
	}
	return slices.DeleteFunc(slices.Clone(systems), func(one *system) bool { return one == s }), nil
}

// startAnew replaces the nodes of a system, and of those that are the same nodes, by new ones.
func (b *bench) startAnew(ctx context.Context, sc *scenario, s *system, running []*system) error {
	fresh, err := makerOf(s.name)(ctx, b, sc.nodes)
	if err != nil {
		return err
	}
	_ = s.end() // the folder goes as a whole
	for _, one := range fresh {
		for _, old := range running {
			if old.name == one.name {
				*old = *one
			}
		}
	}
	if err := s.start(); err != nil || sc.cold {
		return err
	}
	return b.warmUp(ctx, fresh[0])
}

// explain adds the end of the logs of a system's nodes to an error.
func (b *bench) explain(s *system, err error) error {
	const most = 2000
	for _, node := range s.nodes {
		text, readErr := os.ReadFile(node.log)
		if readErr != nil {
			continue // the error stands for itself
		}
		err = fmt.Errorf("%w\n%s: ...%s", err, node.log, text[max(0, len(text)-most):])
	}
	return err
}
