package coordinator

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// Metrics are the figures of all coordinators of a node. Names are part of what operators rely on. Nil
// keeps none.
type Metrics struct {
	decided *prometheus.CounterVec
	late    prometheus.Counter
	ids     *prometheus.GaugeVec
	ongoing *prometheus.GaugeVec
}

// NewMetrics returns the metrics of a node.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		opts := prometheus.GaugeOpts{Name: name, Help: help}
		return kit.Registered(registerer, prometheus.NewGaugeVec(opts, []string{"partition"}))
	}
	return &Metrics{
		decided: kit.Registered(registerer, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "chronik_transactions_total", Help: "Transactions that were decided here, by how.",
		}, []string{"outcome"})),
		late: kit.Registered(registerer, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "chronik_transactions_timed_out_total", Help: "Transactions aborted because they took too long.",
		})),
		ids: gauge("chronik_transactional_ids",
			"Transactional ids coordinated here, by partition of __transaction_state."),
		ongoing: gauge("chronik_transactions_ongoing",
			"Transactions that have begun and not ended in all their partitions, likewise."),
	}
}

// counts are what a core has to tell.
type counts struct {
	committed, aborted, late int // since they were taken
	ids, ongoing             int
}

// note takes over what a coordinator has done in a turn.
func (m *Metrics) note(partition int32, n counts) {
	if m == nil {
		return
	}
	m.decided.WithLabelValues("committed").Add(float64(n.committed))
	m.decided.WithLabelValues("aborted").Add(float64(n.aborted))
	m.late.Add(float64(n.late))
	label := strconv.Itoa(int(partition))
	m.ids.WithLabelValues(label).Set(float64(n.ids))
	m.ongoing.WithLabelValues(label).Set(float64(n.ongoing))
}

// forget takes out the figures of a coordinator that stops: another node has them from now on.
func (m *Metrics) forget(partition int32) {
	if m == nil {
		return
	}
	label := strconv.Itoa(int(partition))
	m.ids.DeleteLabelValues(label)
	m.ongoing.DeleteLabelValues(label)
}

// count notes what a record has changed that was written. before tells whether the transaction had begun.
func (c *core) count(w writing, before bool, code protocol.Code) {
	if code != protocol.None {
		return
	}
	t := c.transactions[w.id]
	if t == nil {
		return // it has expired, and was not ongoing
	}
	state := t.Record().State
	switch after := state.Open(); {
	case after && !before:
		c.counts.ongoing++
	case before && !after:
		c.counts.ongoing--
	}
	switch {
	case !state.Prepared():
	case w.late:
		c.counts.late++
		c.counts.aborted++
	case state == transaction.PrepareCommit:
		c.counts.committed++
	default:
		c.counts.aborted++
	}
}

// takeCounts returns what there is to tell.
func (c *core) takeCounts() counts {
	n := c.counts
	n.ids = len(c.transactions)
	c.counts = counts{ongoing: n.ongoing}
	return n
}
