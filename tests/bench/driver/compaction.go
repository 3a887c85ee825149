//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	stats "github.com/chronik-go/chronik/tests/bench"
)

const (
	compactedTopic = "compacted"
	// updatesPerKey is how often each key is written.
	updatesPerKey = 10
	// compactionLook is how often the cleaner's counters are read: a small part of a compaction.
	compactionLook = 5 * time.Millisecond
)

// compactions measures the cleaner without its throttle, on a log whose keys are all written ten times.
func compactions(ctx context.Context, b *bench) error {
	var rates, costs []float64
	for range b.sizes.compactions {
		rate, cost, err := b.compaction(ctx)
		if err != nil {
			return err
		}
		rates, costs = append(rates, rate), append(costs, cost)
	}
	b.report.atLeast("compaction", 0, "MiB/s", rates,
		"of bytes read and written, %d MiB log, each key %d times; %.1f ms of CPU per MiB", b.sizes.compactedMiB,
		updatesPerKey, stats.Median(costs))
	return nil
}

// compaction returns the MiB per second and the milliseconds of CPU per MiB of one compaction.
func (b *bench) compaction(ctx context.Context) (rate, cost float64, err error) {
	node, client, err := b.dirtyNode(ctx, b.sizes.compactedMiB, "CHRONIK_LOG_COMPACTION_RATE=1024GiB")
	if err != nil {
		return 0, 0, err
	}
	defer node.remove()
	defer client.Close()
	var elapsed time.Duration
	spentCPU, err := spent(node.pid(), func() error {
		if err := configure(ctx, client, "cleanup.policy", "compact"); err != nil {
			return err
		}
		elapsed, err = node.compacted(ctx)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	bytes, err := node.counter(ctx, "chronik_compaction_bytes_total")
	return bytes / mib / elapsed.Seconds(), spentCPU.Seconds() * 1e3 / (bytes / mib), err
}

// dirtyNode starts a node with a log of a size that has much to compact, as soon as its topic wants that.
func (b *bench) dirtyNode(ctx context.Context, logMiB int, settings ...string) (*node, *kgo.Client, error) {
	node, err := b.startNode(ctx, "", append(settings, "CHRONIK_LOG_COMPACTION_CHECK_INTERVAL=100ms",
		"CHRONIK_STORAGE_WAL_FILE_BYTES=8MiB", // what is behind the last checkpoint is not compacted
		"CHRONIK_STORAGE_CHECKPOINT_BYTES=16MiB")...)
	if err != nil {
		return nil, nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(node.addr), kgo.DefaultProduceTopic(compactedTopic),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err == nil {
		err = makeDirty(ctx, node, client, logMiB)
	}
	if err != nil {
		return nil, nil, errors.Join(err, node.remove())
	}
	return node, client, nil
}

func makeDirty(ctx context.Context, n *node, client *kgo.Client, logMiB int) error {
	if err := createTopic(ctx, n.addr, compactedTopic, 1); err != nil {
		return err
	}
	if err := configure(ctx, client, "segment.bytes", strconv.Itoa(16*mib)); err != nil {
		return err
	}
	if err := update(ctx, client, logMiB); err != nil {
		return err
	}
	return configure(ctx, client, "min.cleanable.dirty.ratio", "0.01")
}

// update writes records of a KiB whose keys come again and again.
func update(ctx context.Context, client *kgo.Client, size int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	value := make([]byte, streamRecord)
	keys := size * mib / streamRecord / updatesPerKey
	for i := range keys * updatesPerKey {
		r := &kgo.Record{Key: strconv.AppendInt(nil, int64(i%keys), 10), Value: value}
		client.Produce(ctx, r, func(_ *kgo.Record, err error) {
			if err != nil {
				cancel(err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// configure sets one config of the compacted topic.
func configure(ctx context.Context, client *kgo.Client, name, value string) error {
	r := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, compactedTopic
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value = name, &value
	resource.Configs = append(resource.Configs, config)
	r.Resources = append(r.Resources, resource)
	response, err := r.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(response.Resources[0].ErrorCode)
}

// compacted waits for the end of a compaction and returns how long it took: from the first bytes that it
// moved to the last look before its end was counted.
func (n *node) compacted(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(compactionLook)
	defer look.Stop()
	begun := time.Now()
	for {
		moved, err := n.counter(ctx, "chronik_compaction_bytes_total")
		if err != nil {
			return 0, err
		}
		if moved == 0 {
			begun = time.Now()
		}
		done, err := n.counter(ctx, "chronik_compactions_total")
		if err != nil || done > 0 {
			return time.Since(begun), err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("the log is not compacted: %w", ctx.Err())
		}
	}
}
