package broker

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// exported shows the registry of a node in that of its host. What it describes is fixed when it is made,
// since a registry finds a collector again by that when it is to be taken out.
type exported struct {
	registry *prometheus.Registry
	descs    map[*prometheus.Desc]struct{}
}

// export shows the node's metrics in the host's registry and returns how to end that.
func export(registry *prometheus.Registry, host prometheus.Registerer, node int32) (end func(), err error) {
	one := &exported{registry: registry, descs: make(map[*prometheus.Desc]struct{})}
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		registry.Describe(descs)
	}()
	for desc := range descs {
		one.descs[desc] = struct{}{}
	}
	labelled := prometheus.WrapRegistererWith(prometheus.Labels{"node_id": strconv.Itoa(int(node))}, host)
	if err := labelled.Register(one); err != nil {
		return nil, err
	}
	return func() { labelled.Unregister(one) }, nil
}

// Describe implements prometheus.Collector.
func (e *exported) Describe(to chan<- *prometheus.Desc) {
	for desc := range e.descs {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (e *exported) Collect(to chan<- prometheus.Metric) {
	metrics := make(chan prometheus.Metric)
	go func() {
		defer close(metrics)
		e.registry.Collect(metrics)
	}()
	for one := range metrics {
		if _, described := e.descs[one.Desc()]; described {
			to <- one
		}
	}
}
