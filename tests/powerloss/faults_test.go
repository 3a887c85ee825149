package powerloss

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

const (
	faultTopic = "faults"
	patience   = 30 * time.Second
)

// startBroker runs a whole broker with sockets on a file system in memory.
func startBroker(t *testing.T, fs vfs.FS) *broker.Running {
	t.Helper()
	settings := config.Default()
	settings.DataDir = dataDir
	settings.Bind.Kafka, settings.Advertise.Kafka, settings.Bind.Metrics = "127.0.0.1:0", "127.0.0.1:0", ""
	settings.Storage.ReserveBytes, settings.Storage.WALFileBytes = 0, 1<<20
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	running, err := broker.Start(ctx, broker.Options{Config: settings, Log: zerolog.Nop(), FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	return running
}

func stopBroker(running *broker.Running) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return running.Stop(ctx)
}

func connect(t *testing.T, running *broker.Running) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(running.Addr()), kgo.AllowAutoTopicCreation(),
		kgo.ProducerLinger(0),
		kgo.DefaultProduceTopic(faultTopic), kgo.DisableIdempotentWrite(), kgo.RecordDeliveryTimeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// fetchAt returns the batch at an offset, or the error of the broker.
func fetchAt(client *kgo.Client, offset int64) (batch.Batch, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	metadata := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = new(faultTopic)
	metadata.Topics = append(metadata.Topics, topic)
	known, err := metadata.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	r := kmsg.NewPtrFetchRequest()
	r.MaxBytes, r.SessionEpoch, r.MinBytes = 1<<20, -1, 1
	p := kmsg.NewFetchRequestTopicPartition()
	p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = offset, 1, -1
	one := kmsg.NewFetchRequestTopic()
	one.Topic, one.TopicID, one.Partitions = faultTopic, known.Topics[0].TopicID, append(one.Partitions, p)
	r.Topics = append(r.Topics, one)
	response, err := r.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	got := response.Topics[0].Partitions[0]
	return batch.Batch(got.RecordBatches), kerr.ErrorForCode(got.ErrorCode)
}

// fetchLed is fetchAt once the partition has its leader: one whose log is damaged gets there by a rebuild.
func fetchLed(client *kgo.Client, offset int64) (batch.Batch, error) {
	for end := time.Now().Add(patience); ; {
		b, err := fetchAt(client, offset)
		if !errors.Is(err, kerr.NotLeaderForPartition) || time.Now().After(end) {
			return b, err
		}
	}
}

// whileItRuns returns a context that ends with a node, after which nobody answers any more, and why the node ended.
func whileItRuns(t *testing.T, running *broker.Running) (context.Context, <-chan error) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	reason := make(chan error, 1)
	go func() {
		reason <- <-running.Done()
		cancel()
	}()
	return ctx, reason
}

// TestFailingSyncStopsTheNode: nothing is acked that was not synced, and the node says why it stops.
func TestFailingSyncStopsTheNode(t *testing.T) {
	disk := vfs.NewMem()
	var failing atomic.Bool
	running := startBroker(t, vfs.NewFaulty(disk, func(op vfs.Op) error {
		if failing.Load() && op.Kind == vfs.OpSync && strings.Contains(op.Name, "/wal/") {
			return vfs.ErrInjected
		}
		return nil
	}))
	ctx, reason := whileItRuns(t, running)
	client := connect(t, running)
	acked := 0
	for n := range 100 {
		if n == 50 {
			failing.Store(true)
		}
		if client.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(n))).FirstErr() != nil {
			break
		}
		acked++
	}
	client.Close()
	if acked != 50 {
		t.Errorf("%d records were acked, 50 of them before syncs failed", acked)
	}
	select {
	case err := <-reason:
		if !errors.Is(err, vfs.ErrInjected) || !strings.Contains(err.Error(), "write-ahead log") {
			t.Errorf("got %v for a reason", err)
		}
	case <-time.After(patience):
		t.Fatal("the node goes on after a failed sync")
	}
	_ = stopBroker(running) // it says that the node had failed
	again := startBroker(t, disk.DurableClone())
	reader := connect(t, again)
	for n := range acked {
		if _, err := fetchLed(reader, int64(n)); err != nil {
			t.Errorf("record %d was acked: %v", n, err)
		}
	}
	reader.Close()
	if err := stopBroker(again); err != nil {
		t.Error(err)
	}
}

