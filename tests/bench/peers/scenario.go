//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
)

// figures are what one run gave, by name.
type figures map[string]float64

// line is one figure of a scenario as it is reported.
type line struct {
	figure string
	unit   string
	more   bool               // more is better
	goals  map[string]float64 // bound of Chronik's figure as a multiple of another system's; told only
	gross  map[string]float64 // the same, and beyond it the short form fails
}

// scenario is something that every system does in turn.
type scenario struct {
	name  string
	about string
	nodes int
	lines []line
	// others are the systems that take part beside Chronik and Kafka: those that can do the same.
	others []string
	// cold scenarios come before the systems have been warmed up.
	cold bool
	// fixture, if set, makes what all rounds use, once for each system; it returns what takes it away.
	fixture func(ctx context.Context, b *bench, s *system) (undo, error)
	run     func(ctx context.Context, b *bench, s *system) (figures, error)
	// needs, if set, says why the scenario cannot run here: it is left out then, with a word.
	needs func(ctx context.Context, b *bench) error
}

// undo takes away what a fixture has made.
type undo func(context.Context) error

func (sc *scenario) takes(s *system) bool {
	return s.name == chronikName || s.name == kafkaName || slices.Contains(sc.others, s.name)
}

const (
	chronikName = "chronik"
	kafkaName   = "kafka"
	flushName   = "kafka-flush"
	floorName   = "floor"
)

// Beyond these the short form fails. On two cores that thirty other processes were using too, the medians of
// five short forms were 0.38 to 1.25 times the floor's rates, and 0.67 to 2.53 times its costs.
const (
	grossRate = 0.15
	grossCost = 4
)

// against is a set of bounds, by system.
type against = map[string]float64

var (
	fsyncing = []string{flushName, "nats", "nats-always"}
	everyone = append(fsyncing[:len(fsyncing):len(fsyncing)], floorName)
)

// produceLines are what a produce scenario reports. The bound on costs is for CPU and memory.
func produceLines(throughput, cpu, gross, costs against) []line {
	var resident against
	if cpu != nil {
		resident = against{kafkaName: 0.25}
	}
	return []line{
		{figure: "throughput", unit: "MiB/s", more: true, goals: throughput, gross: gross},
		{figure: "broker CPU", unit: "ms/MiB", goals: cpu, gross: costs},
		{figure: "client CPU", unit: "ms/MiB"},
		{figure: "peak RSS", unit: "MiB", goals: resident, gross: costs},
		{figure: "disk bytes written per byte", unit: ""},
	}
}

func latencyLines(p50, p99, p999 float64) []line {
	bound := func(value float64) against {
		if value == 0 {
			return nil
		}
		return against{kafkaName: value}
	}
	return []line{
		{figure: "p50", unit: "ms", goals: bound(p50)},
		{figure: "p99", unit: "ms", goals: bound(p99)},
		{figure: "p99.9", unit: "ms", goals: bound(p999)},
		{figure: "max", unit: "ms"},
		{figure: "records lost or refused", unit: ""},
	}
}

// scenarios in the order in which they run.
var scenarios = slices.Concat(idleScenarios(1), []scenario{startScenario}, produceScenarios(),
	readScenarios(), paceScenarios(), officialScenarios(), clusterScenarios())

// produceScenarios are the floods of one node. The base case is 1 KiB, acks=all, 6 partitions, uncompressed.
func produceScenarios() []scenario {
	base := flood{record: 1024, partitions: 6, acks: "all", compression: "none"}
	with := func(change func(*flood)) flood { f := base; change(&f); return f }
	double := against{kafkaName: 2}
	of := func(name string, f flood, lines []line, others ...string) scenario {
		return scenario{name: name, about: f.String(), nodes: 1, lines: lines, others: others, run: f.run}
	}
	all := []scenario{
		of("produce-1k", base, produceLines(against{kafkaName: 2, flushName: 10, floorName: 0.6},
			against{kafkaName: 0.4}, against{floorName: grossRate}, against{floorName: grossCost}), everyone...),
		of("produce-100b", with(func(f *flood) { f.record = 100 }), produceLines(double, nil, nil, nil),
			fsyncing...),
		of("produce-10k", with(func(f *flood) { f.record = 10 << 10 }), produceLines(nil, nil, nil, nil),
			fsyncing...),
		of("produce-acks1", with(func(f *flood) { f.acks = "1" }), produceLines(nil, nil, nil, nil)),
		of("produce-lz4", with(func(f *flood) { f.compression = "lz4" }), produceLines(nil, nil, nil, nil)),
	}
	for _, partitions := range []int{1, 10, 100, 1000, 10_000} {
		var goal against
		if partitions == 1000 {
			goal = against{kafkaName: 3}
		}
		f := with(func(f *flood) { f.partitions, f.spread = partitions, true })
		all = append(all, of(fmt.Sprintf("produce-p%d", partitions), f, produceLines(goal, nil, nil, nil)))
	}
	return all
}

