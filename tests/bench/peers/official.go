//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	stats "github.com/chronik-go/chronik/tests/bench"
)

// officialScenarios repeat the base cases with two other clients' own performance tools, so that nothing
// rests on one client: Kafka's, from the jars that the broker comes from, and librdkafka's.
func officialScenarios() []scenario {
	flow := []line{
		{figure: "throughput", unit: "MiB/s", more: true}, {figure: "broker CPU", unit: "ms/MiB"},
		{figure: "peak RSS", unit: "MiB"},
	}
	return []scenario{
		{
			name: "produce-1k-java", about: "ProducerPerformance, 1024 B records, acks=all, 6 partitions", nodes: 1,
			lines: flow, others: []string{flushName}, run: produceJava, needs: kafkaJars,
		},
		{
			name: "consume-java", about: "ConsumerPerformance, all records from the start", nodes: 1, lines: flow,
			fixture: readFixture, run: consumeJava, needs: kafkaJars,
		},
		{
			name: "latency-java", about: "EndToEndLatency, one acks=all record of 100 B at a time", nodes: 1,
			others: []string{flushName}, run: latencyJava, needs: kafkaJars,
			lines: []line{{figure: "p50", unit: "ms"}, {figure: "p99", unit: "ms"}, {figure: "p99.9", unit: "ms"}},
		},
		{
			name: "produce-1k-librdkafka", about: "rdkafka_performance, 1024 B records, acks=all, 6 partitions",
			nodes: 1, lines: flow, others: []string{flushName}, run: produceLibrdkafka, needs: librdkafka,
		},
		{
			name: "consume-librdkafka", about: "rdkafka_performance, all records from the start", nodes: 1,
			lines: flow, fixture: readFixture, run: consumeLibrdkafka, needs: librdkafka,
		},
	}
}

const (
	officialRecord     = 1024
	officialPartitions = 6
	// latencyRecords are sent one at a time.
	latencyRecords = 5000
	smallRecord    = 100
)

// kafkaJars says why there are no tools of Kafka's; nil if there are.
func kafkaJars(_ context.Context, b *bench) error {
	if b.kafka.classpath == "" {
		return fmt.Errorf("the jars of Kafka are fetched only when it takes part")
	}
	return nil
}

// librdkafka says why there is no performance tool of librdkafka's; nil if there is, or if it could be built.
func librdkafka(ctx context.Context, b *bench) error { return b.findLibrdkafka(ctx) }

// tool runs a performance tool and returns the numbers of the last line that the pattern finds.
func tool(ctx context.Context, pattern *regexp.Regexp, program string, args ...any) ([]float64, error) {
	text, err := exec.CommandContext(ctx, program, words(args)...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", program, err, text)
	}
	found := pattern.FindAllStringSubmatch(string(text), -1)
	if len(found) == 0 {
		return nil, fmt.Errorf("%s said nothing like %s:\n%s", program, pattern, text)
	}
	var numbers []float64
	for _, word := range found[len(found)-1][1:] {
		number, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", program, err)
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}

// javaTool returns the arguments that run a class of Kafka's tools.
func (b *bench) javaTool(class string, args ...any) []any {
	return append([]any{"-Xmx512M", "-cp", b.kafka.classpath, "org.apache.kafka.tools." + class}, args...)
}

// officialRecords are as many as the readers read: a fixed number, since these tools know no duration.
func (b *bench) officialRecords() int { return b.readMiB * mib / officialRecord }

// moves runs a tool that moves officialRecords. The pattern finds the records per second.
func (b *bench) moves(ctx context.Context, s *system, pattern *regexp.Regexp, program string, args ...any) (
	figures, error,
) {
	var numbers []float64
	used, err := spent(s.nodes, func() (_ time.Duration, err error) {
		numbers, err = tool(ctx, pattern, program, args...)
		return 0, err
	})
	if err != nil {
		return nil, err
	}
	records := int64(b.officialRecords())
	return flow(stats.Moved{
		Records: records, Bytes: records * officialRecord, Seconds: float64(records) / numbers[0],
	}, used), nil
}

var javaSent = regexp.MustCompile(`records sent, ([0-9.]+) records/sec`)

func produceJava(ctx context.Context, b *bench, s *system) (figures, error) {
	return b.onTopic(ctx, s, officialPartitions, func(topic string) (figures, error) {
		return b.moves(ctx, s, javaSent, "java", b.javaTool("ProducerPerformance", "--topic", topic,
			"--num-records", b.officialRecords(), "--record-size", officialRecord, "--throughput", -1,
			"--bootstrap-server", s.seeds())...)
	})
}

// javaRead finds the records per second while fetching, without the time that the group takes to form.
var javaRead = regexp.MustCompile(`(?m)^[0-9][^,]*(?:,[^,]*){8}, *([0-9.]+)\s*$`)

func consumeJava(ctx context.Context, b *bench, s *system) (figures, error) {
	return b.moves(ctx, s, javaRead, "java", b.javaTool("ConsumerPerformance", "--topic", b.reading[s.name],
		"--num-records", b.officialRecords(), "--bootstrap-server", s.seeds(), "--timeout", 60_000,
		"--group", "java-"+b.nextTopic())...)
}

var javaLatency = regexp.MustCompile(`50th = ([0-9.]+), 99th = ([0-9.]+), 99.9th = ([0-9.]+)`)

func latencyJava(ctx context.Context, b *bench, s *system) (figures, error) {
	return b.onTopic(ctx, s, 1, func(topic string) (figures, error) {
		args := b.javaTool("EndToEndLatency", "--bootstrap-server", s.seeds(), "--topic", topic,
			"--num-records", latencyRecords, "--producer-acks", "all", "--record-size", smallRecord)
		numbers, err := tool(ctx, javaLatency, "java", args...)
		if err != nil {
			return nil, err
		}
		return figures{"p50": numbers[0], "p99": numbers[1], "p99.9": numbers[2]}, nil
	})
}

// librdkafkaRate finds the records per second in what librdkafka's tool says, of which the last counts.
var librdkafkaRate = regexp.MustCompile(`ms: ([0-9]+) msgs/s`)

func produceLibrdkafka(ctx context.Context, b *bench, s *system) (figures, error) {
	return b.onTopic(ctx, s, officialPartitions, func(topic string) (figures, error) {
		return b.moves(ctx, s, librdkafkaRate, b.programs.librdkafka, "-P", "-t", topic, "-b", s.seeds(),
			"-s", officialRecord, "-c", b.officialRecords(), "-a", -1)
	})
}

func consumeLibrdkafka(ctx context.Context, b *bench, s *system) (figures, error) {
	args := []any{
		"-C", "-t", b.reading[s.name], "-b", s.seeds(), "-c", b.officialRecords(), "-o", "beginning",
	}
	for partition := range readPartitions {
		args = append(args, "-p", partition)
	}
	return b.moves(ctx, s, librdkafkaRate, b.programs.librdkafka, args...)
}
