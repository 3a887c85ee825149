package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/kit"
)

const (
	orders     = "orders"
	payments   = "payments" // written in transactions
	partitions = 3
	// recordsPerTransaction is how many records each transaction has.
	recordsPerTransaction = 3
	// deadline is when every request is answered, or its connection closed. The node's own is a third of it;
	// the rest is for a machine that has other things to do.
	deadline = 30 * time.Second
	// pace is the pause between two steps of one client: the load is there to be hit, not to fill the machine.
	pace = 4 * time.Millisecond
)

// load is what the clients do.
type load struct {
	world  *world
	ledger *ledger
	errors atomic.Int64 // that clients saw: answers with an error, connections that closed
	ctx    context.Context
	end    context.CancelFunc
	all    sync.WaitGroup

	mu   sync.Mutex
	slow map[string]time.Duration // by what a client does: the longest that it took, retries included
}

func (w *world) load() *load {
	l := &load{world: w, ledger: newLedger(), slow: map[string]time.Duration{}}
	l.ctx, l.end = context.WithCancel(context.Background())
	l.create()
	for p := range int32(partitions) {
		l.all.Go(func() { l.produce(fmt.Sprintf("steady-%d", p), p) })
		l.all.Go(func() { l.probe(fmt.Sprintf("probe-%d", p), p) })
		l.all.Go(func() { l.consume(p) })
	}
	for _, n := range w.nodes {
		l.all.Go(func() { l.embed(n) })
		l.all.Go(func() { l.look(n) })
	}
	l.all.Go(l.group)
	l.all.Go(l.commit)
	l.all.Go(l.change)
	l.all.Go(l.administer)
	l.all.Go(l.transact)
	return l
}

func (l *load) stop() {
	l.end()
	l.all.Wait()
}

// running waits a little and tells whether to go on.
func (l *load) running(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}

func (l *load) create() {
	client := l.world.client()
	defer client.Close()
	ctx, cancel := context.WithTimeout(l.ctx, patience)
	defer cancel()
	for _, name := range []string{orders, payments} {
		if err := createTopic(ctx, client, name, "delete"); err != nil {
			l.world.t.Fatalf("create %s: %v", name, err)
		}
	}
	if err := createTopic(ctx, client, "table", "compact"); err != nil {
		l.world.t.Fatalf("create table: %v", err)
	}
}

func createTopic(ctx context.Context, client *kgo.Client, name, policy string) error {
	return createTopicOf(ctx, client, name, partitions, policy)
}

func createTopicOf(ctx context.Context, client *kgo.Client, name string, partitions int32, policy string) error {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, -1
	config := kmsg.NewCreateTopicsRequestTopicConfig()
	config.Name, config.Value = "cleanup.policy", kmsg.StringPtr(policy)
	topic.Configs = append(topic.Configs, config)
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), 10_000
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(response.Topics[0].ErrorCode)
}

// took notes how long something took that began then.
func (l *load) took(what string, begun time.Time) {
	if l.ctx.Err() != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slow[what] = max(l.slow[what], time.Since(begun))
}

func (l *load) slowest() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for what, took := range l.slow {
		all = append(all, fmt.Sprintf("%s %v", what, took.Round(time.Millisecond)))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// produce is an idempotent producer: what it was acked is there once, and there is no crash that makes it
// give up.
func (l *load) produce(name string, partition int32) {
	client := l.world.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.StopProducerOnDataLossDetected())
	defer client.Close()
	for l.running(pace) {
		value := l.ledger.next(name)
		record := &kgo.Record{Topic: orders, Partition: partition, Value: []byte(value)}
		begun := time.Now()
		err := client.ProduceSync(l.ctx, record).FirstErr()
		l.took("idempotent produce", begun)
		switch {
		case err == nil:
			l.ledger.ack(value, record.Partition, record.Offset)
		case l.ctx.Err() != nil:
			return
		default:
			l.ledger.violation("the idempotent producer %s had to give up: %v", name, err)
			return
		}
	}
}

