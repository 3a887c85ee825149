package janitor

import "github.com/prometheus/client_golang/prometheus"

// metrics are the figures of the janitor. Names are part of what operators rely on.
type metrics struct {
	made, missed prometheus.Counter
	flushSeconds prometheus.Histogram
	free         prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		made: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "chronik_checkpoints_total", Help: "Checkpoints written."}),
		missed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "chronik_checkpoints_missed_total",
			Help: "Checkpoints that were asked for and not written."}),
		flushSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "chronik_checkpoint_flush_seconds", Help: "Time to make the files of one group durable.",
			Buckets: prometheus.ExponentialBuckets(100e-6, 2, 18)}),
		free: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "chronik_disk_free_bytes", Help: "Free room on the file system of the data directory."}),
	}
	if registerer != nil {
		registerer.MustRegister(m.made, m.missed, m.flushSeconds, m.free)
	}
	return m
}
