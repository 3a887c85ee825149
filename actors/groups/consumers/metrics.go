package consumers

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/chronik-go/chronik/actors/kit"
)

// Metrics are the figures of all groups that this node coordinates. Names are part of what operators rely
// on. Nil keeps none. Groups and members are counted when somebody asks, from what the groups publish.
type Metrics struct {
	rebalances *prometheus.CounterVec
	groups     *census
}

// NewMetrics returns the metrics of a node.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	return &Metrics{
		rebalances: kit.Registered(registerer, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "chronik_group_rebalances_total",
			Help: "Generations and epochs that groups here began, by protocol.",
		}, []string{"protocol"})),
		groups: kit.Registered(registerer, &census{
			groups: prometheus.NewDesc("chronik_groups", "Groups coordinated here, by protocol and state.",
				[]string{"protocol", "state"}, nil),
			members: prometheus.NewDesc("chronik_group_members",
				"Members of the groups coordinated here, by protocol.", []string{"protocol"}, nil),
		}),
	}
}

func (m *Metrics) rebalanced(protocol string) {
	if m != nil {
		m.rebalances.WithLabelValues(protocol).Inc()
	}
}

// Came has a group counted by what it publishes.
func (m *Metrics) Came(listing *atomic.Pointer[Summary]) {
	if m != nil {
		m.groups.listings.Store(listing, struct{}{})
	}
}

// Went has it not counted any more.
func (m *Metrics) Went(listing *atomic.Pointer[Summary]) {
	if m != nil {
		m.groups.listings.Delete(listing)
	}
}

// census counts groups and members. Whoever collects it does so beside the actors that come and go.
type census struct {
	listings        sync.Map // of *atomic.Pointer[Summary]
	groups, members *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (s *census) Describe(to chan<- *prometheus.Desc) {
	to <- s.groups
	to <- s.members
}

// Collect implements prometheus.Collector.
func (s *census) Collect(to chan<- prometheus.Metric) {
	type kind struct{ protocol, state string }
	groups, members := map[kind]int{}, map[string]int{"classic": 0, "consumer": 0}
	s.listings.Range(func(listing, _ any) bool {
		if one := listing.(*atomic.Pointer[Summary]).Load(); one != nil {
			groups[kind{one.Type, one.State}]++
			members[one.Type] += one.Members
		}
		return true
	})
	for k, count := range groups {
		to <- prometheus.MustNewConstMetric(s.groups, prometheus.GaugeValue, float64(count), k.protocol, k.state)
	}
	for protocol, count := range members {
		to <- prometheus.MustNewConstMetric(s.members, prometheus.GaugeValue, float64(count), protocol)
	}
}
