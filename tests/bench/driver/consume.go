//go:build linux

package main

import (
	"context"

	stats "github.com/chronik-go/chronik/tests/bench"
)

// consuming compares reading what was written just before, from the page cache, with the floor's bare
// sendfile loop. Both have the same client and the same batches.
func consuming(ctx context.Context, b *bench) error {
	floor, node, stop, err := b.startBoth(ctx)
	if err != nil {
		return err
	}
	defer stop()
	sides := [2]*side{{addr: floor.addr, pid: floor.pid()}, {addr: node.addr, pid: node.pid()}}
	for _, s := range sides {
		if err := s.renew(ctx, 0); err != nil {
			return err
		}
		if err := s.produce(ctx, b, topicOf(0), b.sizes.streamMiB); err != nil {
			return err
		}
	}
	for _, s := range sides {
		if err := s.consume(ctx, b, topicOf(0), 1); err != nil {
			return err
		}
		s.reset() // what it costs to read for the first time is not counted
	}
	for round := range b.sizes.consumes {
		for i := range sides {
			// Every other round begins with the other side, so that a drift of the machine is on both.
			if err := sides[(i+round)%2].consume(ctx, b, topicOf(0), b.sizes.passes); err != nil {
				return err
			}
		}
	}
	b.compare(sides, 1.3, "broker CPU per MiB consumed / bare sendfile's")
	return nil
}

// consume reads the topic from its start some times, each time as a new consumer.
func (s *side) consume(ctx context.Context, b *bench, topic string, passes int) error {
	return s.measure(passes*b.sizes.streamMiB, func(moved *stats.Moved) error {
		return ask(ctx, moved, b.programs.load, "consume", "-broker", s.addr, "-topic", topic,
			"-partitions", streamPartitions, "-mib", b.sizes.streamMiB, "-passes", passes)
	})
}
