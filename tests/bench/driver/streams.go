//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	stats "github.com/chronik-go/chronik/tests/bench"
)

const (
	streamPartitions = 6
	streamRecord     = 1024

	// A process is quiet when it has spent next to nothing for quietFor, less than a hundredth of a core; what
	// it does after the last answer, such as a checkpoint, belongs to the run. loudest bounds the wait.
	quietFor = 150 * time.Millisecond
	quiet    = quietFor / 100
	loudest  = 5 * time.Second
)

// side is one of the two that are compared.
type side struct {
	addr  string
	pid   int
	costs []float64 // milliseconds of CPU per MiB, one for each run
	rates []float64 // MiB per second
}

// streams compares producing.
func streams(ctx context.Context, b *bench) error {
	floor, node, stop, err := b.startBoth(ctx)
	if err != nil {
		return err
	}
	defer stop()
	sides := [2]*side{{addr: floor.addr, pid: floor.pid()}, {addr: node.addr, pid: node.pid()}}
	for _, s := range sides {
		if err := s.produce(ctx, b, "warm", b.sizes.warmMiB); err != nil {
			return err
		}
	}
	for round := range b.sizes.rounds {
		for _, s := range sides {
			if err := s.renew(ctx, round); err != nil {
				return err
			}
			if err := b.touchMemory(); err != nil {
				return err
			}
			if err := s.produce(ctx, b, topicOf(round), b.sizes.streamMiB); err != nil {
				return err
			}
		}
	}
	b.compare(sides, 1.6, "broker CPU per MiB produced / the floor's")
	return nil
}

// touchMemory makes the system take into use the memory that the next run is going to fill. A virtual machine
// that gives free pages back to its host pays for each page that it takes again, up to ten times what writing
// it costs; whoever runs right after somebody else's files were removed would pay less.
func (b *bench) touchMemory() error {
	file, err := os.Create(filepath.Join(b.dir, "touch"))
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	part := make([]byte, mib)
	for range b.sizes.streamMiB + b.sizes.streamMiB/4 {
		if _, err := file.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func topicOf(round int) string { return fmt.Sprintf("stream-%d", round) }

// renew replaces the topic of the round before and waits until the disk space is free.
func (s *side) renew(ctx context.Context, round int) error {
	if round == 0 {
		s.reset()
	} else if err := deleteTopic(ctx, s.addr, topicOf(round-1)); err != nil {
		return err
	}
	if err := createTopic(ctx, s.addr, topicOf(round), streamPartitions); err != nil {
		return err
	}
	return awaitQuiet(s.pid)
}

func (s *side) reset() { s.costs, s.rates = nil, nil }

func (s *side) produce(ctx context.Context, b *bench, topic string, mib int) error {
	if topic == "warm" {
		if err := createTopic(ctx, s.addr, topic, streamPartitions); err != nil {
			return err
		}
		defer deleteTopic(ctx, s.addr, topic)
	}
	return s.measure(mib, func(moved *stats.Moved) error {
		return ask(ctx, moved, b.programs.load, "produce", "-broker", s.addr, "-topic", topic, "-mib", mib,
			"-record", streamRecord)
	})
}

func (s *side) measure(mib int, run func(*stats.Moved) error) error {
	var moved stats.Moved
	took, err := spent(s.pid, func() error {
		if err := run(&moved); err != nil {
			return err
		}
		return awaitQuiet(s.pid)
	})
	if err != nil {
		return err
	}
	s.costs = append(s.costs, took.Seconds()*1e3/float64(mib))
	s.rates = append(s.rates, float64(moved.Bytes>>20)/moved.Seconds)
	return nil
}

// awaitQuiet returns when a process has come to rest.
func awaitQuiet(pid int) error {
	look := time.NewTicker(quietFor)
	defer look.Stop()
	before, err := stats.CPU(pid)
	for begun := time.Now(); err == nil && time.Since(begun) < loudest; {
		<-look.C
		var now time.Duration
		if now, err = stats.CPU(pid); now-before <= quiet {
			break
		}
		before = now
	}
	return err
}

// compare adds the line with the ratio of each round.
func (b *bench) compare(sides [2]*side, goal float64, name string) {
	floor, broker := sides[0], sides[1]
	ratios := make([]float64, len(broker.costs))
	for i := range ratios {
		ratios[i] = broker.costs[i] / floor.costs[i]
	}
	b.report.atMost(name, goal, "x", ratios, "%.2f against %.2f ms/MiB, %.0f against %.0f MiB/s",
		stats.Median(broker.costs), stats.Median(floor.costs),
		stats.Median(broker.rates), stats.Median(floor.rates))
}
