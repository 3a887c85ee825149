//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	stats "github.com/chronik-go/chronik/tests/bench"
)

const mib = 1 << 20

// starts measures how soon a broker on an empty directory serves.
func starts(ctx context.Context, b *bench) error {
	var took []float64
	for range b.sizes.starts {
		node, err := b.startNode(ctx, "")
		if err != nil {
			return err
		}
		took = append(took, node.took.Seconds()*1e3)
		if err := node.remove(); err != nil {
			return err
		}
	}
	b.report.atMost("start to first served request, empty directory", 200, "ms", took, "")
	return nil
}

// idleNode measures the memory of a broker that has nothing to do.
func idleNode(ctx context.Context, b *bench) error {
	node, err := b.startNode(ctx, "")
	if err != nil {
		return err
	}
	defer node.kill()
	rss, err := b.settled(ctx, node)
	if err != nil {
		return err
	}
	b.report.atMost("resident memory, idle", 40, "MiB", []float64{rss / mib}, "")
	return nil
}

// settled returns the resident memory after some time without work.
func (b *bench) settled(ctx context.Context, n *node) (float64, error) {
	if err := wait(ctx, b.sizes.settle); err != nil {
		return 0, err
	}
	rss, err := stats.RSS(n.pid())
	return float64(rss), err
}

func wait(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// heldConnections measures the memory of connections that do nothing.
func heldConnections(ctx context.Context, b *bench) error {
	node, err := b.startNode(ctx, "")
	if err != nil {
		return err
	}
	defer node.kill()
	before, err := b.settled(ctx, node)
	if err != nil {
		return err
	}
	var held stats.Held
	holder, err := spawn(&held, b.programs.load, "hold", "-broker", node.addr, "-connections",
		fmt.Sprint(b.sizes.connections))
	if err != nil {
		return err
	}
	defer holder.stop()
	after, err := b.settled(ctx, node)
	if err != nil {
		return err
	}
	each := (after - before) / 1024 / float64(held.Connections)
	b.report.atMost("memory of an idle connection", 25, "KiB", []float64{each},
		"%d connections, %.0f MiB before, %.0f MiB with them", held.Connections, before/mib, after/mib)
	return nil
}

// topicPartitions is how many partitions one topic gets.
const topicPartitions = 1000

// idlePartitions measures what partitions cost that nobody uses.
func idlePartitions(ctx context.Context, b *bench) error {
	node, err := b.startNode(ctx, "")
	if err != nil {
		return err
	}
	defer node.kill()
	begun := time.Now()
	for made := 0; made < b.sizes.partitions; made += topicPartitions {
		if err := createTopic(ctx, node.addr, fmt.Sprintf("idle-%d", made), topicPartitions); err != nil {
			return err
		}
	}
	created := time.Since(begun)
	rss, err := b.settled(ctx, node)
	if err != nil {
		return err
	}
	cpu, err := spent(node.pid(), func() error { return wait(ctx, b.sizes.settle) })
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%d idle partitions, ", b.sizes.partitions)
	b.report.atMost(name+"CPU", 1, "% of a core", []float64{100 * cpu.Seconds() / b.sizes.settle.Seconds()},
		"made in %.1f s", created.Seconds())
	b.report.atMost(name+"resident memory", 150, "MiB", []float64{rss / mib}, "")
	return nil
}