// probe sends one record at a time and never again, and counts what goes wrong. Everything is answered in
// time.
func (l *load) probe(name string, partition int32) {
	client := l.world.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite(),
		kgo.RecordRetries(0), kgo.ProduceRequestTimeout(5*time.Second), kgo.MaxProduceRequestsInflightPerBroker(1))
	defer client.Close()
	for l.running(pace) {
		value := l.ledger.next(name)
		record := &kgo.Record{Topic: orders, Partition: partition, Value: []byte(value)}
		ctx, cancel := context.WithTimeout(l.ctx, deadline)
		begun := time.Now()
		err := client.ProduceSync(ctx, record).FirstErr()
		l.took("produce", begun)
		late := ctx.Err() != nil && l.ctx.Err() == nil
		cancel()
		switch {
		case err == nil:
			l.ledger.ack(value, record.Partition, record.Offset)
		case late:
			l.ledger.violation("produce of %s was not answered within %v: %v", value, deadline, err)
		case l.ctx.Err() == nil:
			l.errors.Add(1)
		}
	}
}

// consume is the reader of one partition.
func (l *load) consume(partition int32) {
	client := l.world.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		orders: {partition: kgo.NewOffset().At(0)},
	}), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	defer client.Close()
	for l.ctx.Err() == nil {
		fetches := client.PollFetches(l.ctx)
		fetches.EachError(func(_ string, _ int32, err error) {
			var lost *kgo.ErrDataLoss
			switch {
			case l.ctx.Err() != nil || errors.Is(err, context.Canceled):
			case errors.Is(err, kerr.OffsetOutOfRange) || errors.As(err, &lost):
				l.ledger.violation("partition %d: the reader, which was told of the offsets before, got: %v", partition, err)
			default:
				l.errors.Add(1)
			}
		})
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			for _, record := range p.Records {
				l.ledger.see(record.Partition, record.Offset, p.HighWatermark, string(record.Value))
			}
		})
	}
}

// group is a member of a consumer group, which joins, commits and leaves again and again.
func (l *load) group() {
	for l.running(50 * time.Millisecond) {
		client := l.world.client(kgo.ConsumerGroup("members"), kgo.ConsumeTopics(orders),
			kgo.SessionTimeout(2*time.Second), kgo.HeartbeatInterval(50*time.Millisecond),
			kgo.AutoCommitInterval(100*time.Millisecond))
		ctx, cancel := context.WithTimeout(l.ctx, 2*time.Second)
		for ctx.Err() == nil {
			client.PollFetches(ctx)
		}
		cancel()
		client.CloseAllowingRebalance()
	}
}

// commit has a group whose offset only grows.
func (l *load) commit() {
	client := l.world.client()
	defer client.Close()
	for l.running(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(l.ctx, deadline)
		l.ledger.mu.Lock()
		l.ledger.commit.tried++
		offset, acked := l.ledger.commit.tried, l.ledger.commit.acked
		l.ledger.mu.Unlock()
		begun := time.Now()
		if commitOffset(ctx, client, offset) == nil {
			acked = offset
		}
		got, err := fetchOffset(ctx, client)
		l.took("commit and fetch of an offset", begun)
		if err == nil && (got < acked || got > offset) {
			l.ledger.violation("the group is at offset %d after %d was committed", got, acked)
		}
		l.ledger.mu.Lock()
		l.ledger.commit.acked = acked
		l.ledger.mu.Unlock()
		cancel()
	}
}

func commitOffset(ctx context.Context, client *kgo.Client, offset int64) error {
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.Generation = "ascending", -1
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic = orders
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset = offset
	topic.Partitions = append(topic.Partitions, p)
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(response.Topics[0].Partitions[0].ErrorCode)
}

func fetchOffset(ctx context.Context, client *kgo.Client) (int64, error) {
	request := kmsg.NewPtrOffsetFetchRequest()
	request.Group = "ascending"
	topic := kmsg.NewOffsetFetchRequestTopic()
	topic.Topic, topic.Partitions = orders, []int32{0}
	request.Topics = append(request.Topics, topic)
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group = "ascending"
	groupTopic := kmsg.NewOffsetFetchRequestGroupTopic()
	groupTopic.Topic, groupTopic.Partitions = orders, []int32{0}
	group.Topics = append(group.Topics, groupTopic)
	request.Groups = append(request.Groups, group)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return 0, err
	}
	if len(response.Groups) > 0 {
		if err := kerr.ErrorForCode(response.Groups[0].ErrorCode); err != nil {
			return 0, err
		}
		p := &response.Groups[0].Topics[0].Partitions[0]
		return p.Offset, kerr.ErrorForCode(p.ErrorCode)
	}
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return 0, err
	}
	p := &response.Topics[0].Partitions[0]
	return p.Offset, kerr.ErrorForCode(p.ErrorCode)
}

