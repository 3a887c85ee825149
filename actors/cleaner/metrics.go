package cleaner

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the figures of the cleaner. Names are part of what operators rely on.
type metrics struct {
	done, failed, bytes, removed prometheus.Counter
	due                          prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return registered(registerer, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
	}
	return &metrics{
		done:   counter("chronik_compactions_total", "Logs compacted."),
		failed: counter("chronik_compactions_failed_total", "Compactions that ended with an error."),
		bytes: counter("chronik_compaction_bytes_total",
			"Bytes that compaction has read and written."),
		removed: counter("chronik_compaction_records_removed_total",
			"Records that compaction has removed."),
		due: registered(registerer, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "chronik_compactions_due", Help: "Logs that were due for a compaction at the last look."})),
	}
}

// registered returns the collector, or the one of the same name that an earlier cleaner of this node has
// registered: the parent is built anew when it fails, and goes on counting where it was.
func registered[C prometheus.Collector](registerer prometheus.Registerer, one C) C {
	if registerer == nil {
		return one
	}
	var taken prometheus.AlreadyRegisteredError
	switch err := registerer.Register(one); {
	case errors.As(err, &taken):
		return taken.ExistingCollector.(C)
	case err != nil:
		panic("BUG: metric of the cleaner: " + err.Error())
	}
	return one
}
