//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
)

// A ratio is taken round by round, so that a slow minute of the machine is in both of its sides.
func TestRatiosAreOfTheSameRound(t *testing.T) {
	sc := &scenario{name: "produce", lines: []line{
		{figure: "throughput", more: true, goals: against{kafkaName: 2}, gross: against{floorName: 0.5}},
	}}
	runs := func(values ...float64) []figures {
		var all []figures
		for _, value := range values {
			all = append(all, figures{"throughput": value})
		}
		return all
	}
	rows := rowsOf(sc, map[string][]figures{
		chronikName: runs(100, 10, 300), kafkaName: runs(50, 5, 100), floorName: runs(400, 40, 600),
	})
	if got := rows[0].Ratios[kafkaName]; got.Low != 2 || got.Median != 2 || got.High != 3 {
		t.Errorf("ratio to kafka: got %+v, want 2, 2, 3", got)
	}
	if got := rows[0].verdict(kafkaName); got != "; ≥ 2 ok" {
		t.Errorf("verdict: got %q", got)
	}
	if got := regressions(rows); len(got) != 1 || !strings.Contains(got[0], floorName) {
		t.Errorf("regressions: got %q, want one against the floor", got)
	}
}

// More CPU than the bound is a regression as less throughput is.
func TestLessIsBetterForCosts(t *testing.T) {
	r := row{Ratios: map[string]ratio{floorName: {Median: 1.5, gross: 1.4}}}
	if got := regressions([]row{r}); len(got) != 1 {
		t.Errorf("regressions at 1.5 with a bound of 1.4: got %q", got)
	}
	r.Ratios[floorName] = ratio{Median: 1.3, gross: 1.4}
	if got := regressions([]row{r}); len(got) != 0 {
		t.Errorf("regressions at 1.3 with a bound of 1.4: got %q", got)
	}
}

func TestScenariosHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for i := range scenarios {
		sc := &scenarios[i]
		if seen[sc.name] || sc.name == "" || sc.about == "" || len(sc.lines) == 0 || sc.run == nil {
			t.Errorf("scenario %q is taken, empty or incomplete", sc.name)
		}
		seen[sc.name] = true
	}
	if _, err := choose("produce-1k,prodcue-100b"); err == nil {
		t.Error("a scenario that does not exist was chosen")
	}
	chosen, err := choose("serial,produce-1k")
	if err != nil || len(chosen) != 2 || chosen[0].name != "produce-1k" {
		t.Errorf("chosen: got %d, %v, want produce-1k first", len(chosen), err)
	}
}

// The words of the performance tools, each as its program says them.
func TestToolsAreUnderstood(t *testing.T) {
	for _, c := range []struct {
		name, said string
		want       []string
	}{
		{
			"ProducerPerformance",
			"999 records sent, 10.5 records/sec (1.00 MB/sec), 2.0 ms avg latency, 3.0 ms max latency.\n" +
				"20000 records sent, 48309.178744 records/sec (47.18 MB/sec), 312.88 ms avg latency, 1 ms 50th.\n",
			[]string{"48309.178744"},
		},
		{
			"ConsumerPerformance",
			"start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, " +
				"fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n" +
				"2026-01-01 00:00:00:000, 2026-01-01 00:00:01:000, 19.5312, 19.5, 20000, 20000.0, 300, 700, 27.9, 28571.4\n",
			[]string{"28571.4"},
		},
		{
			"EndToEndLatency",
			"Avg latency: 0.4321 ms\nPercentiles: 50th = 1, 99th = 3, 99.9th = 12\n",
			[]string{"1", "3", "12"},
		},
		{
			"rdkafka_performance",
			"% 1000 messages (1024000 bytes) consumed in 10ms: 100000 msgs/s (102.40 MB/s)\n",
			[]string{"100000"},
		},
	} {
		pattern := map[string]interface{ FindAllStringSubmatch(string, int) [][]string }{
			"ProducerPerformance": javaSent, "ConsumerPerformance": javaRead, "EndToEndLatency": javaLatency,
			"rdkafka_performance": librdkafkaRate,
		}[c.name]
		found := pattern.FindAllStringSubmatch(c.said, -1)
		if len(found) == 0 || !slices.Equal(found[len(found)-1][1:], c.want) {
			t.Errorf("%s: got %q, want %q", c.name, found, c.want)
		}
	}
}
