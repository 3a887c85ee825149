package load

import (
	"fmt"
	"slices"
	"time"
)

// Window is a stretch of the load's clock.
type Window struct{ From, To time.Duration }

// Summary is what a window was like for producers. Latency counts from when a record was to be sent.
type Summary struct {
	Records       int
	Bytes         int64 // acknowledged within the window
	P50, P99, Max time.Duration
}

func (s Summary) String() string {
	return fmt.Sprintf("%d records, p50 %s, p99 %s, max %s", s.Records, Round(s.P50), Round(s.P99), Round(s.Max))
}

// Summarize looks at the records that were to be sent within one of the windows.
func (l *Load) Summarize(windows ...Window) Summary {
	var s Summary
	var latencies []time.Duration
	for _, a := range l.book.all() {
		for _, w := range windows {
			if w.From <= a.at && a.at < w.To {
				s.Bytes += int64(a.bytes)
			}
			if w.From <= a.due && a.due < w.To {
				latencies = append(latencies, a.at-a.due)
			}
		}
	}
	slices.Sort(latencies)
	s.Records, s.P50, s.P99 = len(latencies), Percentile(latencies, 50), Percentile(latencies, 99)
	s.Max = Percentile(latencies, 100)
	return s
}

// Percentile returns the value that so many percent of the sorted values do not exceed.
func Percentile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*percent+99)/100-1]
}

// Gap returns the longest stretch of the window in which one of the partitions acknowledged nothing: how long
// it was unavailable, plus the time between two records. Whoever has acknowledged nothing since it began was
// unavailable from the beginning.
func (l *Load) Gap(partitions []int32, w Window) time.Duration {
	last := make(map[int32]time.Duration, len(partitions))
	for _, p := range partitions {
		last[p] = w.From
	}
	longest := time.Duration(0)
	for _, a := range l.book.all() {
		before, watched := last[a.partition]
		if !watched || a.at < w.From || a.at >= w.To {
			continue
		}
		longest = max(longest, a.at-before)
		last[a.partition] = a.at
	}
	for _, before := range last {
		longest = max(longest, w.To-before)
	}
	return longest
}

// Round leaves three digits or so of a duration.
func Round(d time.Duration) time.Duration {
	for unit := time.Second; unit >= time.Microsecond; unit /= 10 {
		if d >= 10*unit {
			return d.Round(unit / 10)
		}
	}
	return d
}
