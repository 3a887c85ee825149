//go:build linux

package main

import (
	"context"
	"fmt"

	stats "github.com/chronik-go/chronik/tests/bench"
)

// besideWriters are the connections of the load beside a compaction: enough to wait together for the disk,
// and few enough to leave the processors something to do it with.
const besideWriters = 8

// besideCompaction compares how long small produce requests take while a log is compacted, with the
// throttle that a node has by itself, with what they take before and after it.
func besideCompaction(ctx context.Context, b *bench) error {
	node, client, err := b.dirtyNode(ctx)
	if err != nil {
		return err
	}
	defer node.remove()
	defer client.Close()
	if err := createTopic(ctx, node.addr, smallTopic, smallPartitions); err != nil {
		return err
	}
	rounds := func(count int, more func() (bool, error)) (tails []float64, err error) {
		for range count {
			one, err := b.small(ctx, node.addr, besideWriters)
			if err != nil {
				return nil, err
			}
			if goes, err := more(); err != nil || !goes {
				return tails, err
			}
			tails = append(tails, one.P99)
		}
		return tails, nil
	}
	always := func() (bool, error) { return true, nil }
	if _, err := rounds(1, always); err != nil { // warms up
		return err
	}
	quiet, err := rounds(b.sizes.rounds, always)
	if err != nil {
		return err
	}
	if err := configure(ctx, client, "cleanup.policy", "compact"); err != nil {
		return err
	}
	busy, err := rounds(b.sizes.rounds, func() (bool, error) {
		done, err := node.counter(ctx, "chronik_compactions_total")
		return done == 0, err
	})
	switch {
	case err != nil:
		return err
	case len(busy) == 0:
		return fmt.Errorf("the compaction was over before %v had passed", b.sizes.small)
	}
	moved, err := node.counter(ctx, "chronik_compaction_bytes_total")
	if err != nil {
		return err
	}
	if _, err := node.compacted(ctx); err != nil {
		return err
	}
	after, err := rounds(b.sizes.rounds, always)
	if err != nil {
		return err
	}
	quiet = append(quiet, after...)
	ratios := make([]float64, len(busy))
	for i := range busy {
		ratios[i] = busy[i] / stats.Median(quiet)
	}
	b.report.atMost("p99 of small produce requests beside a compaction / without", 1.2, "x", ratios,
		"%.0f against %.0f µs (%.0f to %.0f) over %d connections; the compaction moved %.0f MiB meanwhile",
		stats.Median(busy), stats.Median(quiet), stats.Percentile(quiet, 0), stats.Percentile(quiet, 1),
		besideWriters, moved/mib)
	return nil
}
