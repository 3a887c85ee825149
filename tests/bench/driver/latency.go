//go:build linux

package main

import (
	"context"
	"time"

	stats "github.com/chronik-go/chronik/tests/bench"
)

const (
	smallTopic      = "small"
	smallPartitions = 6
	smallWriters    = 64
	// smallWrite is what one small record becomes in the write-ahead log: its frame is filled up to a page.
	smallWrite = 4096
)

// writers is one of the two that small requests are sent to.
type writers struct {
	addr                string
	pid                 int
	single, tail        []float64 // microseconds of one request in flight, p50 and p99
	rates, gains, costs []float64 // of many: per second, against one, microseconds of CPU each
}

// latencies finds what a single small produce takes beyond an fdatasync, and what waiting together gains.
// The floor is asked for the gain too: where its own is below the goal, the machine has too few processors
// for client and broker.
func latencies(ctx context.Context, b *bench) error {
	floor, node, stop, err := b.startBoth(ctx)
	if err != nil {
		return err
	}
	defer stop()
	physics, broker := &writers{addr: floor.addr, pid: floor.pid()}, &writers{addr: node.addr, pid: node.pid()}
	var syncs, beyond []float64
	each := func() error {
		var sync stats.Small
		err := ask(ctx, &sync, b.programs.floor, "sync", "-dir", b.dir, "-bytes", smallWrite,
			"-for", b.sizes.small)
		syncs = append(syncs, sync.P50)
		return err
	}
	if err := b.alternate(ctx, each, physics, broker); err != nil {
		return err
	}
	for i, sync := range syncs {
		beyond = append(beyond, broker.single[i]-sync)
	}
	b.reportLatencies(physics, broker, syncs, beyond)
	return nil
}

// alternate warms writers up and measures them in turn. each, if there is one, comes first in each round.
func (b *bench) alternate(ctx context.Context, each func() error, all ...*writers) error {
	for _, w := range all {
		if err := createTopic(ctx, w.addr, smallTopic, smallPartitions); err != nil {
			return err
		}
		if _, err := b.small(ctx, w.addr, smallWriters); err != nil {
			return err
		}
	}
	for range b.sizes.rounds {
		if each != nil {
			if err := each(); err != nil {
				return err
			}
		}
		for _, w := range all {
			if err := w.measure(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) reportLatencies(physics, broker *writers, syncs, beyond []float64) {
	b.report.atMost("one small produce in flight, p50 beyond an fdatasync", 150, "µs", beyond,
		"p50 %.0f µs, p99 %.0f µs; fdatasync %.0f µs; the floor's p50 %.0f µs", stats.Median(broker.single),
		stats.Median(broker.tail), stats.Median(syncs), stats.Median(physics.single))
	b.report.atLeast("64 connections' rate / one connection's", 20, "x", broker.gains,
		"%.0f/s, %.1f µs of CPU each; the floor: %.1f x, %.0f/s, %.1f µs", stats.Median(broker.rates),
		stats.Median(broker.costs), stats.Median(physics.gains), stats.Median(physics.rates),
		stats.Median(physics.costs))
}

// slowSync is how much longer the disk of groupCommit takes to sync: about what a solid-state disk takes that
// cannot keep what it has not written when the power goes.
const slowSync = time.Millisecond

// groupCommit finds what waiting together gains where waiting costs something. On a disk that syncs in less
// time than a request costs its processors the answer above is about these.
func groupCommit(ctx context.Context, b *bench) error {
	floor, err := b.startServing(b.programs.floor, "serve", "-sync", slowSync.String())
	if err != nil {
		return err
	}
	defer floor.stop()
	node, err := b.startServing(b.programs.slow, "-sync", slowSync.String())
	if err != nil {
		return err
	}
	defer node.stop()
	physics, broker := &writers{addr: floor.addr, pid: floor.pid()}, &writers{addr: node.addr, pid: node.pid()}
	if err := b.alternate(ctx, nil, physics, broker); err != nil {
		return err
	}
	b.report.atLeast("the same, each sync a millisecond longer", 20, "x", broker.gains,
		"%.0f/s, one by one %.0f µs; the floor: %.1f x, %.0f/s", stats.Median(broker.rates),
		stats.Median(broker.single), stats.Median(physics.gains), stats.Median(physics.rates))
	return nil
}

// measure sends small requests one by one, then from many connections.
func (w *writers) measure(ctx context.Context, b *bench) error {
	single, err := b.small(ctx, w.addr, 1)
	if err != nil {
		return err
	}
	var many stats.Small
	cpu, err := spent(w.pid, func() (err error) {
		many, err = b.small(ctx, w.addr, smallWriters)
		return err
	})
	if err != nil {
		return err
	}
	w.single, w.tail = append(w.single, single.P50), append(w.tail, single.P99)
	w.rates, w.gains = append(w.rates, many.Rate()), append(w.gains, many.Rate()/single.Rate())
	w.costs = append(w.costs, cpu.Seconds()*1e6/float64(many.Requests))
	return nil
}

// small sends small produce requests, one in flight on each connection.
func (b *bench) small(ctx context.Context, addr string, connections int) (stats.Small, error) {
	var result stats.Small
	err := ask(ctx, &result, b.programs.load, "small", "-broker", addr, "-topic", smallTopic,
		"-partitions", smallPartitions, "-connections", connections, "-for", b.sizes.small)
	return result, err
}