// change makes and removes topics, and writes to a topic that is compacted.
func (l *load) change() {
	client := l.world.client()
	defer client.Close()
	for i := 0; l.running(100 * time.Millisecond); i++ {
		ctx, cancel := context.WithTimeout(l.ctx, deadline)
		name := fmt.Sprintf("temporary-%d", i)
		begun := time.Now()
		_ = createTopic(ctx, client, name, "delete") // it may exist: the answer got lost and the client asked again
		l.took("create topic", begun)
		request := kmsg.NewPtrDeleteTopicsRequest()
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		request.Topics, request.TopicNames = append(request.Topics, topic), []string{name}
		request.TimeoutMillis = 10_000
		_, _ = request.RequestWith(ctx, client) // it may be gone for the same reason
		for key := range 5 {
			client.Produce(ctx, &kgo.Record{Topic: "table", Key: []byte(strconv.Itoa(key)), Value: make([]byte, 100)}, nil)
		}
		_ = client.Flush(ctx)
		cancel()
	}
}

// transact writes transactions and ends every other one by aborting it.
func (l *load) transact() {
	for life := 0; l.running(20 * time.Millisecond); life++ {
		client := l.world.client(kgo.TransactionalID("payer"), kgo.TransactionTimeout(5*time.Second),
			kgo.DefaultProduceTopic(payments))
		for i := 0; l.running(20*time.Millisecond) && l.transaction(client, fmt.Sprintf("%d.%d", life, i), i%2 == 0); i++ {
		}
		client.Close()
	}
}

// transaction runs one and tells whether the client can go on.
func (l *load) transaction(client *kgo.Client, name string, commit bool) bool {
	ctx, cancel := context.WithTimeout(l.ctx, deadline)
	defer cancel()
	end := func(text string) {
		l.ledger.mu.Lock()
		l.ledger.txns[name] = text
		l.ledger.mu.Unlock()
	}
	end("unknown")
	if err := client.BeginTransaction(); err != nil {
		return false
	}
	ok := true
	for range recordsPerTransaction {
		ok = client.ProduceSync(ctx, kgo.StringRecord(name)).FirstErr() == nil && ok
	}
	try := kgo.TransactionEndTry(commit && ok)
	if !ok {
		_ = client.AbortBufferedRecords(ctx)
	}
	if err := client.EndTransaction(ctx, try); err != nil {
		return false
	}
	if bool(try) {
		end("committed")
	} else {
		end("aborted")
	}
	return ok
}

// embed speaks to a node as actors of the same process do.
func (l *load) embed(n *node) {
	for i := 0; l.running(20 * time.Millisecond); i++ {
		running := n.current()
		if running == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(l.ctx, deadline)
		s, root, partition := running.System(), running.Broker(), int32(i%partitions)
		value := l.ledger.next(fmt.Sprintf("local-%d-%d", n.id, partition))
		produced, err := kit.Ask[broker.Produced](ctx, s, root, func(a kit.Address) any {
			record := broker.Record{Value: []byte(value)}
			return broker.Produce{Topic: orders, Partition: partition, Records: []broker.Record{record}, ReplyTo: a}
		})
		if err == nil && produced.Err == nil {
			l.ledger.ack(value, partition, produced.BaseOffset)
		}
		_, fetchErr := kit.Ask[broker.Fetched](ctx, s, root, func(a kit.Address) any {
			return broker.Fetch{Topic: orders, Partition: partition, ReplyTo: a}
		})
		request := kmsg.NewPtrMetadataRequest()
		request.SetVersion(9)
		begun := time.Now()
		_, requestErr := kit.Ask[broker.Responded](ctx, s, root, func(a kit.Address) any {
			return broker.Request{Body: request, ReplyTo: a}
		})
		l.took("request of an actor", begun)
		if ctx.Err() != nil && l.ctx.Err() == nil && n.current() == running {
			l.ledger.violation("node %d did not answer an actor within %v: %v, %v, %v", n.id, deadline, err, fetchErr,
				requestErr)
		}
		cancel()
	}
}

// look asks the HTTP listener of a node for its tree.
func (l *load) look(n *node) {
	client := l.world.httpClient()
	defer client.CloseIdleConnections()
	for l.running(100 * time.Millisecond) {
		response, err := client.Get("http://" + n.config.Bind.Metrics + "/admin/tree")
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body) // it was cut off
			_ = response.Body.Close()                 // nothing is left to read
		}
	}
}
