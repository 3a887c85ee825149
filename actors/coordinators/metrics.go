package coordinators

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Registered registers a collector and returns it, or the one of the same name that an earlier manager of
// this node has registered: it is built anew when it fails, and goes on counting where it was. A nil
// registerer keeps the collector to itself.
func Registered[C prometheus.Collector](registerer prometheus.Registerer, one C) C {
	if registerer == nil {
		return one
	}
	var taken prometheus.AlreadyRegisteredError
	switch err := registerer.Register(one); {
	case errors.As(err, &taken):
		return taken.ExistingCollector.(C)
	case err != nil:
		panic("BUG: metric of a coordinator: " + err.Error())
	}
	return one
}
