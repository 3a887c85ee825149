//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	stats "github.com/chronik-go/chronik/tests/bench"
)

// serial keeps one small record in flight on each of some connections.
func serial(connections, partitions int) func(context.Context, *bench, *system) (figures, error) {
	return func(ctx context.Context, b *bench, s *system) (figures, error) {
		return b.onTopic(ctx, s, partitions, func(topic string) (figures, error) {
			leader, err := s.leader(ctx, topic)
			if err != nil {
				return nil, err
			}
			var small stats.Small
			err = ask(ctx, &small, s.client, "small", "-broker", s.addrs[leader], "-topic", topic,
				"-partitions", partitions, "-connections", connections, "-for", b.duration/2)
			return figures{"rate": small.Rate(), "p50": small.P50, "p99": small.P99}, err
		})
	}
}

const (
	paceRecord     = 1024
	pacePartitions = 6
)

// pace sends at a fixed rate and receives.
func pace(rate float64) func(context.Context, *bench, *system) (figures, error) {
	return func(ctx context.Context, b *bench, s *system) (figures, error) {
		return b.onTopic(ctx, s, pacePartitions, func(topic string) (figures, error) {
			var paced stats.Paced
			err := ask(ctx, &paced, s.client, b.paceWords(s, topic, rate, pacePartitions)...)
			return latencies(paced), err
		})
	}
}

func (b *bench) paceWords(s *system, topic string, rate float64, partitions int) []any {
	return []any{
		"pace", "-broker", s.seeds(), "-topic", topic, "-rate", rate, "-record", paceRecord,
		"-partitions", partitions, "-for", b.paced(),
	}
}

// paced is how long records flow at a fixed rate: longer than in a flood, for the sake of the rare slow ones.
func (b *bench) paced() time.Duration { return 4 * b.duration }

func latencies(paced stats.Paced) figures {
	l := paced.Latency
	return figures{
		"p50": l.P50 / 1e3, "p99": l.P99 / 1e3, "p99.9": l.P999 / 1e3, "max": l.Max / 1e3,
		"records lost or refused": float64(paced.Lost + paced.Failed),
	}
}

// paceHalf goes at half the rate that the slower system reached in the floods before.
func paceHalf(ctx context.Context, b *bench, s *system) (figures, error) {
	chronik, kafka := b.peaks[chronikName], b.peaks[kafkaName]
	if chronik == 0 || kafka == 0 {
		return nil, fmt.Errorf("latency-half needs a produce scenario of both systems before it")
	}
	return pace(min(chronik, kafka)/2)(ctx, b, s)
}

const restartRate = 5000

// paceRestart kills a follower while records flow, and starts it again at once.
func paceRestart(ctx context.Context, b *bench, s *system) (figures, error) {
	return b.onTopic(ctx, s, 1, func(topic string) (figures, error) {
		leader, err := s.leader(ctx, topic)
		if err != nil {
			return nil, err
		}
		beside, err := spawn(s.client, b.paceWords(s, topic, restartRate, 1)...)
		if err != nil {
			return nil, err
		}
		defer beside.stop()
		select {
		case <-time.After(b.paced() / 2): // into the run, which begins to count after its lead
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		follower := s.nodes[(leader+1)%len(s.nodes)]
		follower.kill()
		if err := follower.start(); err != nil {
			return nil, err
		}
		var paced stats.Paced
		if err := beside.hear(&paced); err != nil {
			return nil, err
		}
		return latencies(paced), s.awaitReplicas(ctx, topic, 1)
	})
}

// failover kills the leader of a partition under a client that writes one record after another.
func failover(ctx context.Context, b *bench, s *system) (figures, error) {
	return b.onTopic(ctx, s, 1, func(topic string) (figures, error) {
		leader, err := s.leader(ctx, topic)
		if err != nil {
			return nil, err
		}
		beside, err := spawn(s.client, "probe", "-broker", s.seeds(), "-topic", topic)
		if err != nil {
			return nil, err
		}
		defer beside.stop()
		var acked stats.Acked
		if err := beside.hear(&acked); err != nil {
			return nil, err
		}
		killed := time.Now()
		s.nodes[leader].kill()
		if _, err := fmt.Fprintln(beside.stdin); err != nil {
			return nil, err
		}
		if err := beside.hear(&acked); err != nil {
			return nil, err
		}
		if err := s.nodes[leader].start(); err != nil {
			return nil, err
		}
		took := time.Unix(0, acked.UnixNano).Sub(killed)
		return figures{"time": took.Seconds() * 1e3}, s.awaitReplicas(ctx, topic, 1)
	})
}