// incompressible returns bytes that a client sends as they are.
func incompressible(size int) []byte {
	value := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(value) // never fails
	return value
}

// TestFailingSyncOfASegmentStopsTheNode: what is large is synced where it stands, and that counts as much.
func TestFailingSyncOfASegmentStopsTheNode(t *testing.T) {
	disk := vfs.NewMem()
	var failing atomic.Bool
	running := startBroker(t, vfs.NewFaulty(disk, func(op vfs.Op) error {
		segment := faultTopic + "-0/00000000000000000000.log"
		if failing.Load() && op.Kind == vfs.OpSync && strings.HasSuffix(op.Name, segment) {
			return vfs.ErrInjected
		}
		return nil
	}))
	ctx, reason := whileItRuns(t, running)
	client := connect(t, running)
	acked := 0
	for n := range 40 {
		if n == 20 {
			failing.Store(true)
		}
		record := &kgo.Record{Value: incompressible(300_000)}
		if client.ProduceSync(ctx, record).FirstErr() != nil {
			break
		}
		acked++
	}
	client.Close()
	if acked != 20 {
		t.Errorf("%d records were acked, 20 of them before syncs failed", acked)
	}
	select {
	case err := <-reason:
		if !errors.Is(err, vfs.ErrInjected) {
			t.Errorf("got %v for a reason", err)
		}
	case <-time.After(patience):
		t.Fatal("the node goes on after a failed sync")
	}
	_ = stopBroker(running) // it says that the node had failed
	again := startBroker(t, disk.DurableClone())
	reader := connect(t, again)
	for n := range acked {
		if b, err := fetchLed(reader, int64(n)); err != nil || len(b) < 300_000 {
			t.Errorf("record %d was acked: %d bytes, %v", n, len(b), err)
		}
	}
	reader.Close()
	if err := stopBroker(again); err != nil {
		t.Error(err)
	}
}

// TestFlippedBitIsNeverServed flips one bit of a segment while the node is down. What is served afterwards is
// what was written; the damaged batch is KAFKA_STORAGE_ERROR.
func TestFlippedBitIsNeverServed(t *testing.T) {
	const count = 40
	disk := vfs.NewMem()
	running := startBroker(t, disk)
	client := connect(t, running)
	var written []string
	for n := range count {
		if err := client.ProduceSync(t.Context(), kgo.StringRecord(strings.Repeat(fmt.Sprint(n), 20))).FirstErr(); err != nil {
			t.Fatal(err)
		}
		b, err := fetchAt(client, int64(n))
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, string(b))
	}
	client.Close()
	if err := stopBroker(running); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(*firstSeed, 7))
	for range 10 {
		damaged := disk.CrashClone(random)
		name := path.Join(dataDir, "topics", faultTopic+"-0", "00000000000000000000.log")
		info, err := damaged.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		at, bit := random.Int64N(info.Size), uint(random.IntN(8))
		if err := damaged.FlipBit(name, at, bit); err != nil {
			t.Fatal(err)
		}
		expectDamage(t, damaged, written, fmt.Sprintf("byte %d bit %d", at, bit))
	}
}

func expectDamage(t *testing.T, disk *vfs.Mem, written []string, where string) {
	t.Helper()
	running := startBroker(t, disk)
	client := connect(t, running)
	refused := 0
	for n := range written {
		b, err := fetchLed(client, int64(n))
		switch {
		case errors.Is(err, kerr.KafkaStorageError):
			refused++
		case err != nil:
			t.Errorf("%s: offset %d: %v", where, n, err)
		case string(b) != written[n]:
			t.Errorf("%s: damaged bytes were served at offset %d", where, n)
		}
	}
	if refused == 0 {
		t.Errorf("%s: nobody noticed", where)
	}
	client.Close()
	_ = stopBroker(running) // a damaged partition may not be checkpointed
}
