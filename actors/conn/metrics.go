package conn

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request/fetch"
	"github.com/chronik-go/chronik/protocol"
)

// Metrics are what all connections of a broker count together.
type Metrics struct {
	connections       prometheus.Gauge
	bytesIn, bytesOut prometheus.Counter
	budgetWaits       prometheus.Counter
	budgetWaitSeconds prometheus.Counter
	ended             *prometheus.CounterVec
	seconds           []prometheus.Observer // by API key; nil where the key is not served
	unserved          prometheus.Counter
	refused           *prometheus.CounterVec
}

// Why sockets never become connections, as the metric names it.
const (
	RefusedTotal  = "total"  // too many connections
	RefusedHost   = "host"   // too many of one client host, or the broker drains
	RefusedAccept = "accept" // accepting failed
)

// Why connections end, as the metric names it.
const (
	endedByClient   = "client"    // it closed the connection
	endedIdle       = "idle"      // no request for a long time, or one that stalled
	endedGarbage    = "garbage"   // not Kafka, or a request that lies about itself
	endedVersion    = "version"   // an API or version that is not served
	endedByWrite    = "write"     // replies could not be sent
	endedByRequest  = "request"   // a produce with acks=0 failed, or a request could not be answered
	endedDrained    = "drained"   // the broker closed it in peace
	endedByFailure  = "failure"   // the actor failed
	endedNoMemory   = "no_memory" // a half-read request got no memory in time
	latencyName     = "request_duration_seconds"
	metricNamespace = "chronik"
)

// NewMetrics registers the metrics with a registry, which may be nil.
func NewMetrics(registry prometheus.Registerer, sessions *fetch.Sessions, budget *kit.Budget) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: metricNamespace, Name: name, Help: help})
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		opts := prometheus.GaugeOpts{Namespace: metricNamespace, Name: name, Help: help}
		return prometheus.NewGaugeFunc(opts, value)
	}
	latency := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: metricNamespace, Name: latencyName,
		Help:    "Time from the arrival of a request to its reply being ready.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9), // 100 µs to 6.5 s
	}, []string{"api"})
	m := &Metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: metricNamespace, Name: "connections", Help: "Open client connections.",
		}),
		bytesIn:           counter("connection_bytes_in_total", "Bytes of requests received."),
		bytesOut:          counter("connection_bytes_out_total", "Bytes of replies sent."),
		budgetWaits:       counter("request_memory_waits_total", "Requests that had to wait for memory."),
		budgetWaitSeconds: counter("request_memory_wait_seconds_total", "Time requests waited for memory."),
		unserved:          counter("requests_unserved_total", "Requests of an API or version that is not served."),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: metricNamespace, Name: "connections_ended_total", Help: "Ended connections by reason.",
		}, []string{"reason"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: metricNamespace, Name: "connections_refused_total", Help: "Refused connections by reason.",
		}, []string{"reason"}),
		seconds: observers(latency),
	}
	if registry != nil {
		registry.MustRegister(m.connections, m.bytesIn, m.bytesOut, m.budgetWaits, m.budgetWaitSeconds,
			m.unserved, m.ended, m.refused, latency,
			gauge("fetch_sessions", "Open fetch sessions.", func() float64 { return float64(sessions.Open()) }),
			gauge("fetch_session_partitions", "Partitions that fetch sessions remember.",
				func() float64 { return float64(sessions.Partitions()) }),
			gauge("request_memory_bytes", "Memory held by requests that are not answered.",
				func() float64 { return float64(budget.Used()) }))
	}
	return m
}

// observers looks every API up once, so that a request costs no map access.
func observers(latency *prometheus.HistogramVec) []prometheus.Observer {
	var all []prometheus.Observer
	for _, version := range protocol.Versions() {
		for len(all) <= int(version.Key) {
			all = append(all, nil)
		}
		name := kmsg.NameForKey(version.Key)
		if name == "" || name == "Unknown" {
			name = strconv.Itoa(int(version.Key))
		}
		all[version.Key] = latency.WithLabelValues(name)
	}
	return all
}

// Refused counts a socket that was closed before it became a connection.
func (m *Metrics) Refused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// answered counts a request whose reply is ready.
func (m *Metrics) answered(key int16, took time.Duration) {
	if key >= 0 && int(key) < len(m.seconds) && m.seconds[key] != nil {
		m.seconds[key].Observe(took.Seconds())
	}
}
