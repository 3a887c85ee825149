package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// What the driver reads; the names are those of tests/bench.
type (
	moved struct {
		Records int64   `json:"records"`
		Bytes   int64   `json:"bytes"`
		Seconds float64 `json:"seconds"`
	}
	answered struct {
		Requests int     `json:"requests"`
		Seconds  float64 `json:"seconds"`
		P50      float64 `json:"p50_us"`
		P99      float64 `json:"p99_us"`
	}
	latency struct {
		P50  float64 `json:"p50_us"`
		P99  float64 `json:"p99_us"`
		P999 float64 `json:"p999_us"`
		Max  float64 `json:"max_us"`
	}
	paced struct {
		Sent    int     `json:"sent"`
		Lost    int     `json:"lost"`
		Failed  int     `json:"failed"`
		Seconds float64 `json:"seconds"`
		Latency latency `json:"latency"`
	}
	acked struct {
		UnixNano int64 `json:"unix_nano"`
	}
)

const (
	// floodPending bounds the publishes under way. Sixteen MiB of 1 KiB: more made the server refuse some.
	floodPending = 16 << 10
	patience     = 2 * time.Minute
	smallRecord  = 100
	paceLead     = 2 * time.Second
	paceGrace    = 20 * time.Second
	paceStep     = time.Millisecond
)

func randomValue(size int) []byte {
	random := rand.New(rand.NewPCG(1, uint64(size)))
	value := make([]byte, size)
	for i := range value {
		value[i] = byte(random.Uint32())
	}
	return value
}

// flood publishes as fast as the server takes it and waits for all acknowledgements.
func flood(t task) (any, error) {
	conn, js, err := t.connect(floodPending)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	value := randomValue(t.record)
	var sent int64
	begun := time.Now()
	for ; time.Since(begun) < t.duration; sent++ {
		if _, err := js.PublishAsync(t.topic, value, nats.StallWait(patience)); err != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(patience):
		return nil, errors.New("publish: not all was acknowledged")
	}
	took := time.Since(begun)
	info, err := js.StreamInfo(t.topic)
	if err != nil {
		return nil, err
	}
	if stored := int64(info.State.Msgs); stored != sent {
		return nil, fmt.Errorf("publish: %d of %d records were stored", stored, sent)
	}
	return moved{Records: sent, Bytes: sent * int64(t.record), Seconds: took.Seconds()}, nil
}

// small publishes one record after the other.
func small(t task) (any, error) {
	conn, js, err := t.connect(1)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	value := make([]byte, smallRecord)
	var took []time.Duration
	begun := time.Now()
	last := begun
	for last.Sub(begun) < t.duration {
		if _, err := js.Publish(t.topic, value); err != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
		now := time.Now()
		took = append(took, now.Sub(last))
		last = now
	}
	slices.Sort(took)
	return answered{
		Requests: len(took), Seconds: last.Sub(begun).Seconds(), P50: at(took, 0.5), P99: at(took, 0.99),
	}, nil
}

// at returns a percentile in microseconds.
func at(sorted []time.Duration, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(share*float64(len(sorted)-1))].Nanoseconds()) / 1e3
}

// pace publishes at fixed times and receives by an ordered consumer in the same process.
func pace(t task) (any, error) {
	conn, js, err := t.connect(1 << 20)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	total := int(t.rate * (t.duration + paceLead).Seconds())
	took := make([]time.Duration, 0, total)
	var received atomic.Int64
	all := make(chan struct{})
	begun := time.Now()
	subscription, err := js.Subscribe(t.topic, func(m *nats.Msg) {
		if due := time.Duration(binary.BigEndian.Uint64(m.Data)); due >= paceLead {
			took = append(took, time.Since(begun)-due)
		}
		if received.Add(1) == int64(total) {
			close(all)
		}
	}, nats.OrderedConsumer())
	if err != nil {
		return nil, err
	}
	begun = time.Now()
	if err := t.send(js, begun, total); err != nil {
		return nil, err
	}
	select {
	case <-all:
	case <-time.After(paceGrace):
		return nil, fmt.Errorf("receive: %d of %d records came", received.Load(), total)
	}
	if err := subscription.Unsubscribe(); err != nil {
		return nil, err
	}
	slices.Sort(took)
	return paced{
		Sent: total, Seconds: t.duration.Seconds(),
		Latency: latency{P50: at(took, 0.5), P99: at(took, 0.99), P999: at(took, 0.999), Max: at(took, 1)},
	}, nil
}

// send writes into each record when it was due.
func (t task) send(js nats.JetStreamContext, begun time.Time, total int) error {
	random := randomValue(t.record)
	interval := float64(time.Second) / t.rate
	for i := 0; i < total; {
		now := time.Since(begun)
		due := time.Duration(float64(i) * interval)
		if due > now {
			time.Sleep(min(due-now, paceStep))
			continue
		}
		value := slices.Clone(random)
		binary.BigEndian.PutUint64(value, uint64(due))
		if _, err := js.PublishAsync(t.topic, value, nats.StallWait(patience)); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		i++
	}
	return nil
}

// first tries until a stream was made and a record in it acknowledged, and says when that was.
func first(t task) (any, error) {
	begun := time.Now()
	if err := say(acked{begun.UnixNano()}); err != nil {
		return nil, err
	}
	t.replicas = 1
	var last error
	for ; time.Since(begun) < patience; time.Sleep(paceStep) {
		if _, last = create(t); last == nil {
			break
		}
	}
	conn, js, err := t.connect(1)
	if err != nil {
		return nil, errors.Join(err, last)
	}
	defer conn.Close()
	if _, err := js.Publish(t.topic, make([]byte, smallRecord)); err != nil {
		return nil, err
	}
	return acked{time.Now().UnixNano()}, nil
}
