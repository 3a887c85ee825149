package walactor

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/chronik-go/chronik/storage/wal"
)

// metrics are the figures of the log. Names are part of what operators rely on.
type metrics struct {
	syncSeconds prometheus.Histogram
	commitSize  prometheus.Histogram
	bytes       prometheus.Counter
	placed      prometheus.Counter
	live        prometheus.Gauge
	files       prometheus.Gauge
	spares      prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &metrics{
		syncSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "chronik_wal_sync_seconds", Help: "Time of one sync of the write-ahead log.",
			Buckets: prometheus.ExponentialBuckets(50e-6, 2, 18)}),
		commitSize: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "chronik_wal_commit_updates", Help: "Updates that shared one sync.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 14)}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "chronik_wal_bytes_total", Help: "Bytes appended to the write-ahead log."}),
		placed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "chronik_wal_placed_bytes_total",
			Help: "Bytes that went straight to their segment, so that the log only refers to them."}),
		live:   gauge("chronik_wal_live_bytes", "Bytes of the log that a start would have to read."),
		files:  gauge("chronik_wal_files", "Files of the write-ahead log that are needed."),
		spares: gauge("chronik_wal_spare_files", "Preallocated files that wait to be used."),
	}
	if registerer != nil {
		registerer.MustRegister(m.syncSeconds, m.commitSize, m.bytes, m.placed, m.live, m.files, m.spares)
	}
	return m
}

func (m *metrics) synced(took time.Duration, updates int, bytes int64) {
	m.syncSeconds.Observe(took.Seconds())
	m.commitSize.Observe(float64(updates))
	m.bytes.Add(float64(bytes))
}

func (m *metrics) show(s wal.Stats) {
	m.live.Set(float64(s.LiveBytes))
	m.files.Set(float64(s.Files))
	m.spares.Set(float64(s.Spares))
}
