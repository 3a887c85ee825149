package cleaner

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/chronik-go/chronik/actors/kit"
)

// metrics are the figures of the cleaner. Names are part of what operators rely on.
type metrics struct {
	done, failed, bytes, removed prometheus.Counter
	due                          prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return kit.Registered(registerer, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
	}
	return &metrics{
		done:   counter("chronik_compactions_total", "Logs compacted."),
		failed: counter("chronik_compactions_failed_total", "Compactions that ended with an error."),
		bytes: counter("chronik_compaction_bytes_total",
			"Bytes that compaction has read and written."),
		removed: counter("chronik_compaction_records_removed_total",
			"Records that compaction has removed."),
		due: kit.Registered(registerer, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "chronik_compactions_due", Help: "Logs that were due for a compaction at the last look."})),
	}
}
