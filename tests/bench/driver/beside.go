//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	stats "github.com/chronik-go/chronik/tests/bench"
)

const (
	// besideWriters are the connections of the load beside a compaction: enough to wait together for the disk,
	// and few enough to leave the processors something to do it with.
	besideWriters = 8
	// besideRate is the throttle that a node has by itself, in MiB per second.
	besideRate = 32
	// besideWindows is how many windows with a compaction come one after the other: the first has it read keys,
	// the last has it write.
	besideWindows = 2
)

// besideCompaction compares how long small produce requests take while a log is compacted, with the throttle
// that a node has by itself, with what they take before and after it. The disk of a shared machine is slower
// at one time than at another, so each round has windows of both kinds, and a ratio of its own.
func besideCompaction(ctx context.Context, b *bench) error {
	// Each compaction reads the log twice and has to last for all windows of a round.
	logMiB := int(b.sizes.small.Seconds()*besideRate*besideWindows)/2 + 3*besideRate/2
	node, client, err := b.dirtyNode(ctx, logMiB)
	if err != nil {
		return err
	}
	defer node.remove()
	defer client.Close()
	if err := createTopic(ctx, node.addr, smallTopic, smallPartitions); err != nil {
		return err
	}
	var ratios, quiets, busies []float64
	for round := range b.sizes.rounds + 1 { // the first warms up
		if err := update(ctx, client, logMiB); err != nil {
			return err
		}
		quiet, err := b.tail(ctx, node, 1)
		if err != nil {
			return err
		}
		before, err := node.counter(ctx, "chronik_compactions_total")
		if err != nil {
			return err
		}
		if err := configure(ctx, client, "cleanup.policy", "compact"); err != nil {
			return err
		}
		busy, err := b.tail(ctx, node, besideWindows)
		if err != nil {
			return err
		}
		if done, err := node.counter(ctx, "chronik_compactions_total"); err != nil {
			return err
		} else if done > before {
			return fmt.Errorf("the compaction was over before %d times %v had passed", besideWindows, b.sizes.small)
		}
		if err := node.awaitCompactions(ctx, before+1); err != nil {
			return err
		}
		if err := configure(ctx, client, "cleanup.policy", "delete"); err != nil {
			return err
		}
		after, err := b.tail(ctx, node, 1)
		if err != nil {
			return err
		}
		if round > 0 {
			quiet = (quiet + after) / 2
			ratios, quiets, busies = append(ratios, busy/quiet), append(quiets, quiet), append(busies, busy)
		}
	}
	moved, err := node.counter(ctx, "chronik_compaction_bytes_total")
	if err != nil {
		return err
	}
	b.report.atMost("p99 of small produce requests beside a compaction / without", 1.2, "x", ratios,
		"%.0f (%.0f to %.0f) against %.0f µs (%.0f to %.0f) over %d connections; each compaction moved %.0f MiB",
		stats.Median(busies), stats.Percentile(busies, 0), stats.Percentile(busies, 1),
		stats.Median(quiets), stats.Percentile(quiets, 0), stats.Percentile(quiets, 1),
		besideWriters, moved/mib/float64(b.sizes.rounds+1))
	return nil
}

// tail returns the mean p99 of small produce requests in so many windows.
func (b *bench) tail(ctx context.Context, n *node, windows int) (float64, error) {
	sum := 0.0
	for range windows {
		one, err := b.small(ctx, n.addr, besideWriters)
		if err != nil {
			return 0, err
		}
		sum += one.P99
	}
	return sum / float64(windows), nil
}

// awaitCompactions waits until so many have come to their end.
func (n *node) awaitCompactions(ctx context.Context, count float64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(compactionLook)
	defer look.Stop()
	for {
		done, err := n.counter(ctx, "chronik_compactions_total")
		if err != nil || done >= count {
			return err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("%.0f compactions have ended, want %.0f: %w", done, count, ctx.Err())
		}
	}
}
