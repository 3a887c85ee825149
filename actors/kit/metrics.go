package kit

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	failures    *prometheus.CounterVec
	deadLetters prometheus.Counter
	refused     prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "chronik_actor_failures_total", Help: "Actors that panicked, by kind."}, []string{"kind"}),
		deadLetters: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "chronik_dead_letters_total", Help: "Messages to actors that were gone."}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "chronik_refused_messages_total", Help: "Requests answered in place of an actor that was gone."}),
	}
	if registerer != nil {
		registerer.MustRegister(m.failures, m.deadLetters, m.refused)
	}
	return m
}

// kindOf returns the kind of an actor from its path.
func kindOf(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	kind, _, _ := strings.Cut(name, "-")
	return kind
}
