package broker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/memnet"
	"github.com/chronik-go/chronik/storage/vfs"
)

// patience bounds what the examples wait for.
const patience = 30 * time.Second

// quiet is an actor system of an application.
func quiet() *actor.ActorSystem {
	return actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }),
		actor.WithDeadLetterThrottleInterval(time.Nanosecond))
}

// memory returns the settings of a node that has no disk and no port.
func memory() config.Config {
	settings := config.Default()
	settings.DataDir = "data"
	settings.Bind.Kafka, settings.Advertise.Kafka = "broker-1:9092", "broker-1:9092"
	settings.Bind.Metrics = "off"
	settings.Storage.ReserveBytes, settings.Storage.WALFileBytes = 0, 4<<20
	return settings
}

// counter is an actor of an application: it produces three records, and counts what it consumes.
type counter struct {
	broker *actor.PID
	seen   int
	done   chan int
}

func (a *counter) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		c.Request(a.broker, broker.Subscribe{})
	case broker.Ready:
		create := kmsg.NewPtrCreateTopicsRequest()
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", 1, 1
		create.Topics, create.TimeoutMillis = append(create.Topics, topic), 5000
		create.SetVersion(7)
		c.Request(a.broker, broker.Request{Body: create})
	case broker.Responded:
		fmt.Println("created:", m.Err == nil)
		for _, value := range []string{"one", "two", "three"} {
			c.Request(a.broker, broker.Produce{
				Topic: "orders", Records: []broker.Record{{Value: []byte(value)}},
			})
		}
		c.Request(a.broker, broker.Watch{Topic: "orders"})
	case broker.Produced:
		if m.Err != nil {
			fmt.Println("not produced:", m.Err)
		}
	case broker.Arrived:
		for _, record := range m.Records {
			fmt.Printf("offset %d: %s\n", record.Offset, record.Value)
			a.seen++
		}
		if a.seen == 3 {
			a.done <- a.seen
			return
		}
		c.Request(a.broker, broker.Next{})
	}
}

// An actor of an application produces and consumes without a socket.
func Example() {
	system := quiet()
	defer system.Shutdown()
	props := broker.Props(memory(),
		broker.WithFileSystem(vfs.NewMem()), broker.WithNetwork(memnet.New()))
	pid, err := system.Root.SpawnNamed(props, "kafka")
	if err != nil {
		fmt.Println(err)
		return
	}
	done := make(chan int)
	system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return &counter{broker: pid, done: done} }))
	fmt.Println("seen:", <-done)
	stopped, err := system.Root.RequestFuture(pid, broker.Stop{Within: time.Second}, patience).Result()
	fmt.Println("stopped:", stopped, err)
	// Output:
	// created: true
	// offset 0: one
	// offset 1: two
	// offset 2: three
	// seen: 3
	// stopped: {<nil>} <nil>
}

// Three nodes form a cluster in one process, and a Kafka client talks to them; no port is opened.
func Example_cluster() {
	system, network := quiet(), memnet.New()
	defer system.Shutdown()
	var peers []config.Peer
	var seeds []string
	for id := int32(1); id <= 3; id++ {
		host := fmt.Sprintf("broker-%d", id)
		peers = append(peers, config.Peer{ID: id, Kafka: host + ":9092", Raft: host + ":5001"})
		seeds = append(seeds, host+":9092")
	}
	var nodes []*actor.PID
	for _, peer := range peers {
		settings := memory()
		settings.NodeID, settings.Peers = peer.ID, peers
		settings.Bind.Kafka, settings.Advertise.Kafka, settings.Bind.Raft = peer.Kafka, peer.Kafka, peer.Raft
		settings.ReplicationFactor, settings.MinInsyncReplicas = 0, 0 // as many nodes have it: 3 and 2
		settings.Limits.PeerSilence = 10 * time.Second                // the machine may be busy
		pid, err := system.Root.SpawnNamed(broker.Props(settings,
			broker.WithFileSystem(vfs.NewMem()), broker.WithNetwork(network)), fmt.Sprint("kafka-", peer.ID))
		if err != nil {
			fmt.Println(err)
			return
		}
		nodes = append(nodes, pid)
	}
	for _, pid := range nodes {
		ready, err := system.Root.RequestFuture(pid, broker.Await{}, patience).Result()
		if err != nil || ready.(broker.Ready).Err != nil {
			fmt.Println("not ready:", ready, err)
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.Dialer(network.DialContext),
		kgo.AllowAutoTopicCreation(), kgo.ConsumeTopics("orders"))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	record := &kgo.Record{Topic: "orders", Value: []byte("hello")}
	fmt.Println("acked by a majority:", client.ProduceSync(ctx, record).FirstErr() == nil)
	for read := false; !read && ctx.Err() == nil; {
		for _, record := range client.PollFetches(ctx).Records() { // none while the client finds its way
			fmt.Printf("read: %s\n", record.Value)
			read = true
		}
	}
	client.Close()
	for _, pid := range nodes {
		if _, err := system.Root.RequestFuture(pid, broker.Stop{Within: time.Second}, patience).Result(); err != nil {
			fmt.Println("not stopped:", err)
		}
	}
	// Output:
	// acked by a majority: true
	// read: hello
}

// A node stands beside the host's own actors, and the host's supervisor restarts it when it fails. What was
// acked is there afterwards.
func Example_supervised() {
	dir, err := os.MkdirTemp("", "chronik")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	settings, network := memory(), memnet.New()
	settings.DataDir = dir
	faults := new(kit.Faults)
	system := quiet()
	defer system.Shutdown()
	kafka := make(chan *actor.PID, 1)
	supervisor := system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if _, ok := c.Message().(*actor.Started); ok {
			props := broker.Props(settings, broker.WithNetwork(network), broker.WithFaults(faults))
			pid, err := c.SpawnNamed(props, "kafka")
			if err != nil {
				fmt.Println(err)
			}
			kafka <- pid
		}
	}, actor.WithSupervisor(actor.NewOneForOneStrategy(10, time.Minute, actor.DefaultDecider))))
	pid := <-kafka
	serve := func() {
		for end := time.Now().Add(patience); ; {
			ready, err := system.Root.RequestFuture(pid, broker.Await{}, patience).Result()
			if err != nil || !errors.Is(ready.(broker.Ready).Err, kit.ErrStopped) || time.Now().After(end) {
				fmt.Println("ready:", err == nil && ready.(broker.Ready).Err == nil)
				return
			}
		} // whoever asks a node that has just failed hears that it has stopped, and asks the next one
	}
	serve()
	client, err := kgo.NewClient(kgo.SeedBrokers("broker-1:9092"), kgo.Dialer(network.DialContext),
		kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("orders"))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	fmt.Println("acked:", client.ProduceSync(ctx, kgo.StringRecord("before")).FirstErr() == nil)
	if _, err := faults.Add(kit.Fault{Path: "**/kafka/broker", Message: "broker.Await"}); err != nil {
		fmt.Println(err)
	}
	system.Root.Send(pid, broker.Await{}) // the root of the tree panics at it
	fmt.Println("acked:", client.ProduceSync(ctx, kgo.StringRecord("after")).FirstErr() == nil)
	serve()
	client.Close()
	fetched, err := system.Root.RequestFuture(pid, broker.Fetch{Topic: "orders"}, patience).Result()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, record := range fetched.(broker.Fetched).Records {
		fmt.Printf("offset %d: %s\n", record.Offset, record.Value)
	}
	_ = system.Root.StopFuture(supervisor).Wait()
	// Output:
	// ready: true
	// acked: true
	// acked: true
	// ready: true
	// offset 0: before
	// offset 1: after
}
