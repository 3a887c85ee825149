//go:build linux

package main

import (
	"context"

	stats "github.com/chronik-go/chronik/tests/bench"
)

const (
	smallTopic      = "small"
	smallPartitions = 6
	smallWriters    = 64
	// smallWrite is what one small record becomes in the write-ahead log: its frame is filled up to a page.
	smallWrite = 4096
)

// latencies finds what a single small produce takes beyond an fdatasync, and what waiting together gains.
func latencies(ctx context.Context, b *bench) error {
	node, err := b.startNode(ctx, "")
	if err != nil {
		return err
	}
	defer node.kill()
	if err := createTopic(ctx, node.addr, smallTopic, smallPartitions); err != nil {
		return err
	}
	if _, err := b.small(ctx, node, smallWriters); err != nil { // warms up
		return err
	}
	var beyond, tails, gains, syncs, singles, rates, costs []float64
	for range b.sizes.rounds {
		var sync stats.Small
		err := ask(ctx, &sync, b.programs.floor, "sync", "-dir", b.dir, "-bytes", smallWrite, "-for", b.sizes.small)
		if err != nil {
			return err
		}
		single, err := b.small(ctx, node, 1)
		if err != nil {
			return err
		}
		var many stats.Small
		cpu, err := spent(node.pid(), func() (err error) {
			many, err = b.small(ctx, node, smallWriters)
			return err
		})
		if err != nil {
			return err
		}
		beyond, tails = append(beyond, single.P50-sync.P50), append(tails, single.P99)
		gains = append(gains, many.Rate()/single.Rate())
		syncs, singles = append(syncs, sync.P50), append(singles, single.P50)
		rates, costs = append(rates, many.Rate()), append(costs, cpu.Seconds()*1e6/float64(many.Requests))
	}
	b.report.atMost("one small produce in flight, p50 beyond an fdatasync", 150, "µs", beyond,
		"p50 %.0f µs, fdatasync %.0f µs, p99 %.0f µs",
		stats.Median(singles), stats.Median(syncs), stats.Median(tails))
	b.report.atLeast("64 connections' rate / one connection's", 20, "x", gains,
		"%.0f requests/s, %.1f µs of broker CPU each", stats.Median(rates), stats.Median(costs))
	return nil
}

// small sends small produce requests, one in flight on each connection.
func (b *bench) small(ctx context.Context, n *node, connections int) (stats.Small, error) {
	var result stats.Small
	err := ask(ctx, &result, b.programs.load, "small", "-broker", n.addr, "-topic", smallTopic,
		"-partitions", smallPartitions, "-connections", connections, "-for", b.sizes.small)
	return result, err
}
