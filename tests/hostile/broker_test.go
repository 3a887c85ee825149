package hostile

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/config"
)

// Limits of the broker under attack. They are small, so that an attack that could exhaust them does.
const (
	requestMemory    = 48 << 20
	connectionMemory = 8 << 20
	requestBytes     = 8 << 20
	fetchBytes       = 4 << 20
	stallTime        = 3 * time.Second
)

// patience bounds every wait for something that has to happen.
const patience = 30 * time.Second

// victim is a broker in this process.
type victim struct {
	t        *testing.T
	running  *broker.Running
	registry *prometheus.Registry
}

func startVictim(t *testing.T) *victim {
	t.Helper()
	settings := config.Default()
	settings.DataDir = t.TempDir()
	settings.Bind.Kafka, settings.Advertise.Kafka, settings.Bind.Metrics = "127.0.0.1:0", "127.0.0.1:0", ""
	settings.Storage.ReserveBytes = 0
	settings.Storage.WALFileBytes = 8 << 20
	settings.Limits.RequestMemory, settings.Limits.ConnectionMemory = requestMemory, connectionMemory
	settings.Limits.RequestBytes, settings.Limits.FetchBytes = requestBytes, fetchBytes
	settings.Limits.StallTime = stallTime
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	v := &victim{t: t, registry: prometheus.NewRegistry()}
	running, err := broker.Start(ctx, broker.Options{
		Config: settings, Registry: v.registry, Log: zerolog.New(os.Stderr).Level(zerolog.ErrorLevel),
	})
	if err != nil {
		t.Fatal(err)
	}
	v.running = running
	t.Cleanup(v.stop)
	return v
}

func (v *victim) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := v.running.Stop(ctx); err != nil {
		v.t.Errorf("stop: %v", err)
	}
}

// gauge reads a metric without labels.
func (v *victim) gauge(name string) float64 {
	families, err := v.registry.Gather()
	if err != nil {
		v.t.Error(err)
	}
	for _, family := range families {
		if family.GetName() == name && len(family.GetMetric()) == 1 {
			return valueOf(family.GetMetric()[0])
		}
	}
	v.t.Errorf("no metric %s", name)
	return 0
}

func valueOf(m *dto.Metric) float64 {
	if m.GetGauge() != nil {
		return m.GetGauge().GetValue()
	}
	return m.GetCounter().GetValue()
}

func (v *victim) connections() int { return int(v.gauge("chronik_connections")) }

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !condition() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("waited %v for: %s", patience, what)
		}
	}
}

// quiet waits until only so many connections are left and no request holds memory.
func (v *victim) quiet(connections int) {
	v.t.Helper()
	eventually(v.t, "connections to go away", func() bool { return v.connections() <= connections })
	eventually(v.t, "memory of requests to be free", func() bool { return v.gauge("chronik_request_memory_bytes") == 0 })
}
