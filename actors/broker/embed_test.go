package broker

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/memnet"
	"github.com/chronik-go/chronik/protocol"
)

const patience = 30 * time.Second

// embedded starts a node without a port.
func embedded(t *testing.T, dir string, network *memnet.Network, host string, change func(*Options)) *Running {
	t.Helper()
	settings := config.Default()
	settings.DataDir = dir
	settings.Bind.Kafka, settings.Advertise.Kafka, settings.Bind.Metrics = host+":9092", host+":9092", "off"
	settings.Storage.ReserveBytes = 0
	if _, err := settings.Complete(); err != nil {
		t.Fatal(err)
	}
	options := Options{Config: settings, Log: zerolog.Nop(), Network: network}
	if change != nil {
		change(&options)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	running, err := Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	return running
}

func stopNode(t *testing.T, running *Running) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := running.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// askNode asks the root one question.
func askNode[T any](t *testing.T, running *Running, question func(kit.Address) any) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	got, err := kit.Ask[T](ctx, running.System(), running.Broker(), question)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func createTopic(t *testing.T, running *Running, name string) {
	t.Helper()
	request := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, 1
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), 10_000
	request.SetVersion(7)
	got := askNode[Responded](t, running, func(a kit.Address) any { return Request{Body: request, ReplyTo: a, Token: 9} })
	body, ok := got.Body.(*kmsg.CreateTopicsResponse)
	if got.Err != nil || got.Token != 9 || !ok || body.Topics[0].ErrorCode != 0 {
		t.Fatalf("got %+v, want the topic", got)
	}
}

func produceOne(t *testing.T, running *Running, topic, value string) Produced {
	t.Helper()
	return askNode[Produced](t, running, func(a kit.Address) any {
		record := Record{Key: []byte("k"), Value: []byte(value), Headers: []Header{{Key: "h", Value: []byte("v")}}}
		return Produce{Topic: topic, Records: []Record{record}, ReplyTo: a, Token: 3}
	})
}

func fetchFrom(t *testing.T, running *Running, fetch Fetch) Fetched {
	t.Helper()
	return askNode[Fetched](t, running, func(a kit.Address) any { fetch.ReplyTo = a; return fetch })
}

func TestRecordsWithoutASocket(t *testing.T) {
	node := embedded(t, t.TempDir(), memnet.New(), "here", nil)
	defer stopNode(t, node)
	createTopic(t, node, "orders")
	for i, value := range []string{"one", "two", "three"} {
		if got := produceOne(t, node, "orders", value); got.Err != nil || got.BaseOffset != int64(i) || got.Token != 3 {
			t.Fatalf("got %+v, want offset %d", got, i)
		}
	}
	got := fetchFrom(t, node, Fetch{Topic: "orders", Offset: 1, Token: 5})
	if got.Err != nil || got.Token != 5 || len(got.Records) != 2 || got.Next != 3 || got.HighWatermark != 3 {
		t.Fatalf("got %+v, want two records", got)
	}
	first := got.Records[0]
	if first.Offset != 1 || string(first.Value) != "two" || string(first.Key) != "k" || first.Headers[0].Key != "h" ||
		time.Since(first.Timestamp) > patience {
		t.Errorf("got %+v, want the record as it was produced", first)
	}
}

// TestWhatClientsAreRefusedIsRefusedHere: the checks of both ways are the same.
func TestWhatClientsAreRefusedIsRefusedHere(t *testing.T) {
	node := embedded(t, t.TempDir(), memnet.New(), "here", nil)
	defer stopNode(t, node)
	createTopic(t, node, "orders")
	if got := produceOne(t, node, "nothing", "x"); protocol.CodeOf(got.Err) != protocol.UnknownTopicOrPartition {
		t.Errorf("got %v for a topic that is not there", got.Err)
	}
	if got := produceOne(t, node, "orders", strings.Repeat("x", 2<<20)); protocol.CodeOf(got.Err) != protocol.MessageTooLarge {
		t.Errorf("got %v for a record that is too large", got.Err)
	}
	empty := askNode[Produced](t, node, func(a kit.Address) any { return Produce{Topic: "orders", ReplyTo: a} })
	if empty.Err == nil {
		t.Error("got no records taken, want them refused")
	}
	for fetch, want := range map[*Fetch]protocol.Code{
		{Topic: "nothing"}:              protocol.UnknownTopicOrPartition,
		{Topic: "orders", Offset: 7}:    protocol.OffsetOutOfRange,
		{Topic: "orders", Partition: 3}: protocol.UnknownTopicOrPartition,
	} {
		if got := fetchFrom(t, node, *fetch); protocol.CodeOf(got.Err) != want {
			t.Errorf("%+v: got %v, want %v", fetch, got.Err, want)
		}
	}
	produce := kmsg.NewPtrProduceRequest()
	produce.SetVersion(9)
	got := askNode[Responded](t, node, func(a kit.Address) any { return Request{Body: produce, ReplyTo: a} })
	if got.Err == nil {
		t.Error("got a raw produce request taken, want it refused")
	}
}

