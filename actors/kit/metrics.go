package kit

import (
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts by kind of actor, never by actor: kinds are few and fixed in the code.
type metrics struct {
	live        *prometheus.GaugeVec
	failures    *prometheus.CounterVec
	refused     *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
	slow        *prometheus.CounterVec

	mu    sync.RWMutex
	kinds map[string]*kind
}

// kind holds the counters of one kind, looked up once per actor.
type kind struct {
	live        prometheus.Gauge
	failures    prometheus.Counter
	refused     prometheus.Counter
	deadLetters prometheus.Counter
	slow        prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"kind"})
	}
	m := &metrics{
		live: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "chronik_actors", Help: "Actors that are alive, by kind."}, []string{"kind"}),
		failures: counter("chronik_actor_failures_total", "Actors that panicked, by kind."),
		refused: counter("chronik_actor_refused_total",
			"Requests that kit answered in place of an actor that was gone, by kind."),
		deadLetters: counter("chronik_actor_dead_letters_total",
			"Messages to actors that were gone, by kind; requests are counted as refused."),
		slow: counter("chronik_actor_slow_total",
			"Messages that an actor held for longer than it should, by kind."),
		kinds: make(map[string]*kind),
	}
	m.live = Registered(registerer, m.live)
	m.failures = Registered(registerer, m.failures)
	m.refused = Registered(registerer, m.refused)
	m.deadLetters = Registered(registerer, m.deadLetters)
	m.slow = Registered(registerer, m.slow)
	return m
}

// Registered registers a collector and returns it, or the one of the same name that is there already, which
// goes on counting where it was: several systems may share a registry, and parts of a node are built anew
// when they fail. A nil registerer keeps the collector to itself.
func Registered[C prometheus.Collector](registerer prometheus.Registerer, collector C) C {
	if registerer == nil {
		return collector
	}
	err := registerer.Register(collector)
	var taken prometheus.AlreadyRegisteredError
	switch {
	case err == nil:
		return collector
	case errors.As(err, &taken):
		if existing, ok := taken.ExistingCollector.(C); ok {
			return existing
		}
	}
	panic(fmt.Sprintf("BUG: got %v, want a registry without other metrics of these names", err))
}

// kind returns the counters for an actor of this name.
func (m *metrics) kind(name string) *kind {
	name = kindOf(name)
	m.mu.RLock()
	k := m.kinds[name]
	m.mu.RUnlock()
	if k != nil {
		return k
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if k = m.kinds[name]; k == nil {
		k = &kind{
			live:        m.live.WithLabelValues(name),
			failures:    m.failures.WithLabelValues(name),
			refused:     m.refused.WithLabelValues(name),
			deadLetters: m.deadLetters.WithLabelValues(name),
			slow:        m.slow.WithLabelValues(name),
		}
		m.kinds[name] = k
	}
	return k
}
