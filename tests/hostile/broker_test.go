package hostile

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/tests/node"
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

// victim is a broker under attack.
type victim struct {
	t       *testing.T
	address string
	pid     int                       // of its process
	gauge   func(name string) float64 // a metric without labels
}

// startVictim starts a broker in this process.
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
	registry := prometheus.NewRegistry()
	running, err := broker.Start(ctx, broker.Options{
		Config: settings, Registry: registry, Log: zerolog.New(os.Stderr).Level(zerolog.ErrorLevel),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := running.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return &victim{
		t: t, address: running.Addr(), pid: os.Getpid(),
		gauge: func(name string) float64 { return gathered(t, registry, name) },
	}
}

func gathered(t *testing.T, registry *prometheus.Registry, name string) float64 {
	families, err := registry.Gather()
	if err != nil {
		t.Error(err)
	}
	for _, family := range families {
		if family.GetName() == name && len(family.GetMetric()) == 1 {
			return valueOf(family.GetMetric()[0])
		}
	}
	t.Errorf("no metric %s", name)
	return 0
}

func valueOf(m *dto.Metric) float64 {
	if m.GetGauge() != nil {
		return m.GetGauge().GetValue()
	}
	return m.GetCounter().GetValue()
}

// startServer starts the program as it is shipped, with as little memory for requests as startVictim's. Slow
// clients may go on for as long as they may by default.
func startServer(t *testing.T) *victim {
	t.Helper()
	address, err := node.FreeAddress()
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := node.Start(ctx, node.Options{Binary: server, Data: t.TempDir(), Address: address, Env: []string{
		"CHRONIK_STORAGE_RESERVE_BYTES=0",
		fmt.Sprint("CHRONIK_LIMITS_REQUEST_MEMORY=", requestMemory),
		fmt.Sprint("CHRONIK_LIMITS_CONNECTION_MEMORY=", connectionMemory),
		fmt.Sprint("CHRONIK_LIMITS_REQUEST_BYTES=", requestBytes),
		fmt.Sprint("CHRONIK_LIMITS_FETCH_BYTES=", fetchBytes),
	}})
	must(t, err)
	t.Cleanup(func() {
		if err := p.Stop(patience); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return &victim{
		t: t, address: address, pid: p.PID(), gauge: func(name string) float64 { return scraped(t, p.HTTP, name) },
	}
}

// scraped reads a metric from the server's page.
func scraped(t *testing.T, address, name string) float64 {
	t.Helper()
	response, err := http.Get("http://" + address + "/metrics")
	must(t, err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if text, found := strings.CutPrefix(lines.Text(), name+" "); found {
			value, err := strconv.ParseFloat(text, 64)
			must(t, err)
			return value
		}
	}
	t.Errorf("no metric %s", name)
	return 0
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