func TestWatchBringsRecordsAsTheyComeAndAsTheyAreTaken(t *testing.T) {
	node := embedded(t, t.TempDir(), memnet.New(), "here", nil)
	defer stopNode(t, node)
	createTopic(t, node, "orders")
	asker := kittest.NewProbe(node.System(), "asker")
	node.Broker().Tell(Watch{Topic: "orders", ReplyTo: asker.Address, Token: 4})
	produceOne(t, node, "orders", "one")
	first := kittest.Expect[Arrived](t, asker, patience)
	if first.Err != nil || first.Token != 4 || len(first.Records) != 1 || first.Next != 1 {
		t.Fatalf("got %+v, want one record", first)
	}
	produceOne(t, node, "orders", "two")
	produceOne(t, node, "orders", "three")
	asker.ExpectNone(t) // until it has dealt with the first
	node.Broker().Tell(Next{ReplyTo: asker.Address, Token: 4})
	second := kittest.Expect[Arrived](t, asker, patience)
	if second.Err != nil || len(second.Records) != 2 || second.Next != 3 {
		t.Fatalf("got %+v, want two records", second)
	}
	node.Broker().Tell(Unwatch{ReplyTo: asker.Address, Token: 4})
	node.Broker().Tell(Next{ReplyTo: asker.Address, Token: 4})
	produceOne(t, node, "orders", "four")
	asker.ExpectNone(t)
}

func TestSubscribersHearOfTheNodesLife(t *testing.T) {
	node := embedded(t, t.TempDir(), memnet.New(), "here", nil)
	host := kit.NewSystem(kit.SystemConfig{})
	defer host.Shutdown()
	probe := kittest.NewProbe(host, "probe")
	node.Broker().Tell(Subscribe{Who: probe.Address, Leaders: true})
	if ready := kittest.Expect[Ready](t, probe, patience); ready.Kafka.String() != "here:9092" {
		t.Errorf("got %+v", ready)
	}
	createTopic(t, node, "orders")
	for {
		led := kittest.Expect[LeaderChanged](t, probe, patience)
		if led.Topic != "orders" || led.Partition != 0 {
			t.Errorf("got %+v", led)
		}
		if led.Here {
			break
		}
	}
	stopNode(t, node)
	for {
		if stopped, is := kittest.Expect[any](t, probe, patience).(Stopped); is {
			if stopped.Err != nil {
				t.Errorf("got %v", stopped.Err)
			}
			break
		}
	}
	probe.ExpectNone(t)
}

// TestStoppedEmbeddedNodeLeavesNothingBehind: no goroutine, no open file, no address, no metric, and a
// directory that the next node can have; after an orderly stop and after one without notice.
func TestStoppedEmbeddedNodeLeavesNothingBehind(t *testing.T) {
	dir, network, host := t.TempDir(), memnet.New(), prometheus.NewRegistry()
	for _, orderly := range []bool{true, false} {
		ignore, files := goleak.IgnoreCurrent(), openFiles(t)
		node := embedded(t, dir, network, "here", func(o *Options) { o.Metrics = host })
		if !orderly {
			if n := produceOne(t, node, "orders", "one"); n.Err != nil {
				t.Errorf("got %v, want the topic of the life before", n.Err)
			}
		} else {
			createTopic(t, node, "orders")
		}
		client, err := kgo.NewClient(kgo.SeedBrokers("here:9092"), kgo.Dialer(network.DialContext),
			kgo.DefaultProduceTopic("orders"))
		if err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(context.Background(), kgo.StringRecord("two")).FirstErr(); err != nil {
			t.Error(err)
		}
		if !shown(t, host, "chronik_actors") {
			t.Error("the metrics of the node are not in the registry of the host")
		}
		client.Close()
		if orderly {
			stopNode(t, node)
		} else {
			node.abandon()
		}
		kittest.NoLeaks(t, ignore)
		if now := openFiles(t); now != files {
			t.Errorf("orderly %v: got %d open files, want %d as before", orderly, now, files)
		}
		if _, err := network.DialContext(t.Context(), "tcp", "here:9092"); err == nil {
			t.Error("got a connection to a node that has stopped")
		}
		if shown(t, host, "chronik_actors") {
			t.Error("the registry of the host shows the metrics of a node that has stopped")
		}
	}
}

func shown(t *testing.T, registry *prometheus.Registry, name string) bool {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return true
		}
	}
	return false
}

// openFiles counts the file descriptors of the process; 0 where there is no /proc.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// TestEmbeddedNodesAreSmall measures what each further node in a process costs. The README states it. Time is
// that of a bubble, so that rest is when nothing is left to do and not when some time is over.
func TestEmbeddedNodesAreSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const nodes, mostBytes, mostGoroutines = 4, 6 << 20, 12
		network := memnet.New()
		warm := embedded(t, t.TempDir(), network, "warm", nil)
		defer stopNode(t, warm)
		bytes, goroutines := footprint()
		for i := range nodes {
			defer stopNode(t, embedded(t, t.TempDir(), network, fmt.Sprint("here-", i), nil))
		}
		moreBytes, moreGoroutines := footprint()
		eachBytes, each := (moreBytes-bytes)/nodes, (moreGoroutines-goroutines)/nodes
		t.Logf("%d KiB and %d goroutines per embedded node", eachBytes>>10, each)
		if eachBytes > mostBytes || each > mostGoroutines {
			t.Errorf("got %d bytes and %d goroutines per node, want at most %d and %d", eachBytes, each, mostBytes,
				mostGoroutines)
		}
	})
}

// footprint returns the memory of heap and stacks at rest, in bytes, and the goroutines. Workers of actors
// end a few hundred milliseconds of the bubble after they have been of use.
func footprint() (bytes, goroutines int) {
	time.Sleep(time.Second) // of the bubble
	synctest.Wait()
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse), runtime.NumGoroutine()
}
