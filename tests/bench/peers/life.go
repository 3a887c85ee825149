//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	stats "github.com/chronik-go/chronik/tests/bench"
)

// startScenario starts a node on an empty directory, formatted where a system wants that.
var startScenario = scenario{
	name: "start", about: "start of the process on an empty directory to the first acknowledged write", nodes: 1,
	cold: true, others: []string{"nats", "nats-always"}, run: start,
	lines: []line{{figure: "time", unit: "ms", goals: against{kafkaName: 0.05}}},
}

func start(ctx context.Context, b *bench, s *system) (figures, error) {
	fresh, err := makerOf(s.name)(ctx, b, 1)
	if err != nil {
		return nil, err
	}
	defer fresh[0].end()
	return startOne(fresh[0])
}

func startOne(s *system) (figures, error) {
	// The client looks already when the broker begins, so that its own start is not counted.
	beside, err := spawn(s.client, "first", "-broker", s.seeds(), "-topic", "first")
	if err != nil {
		return nil, err
	}
	defer beside.stop()
	var looks stats.Acked
	if err := beside.hear(&looks); err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := s.start(); err != nil {
		return nil, err
	}
	var acked stats.Acked
	if err := beside.hear(&acked); err != nil {
		return nil, err
	}
	return figures{"time": time.Unix(0, acked.UnixNano).Sub(begun).Seconds() * 1e3}, nil
}

// idleScenarios look at nodes that hold partitions and do nothing.
func idleScenarios(nodes int) []scenario {
	var all []scenario
	for _, partitions := range []int{1, 1000, 10_000} {
		lines := []line{{figure: "CPU", unit: "% of a core"}, {figure: "RSS", unit: "MiB"}}
		var others []string
		switch partitions {
		case 1:
			lines[1].goals, others = against{kafkaName: 0.1}, []string{"nats", "nats-always"}
		case 1000:
			lines[0].goals = against{kafkaName: 0.2}
		}
		all = append(all, scenario{
			name: fmt.Sprintf("idle-%d", partitions), nodes: nodes, cold: true, lines: lines, others: others,
			about:   fmt.Sprintf("a node that holds %d empty partitions", partitions),
			fixture: idleFixture(partitions), run: idle,
		})
	}
	return all
}

func idleFixture(partitions int) func(context.Context, *bench, *system) (undo, error) {
	return func(ctx context.Context, b *bench, s *system) (undo, error) {
		topic := b.nextTopic()
		if err := s.createTopic(ctx, topic, partitions); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error { return s.deleteTopic(ctx, topic) }, b.settle(s)
	}
}

func idle(ctx context.Context, b *bench, s *system) (figures, error) {
	before, err := usageOf(s.nodes)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	select {
	case <-time.After(b.duration):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	after, err := usageOf(s.nodes)
	if err != nil {
		return nil, err
	}
	var resident int64
	for _, node := range s.nodes {
		rss, err := stats.RSS(node.pid())
		if err != nil {
			return nil, err
		}
		resident = max(resident, rss)
	}
	return figures{
		"CPU": (after.cpu - before.cpu).Seconds() / time.Since(begun).Seconds() * 100,
		"RSS": float64(resident) / mib,
	}, nil
}
