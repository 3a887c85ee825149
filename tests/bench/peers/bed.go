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

// scenario runs one on each system in turn, so often as there are rounds.
func (b *bench) scenario(ctx context.Context, sc *scenario, systems []*system) error {
	if sc.needs != nil {
		if err := sc.needs(ctx, b); err != nil {
			fmt.Fprintf(os.Stderr, "%s is left out: %v\n", sc.name, err)
			return nil
		}
	}
	systems = slices.DeleteFunc(slices.Clone(systems), func(s *system) bool { return !sc.takes(s) })
	var undo []func() error
	if sc.fixture != nil {
		for _, s := range systems {
			away, err := sc.fixture(ctx, b, s)
			if err != nil {
				return b.explain(s, fmt.Errorf("%s: %w", sc.name, err))
			}
			undo = append(undo, away)
		}
	}
	runs := map[string][]figures{}
	for round := range b.rounds {
		for _, s := range systems {
			begun := time.Now()
			got, err := sc.run(ctx, b, s)
			if err != nil {
				return b.explain(s, fmt.Errorf("%s: %w", sc.name, err))
			}
			runs[s.name] = append(runs[s.name], got)
			first := sc.lines[0]
			fmt.Fprintf(os.Stderr, "%s %d %s: %s %s %s, in %.0f s\n", sc.name, round+1, s.name, first.figure,
				digits(got[first.figure]), first.unit, time.Since(begun).Seconds())
		}
	}
	b.rows = append(b.rows, rowsOf(sc, runs)...)
	var errs []error
	for _, away := range undo {
		errs = append(errs, away())
	}
	return errors.Join(errs...)
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
