package link

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

func description(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("chronik_link_"+name, help, []string{"peer"}, nil)
}

var (
	describeUp       = description("up", "1 if the link to the peer is up.")
	describeQueue    = description("queue_bytes", "Bytes that wait to be sent to the peer.")
	describeRTT      = description("rtt_seconds", "Round trip of pings to the peer, smoothed.")
	describeDrops    = description("drops_total", "Messages to the peer that were dropped.")
	describeConnects = description("connects_total", "How often the link to the peer came up.")
	describeSent     = description("sent_bytes_total", "Bytes sent to the peer.")
	describeReceived = description("received_bytes_total", "Bytes received in answer from the peer.")
)

// collector shows the states of links to Prometheus. It reads them when it is asked, so that sending counts
// nothing twice.
type collector struct{ peers *Peers }

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		describeUp, describeQueue, describeRTT, describeDrops, describeConnects, describeSent, describeReceived,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.peers.States() {
		node, up := strconv.Itoa(int(s.Node)), 0.0
		if s.Phase == Linked {
			up = 1
		}
		gauge := func(d *prometheus.Desc, v float64) {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, node)
		}
		counter := func(d *prometheus.Desc, v uint64) {
			out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), node)
		}
		gauge(describeUp, up)
		gauge(describeQueue, float64(s.QueueBytes))
		gauge(describeRTT, s.RTT.Seconds())
		counter(describeDrops, s.Drops)
		counter(describeConnects, s.Connects)
		counter(describeSent, s.BytesSent)
		counter(describeReceived, s.BytesReceived)
	}
}
