package consumers

import (
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// gathered returns the figures of a registry by name and values of labels.
func gathered(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		for _, one := range family.GetMetric() {
			var labels []string
			for _, label := range one.GetLabel() {
				labels = append(labels, label.GetValue())
			}
			name := fmt.Sprintf("%s{%s}", family.GetName(), strings.Join(labels, ","))
			found[name] = one.GetGauge().GetValue() + one.GetCounter().GetValue()
		}
	}
	return found
}

// TestGroupsAreCountedByWhatTheyPublish lets groups come, change and go. A manager that is built anew
// counts on.
func TestGroupsAreCountedByWhatTheyPublish(t *testing.T) {
	registry := prometheus.NewRegistry()
	NewMetrics(registry).rebalanced("consumer")
	m := NewMetrics(registry)
	var one, two, silent atomic.Pointer[Summary]
	one.Store(&Summary{Group: "a", Type: "classic", State: "Stable", Members: 2})
	two.Store(&Summary{Group: "b", Type: "consumer", State: "Empty"})
	m.Came(&one)
	m.Came(&two)
	m.Came(&silent)
	two.Store(&Summary{Group: "b", Type: "consumer", State: "Stable", Members: 3})
	m.rebalanced("consumer")
	want := map[string]float64{
		"chronik_groups{classic,Stable}": 1, "chronik_groups{consumer,Stable}": 1,
		"chronik_group_members{classic}": 2, "chronik_group_members{consumer}": 3,
		"chronik_group_rebalances_total{consumer}": 2,
	}
	if got := gathered(t, registry); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	m.Went(&one)
	m.Went(&silent)
	delete(want, "chronik_groups{classic,Stable}")
	want["chronik_group_members{classic}"] = 0
	if got := gathered(t, registry); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
