//go:build linux

package main

import (
	"context"
	"fmt"

	stats "github.com/chronik-go/chronik/tests/bench"
)

const (
	recoveryTopic = "recovery"
	// recoveryRecord is large, so that filling takes the client less time; how data is cut into records does
	// not matter to a recovery.
	recoveryRecord = 32 << 10
)

// recoveries compares the start after a crash of a broker with much data with that of one with little. Both
// have written as much since their last checkpoint.
func recoveries(ctx context.Context, b *bench) error {
	var dirs [2]string
	for i, size := range b.sizes.recovery {
		node, err := b.startNode(ctx, "")
		if err != nil {
			return err
		}
		dirs[i] = node.dir
		defer node.remove()
		if err := createTopic(ctx, node.addr, recoveryTopic, streamPartitions); err != nil {
			return err
		}
		if err := b.fill(ctx, node, size); err != nil {
			return err
		}
		if err := node.stop(); err != nil {
			return fmt.Errorf("stop: %w", err)
		}
	}
	var ratios []float64
	var took [2][]float64
	for range b.sizes.crashes {
		for i, dir := range dirs {
			milliseconds, err := b.crash(ctx, dir)
			if err != nil {
				return err
			}
			took[i] = append(took[i], milliseconds)
		}
		last := len(took[0]) - 1
		ratios = append(ratios, took[1][last]/took[0][last])
	}
	b.report.atMost(fmt.Sprintf("recovery of %g GiB / of %g GiB", float64(b.sizes.recovery[1])/1024,
		float64(b.sizes.recovery[0])/1024), 1.3, "x", ratios,
		"%.0f ms against %.0f ms, with %d MiB of log to replay",
		stats.Median(took[1]), stats.Median(took[0]), b.sizes.tail)
	return nil
}

func (b *bench) fill(ctx context.Context, n *node, size int) error {
	var moved stats.Moved
	return ask(ctx, &moved, b.programs.load, "produce", "-broker", n.addr, "-topic", recoveryTopic, "-mib", size,
		"-record", recoveryRecord)
}

// crash starts a broker that was stopped in order, writes, kills it, and returns the milliseconds of the
// next start.
func (b *bench) crash(ctx context.Context, dir string) (float64, error) {
	node, err := b.startNode(ctx, dir)
	if err != nil {
		return 0, err
	}
	err = b.fill(ctx, node, b.sizes.tail)
	node.kill()
	if err != nil {
		return 0, err
	}
	node, err = b.startNode(ctx, dir)
	if err != nil {
		return 0, err
	}
	if err := awaitLeaders(ctx, node.addr, recoveryTopic, streamPartitions); err != nil {
		node.kill()
		return 0, err
	}
	return node.took.Seconds() * 1e3, node.stop()
}