// readScenarios are consumers of one node.
func readScenarios() []scenario {
	lines := func(goal, gross against) []line {
		return []line{
			{figure: "throughput", unit: "MiB/s", more: true},
			{figure: "broker CPU", unit: "ms/MiB", goals: goal, gross: gross},
			{figure: "client CPU", unit: "ms/MiB"},
			{figure: "peak RSS", unit: "MiB"},
		}
	}
	return []scenario{
		{
			name: "consume", about: "all records from the start, in the page cache", nodes: 1,
			others:  []string{floorName},
			lines:   lines(against{kafkaName: 0.4, floorName: 1.3}, against{floorName: grossCost}),
			fixture: readFixture, run: consume,
		},
		{
			name: "consume-cold", about: "the same from the disk", nodes: 1, others: []string{floorName},
			lines: lines(nil, nil), fixture: readFixture, run: consumeCold,
		},
		{
			name: "consume-groups", about: "ten groups read it at the same time", nodes: 1,
			lines: lines(nil, nil), fixture: readFixture, run: consumeGroups,
		},
		{
			name: "consume-tail", about: "read while it is flooded", nodes: 1, lines: lines(nil, nil),
			run: consumeTail,
		},
	}
}

// paceScenarios are about time on one node.
func paceScenarios() []scenario {
	serialLines := []line{
		{figure: "rate", unit: "records/s", more: true, gross: against{floorName: grossRate}},
		{figure: "p50", unit: "µs"}, {figure: "p99", unit: "µs"},
	}
	return []scenario{
		{
			name: "serial", about: "one acks=all record of 100 B in flight", nodes: 1, lines: serialLines,
			others: everyone, run: serial(1, 1),
		},
		{
			name: "connections-500", about: "the same on each of 500 connections", nodes: 1, lines: serialLines,
			others: []string{flushName, floorName}, run: serial(500, 6),
		},
		{
			name: "latency-1000", about: "from due to received at 1,000 records of 1 KiB a second", nodes: 1,
			lines: latencyLines(0, 0, 0), others: fsyncing, run: pace(1000),
		},
		{
			name: "latency-half", about: "the same at half of what the slower of the two takes", nodes: 1,
			lines: latencyLines(0, 0, 0), run: paceHalf,
		},
	}
}

// clusterScenarios need three nodes.
func clusterScenarios() []scenario {
	base := flood{record: 1024, partitions: 6, acks: "all", compression: "none"}
	return []scenario{
		{
			name: "produce-1k-rf3", about: base.String(), nodes: 3, others: fsyncing, run: base.run,
			lines: produceLines(against{kafkaName: 3, flushName: 10}, against{kafkaName: 0.4}, nil, nil),
		},
		{
			name: "serial-rf3", about: "one acks=all record of 100 B in flight", nodes: 3, others: fsyncing,
			lines: []line{
				{figure: "rate", unit: "records/s", more: true, goals: against{kafkaName: 2}},
				{figure: "p50", unit: "µs"}, {figure: "p99", unit: "µs"},
			},
			run: serial(1, 1),
		},
		{
			name: "latency-10000-rf3", about: "from due to received at 10,000 records of 1 KiB a second", nodes: 3,
			lines: latencyLines(0.5, 0.33, 0.33), others: fsyncing, run: pace(10_000),
		},
		{
			name: "restart-rf3", about: "the same at 5,000 a second on one partition; a follower is killed",
			nodes: 3, lines: latencyLines(0, 0, 0), run: paceRestart,
		},
		{
			name: "failover-rf3", about: "kill -9 of the leader to the next acknowledged write", nodes: 3,
			lines: []line{{figure: "time", unit: "ms", goals: against{kafkaName: 0.1}}}, run: failover,
		},
	}
}
