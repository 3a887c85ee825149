package bench

import (
	"slices"
	"time"
)

// Median returns the middle of the values, which stay in their order; 0 of none.
func Median(values []float64) float64 { return Percentile(values, 0.5) }

// Percentile returns the value below which a share of the values lies; 0 of none.
func Percentile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := share * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// Summarize makes a Small out of the time that each request took.
func Summarize(took []time.Duration, elapsed time.Duration) Small {
	microseconds := make([]float64, len(took))
	for i, one := range took {
		microseconds[i] = float64(one.Nanoseconds()) / 1e3
	}
	return Small{
		Requests: len(took), Seconds: elapsed.Seconds(),
		P50: Median(microseconds), P99: Percentile(microseconds, 0.99),
	}
}

// Spread makes a Latency out of the time that each record took.
func Spread(took []time.Duration) Latency {
	sorted := slices.Clone(took)
	slices.Sort(sorted)
	at := func(share float64) float64 {
		if len(sorted) == 0 {
			return 0
		}
		return float64(sorted[int(share*float64(len(sorted)-1))].Nanoseconds()) / 1e3
	}
	return Latency{P50: at(0.5), P99: at(0.99), P999: at(0.999), Max: at(1)}
}
