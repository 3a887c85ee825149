package txn

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/txn/history"
)

const (
	sourceTopic, sinkTopic = "source", "sink"
	chainPlaces            = 4
	links                  = 2
	chainGroup             = "chain"
)

// link is a place in the chain: whoever has its transactional id works there.
type link struct {
	t       *testing.T
	c       *lab.Cluster
	id      string
	current atomic.Int64 // the instance that is not replaced
	done    *atomic.Bool
	working sync.WaitGroup
	commits atomic.Int64
	aborts  atomic.Int64
	zombies atomic.Int64 // that found out
}

// replace starts an instance beside the one that works, as an orchestrator does that takes it for dead.
func (l *link) replace() {
	number := l.current.Add(1)
	l.working.Go(func() {
		for l.current.Load() == number && !l.done.Load() && !l.t.Failed() {
			l.work(number)
		}
		if l.current.Load() != number {
			l.zombies.Add(1)
		}
	})
}

// work runs one session until it cannot go on. A replaced one works on: only the cluster may tell it.
func (l *link) work(number int64) {
	session, err := kgo.NewGroupTransactSession(impatient(l.c, int(number),
		kgo.TransactionalID(l.id), kgo.TransactionTimeout(20*time.Second), kgo.ConsumerGroup(chainGroup),
		kgo.ConsumeTopics(sourceTopic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.SessionTimeout(3*time.Second),
		kgo.HeartbeatInterval(300*time.Millisecond), kgo.RebalanceTimeout(5*time.Second),
		kgo.Balancers(kgo.CooperativeStickyBalancer()))...)
	if err != nil {
		l.t.Error(err)
		return
	}
	defer session.Close()
	for !l.done.Load() && !l.t.Failed() {
		if !l.once(session) {
			return
		}
	}
}

// once takes some records along and tells whether the session can go on.
func (l *link) once(session *kgo.GroupTransactSession) bool {
	polling, stop := context.WithTimeout(l.t.Context(), 300*time.Millisecond)
	fetches := session.PollRecords(polling, 20)
	stop()
	records := fetches.Records()
	if len(records) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), opTime)
	defer cancel()
	if err := session.Begin(); err != nil {
		return false
	}
	good := true
	for _, record := range records {
		session.Produce(ctx, &kgo.Record{Topic: sinkTopic, Partition: record.Partition, Value: record.Value}, nil)
	}
	if err := session.Client().Flush(ctx); err != nil {
		good = false
	}
	committed, err := session.End(ctx, kgo.TransactionEndTry(good))
	if committed {
		l.commits.Add(1)
	} else {
		l.aborts.Add(1)
	}
	return err == nil
}

// feed writes the source until done, each partition in order, and returns the history that the sink has to be.
func feed(t *testing.T, c *lab.Cluster, done *atomic.Bool) []history.Transaction {
	client, err := kgo.NewClient(impatient(c, 0)...)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer client.Close()
	var due []history.Transaction
	for number := int64(0); !done.Load() && !t.Failed(); number++ {
		ctx, cancel := context.WithTimeout(t.Context(), opTime)
		var records []*kgo.Record
		for p := range int32(chainPlaces) {
			value := history.Value{Writer: fmt.Sprint("source-", p), Number: number}
			records = append(records, &kgo.Record{Topic: sourceTopic, Partition: p, Value: []byte(value.String())})
			due = append(due, history.Transaction{Outcome: history.Committed, Writes: []history.Write{{
				Place: history.Place{Topic: sinkTopic, Partition: p}, Value: value, Offset: history.Unknown,
			}}})
		}
		err := client.ProduceSync(ctx, records...).FirstErr()
		cancel()
		if err != nil {
			t.Errorf("write the source: %v", err)
		}
		lab.Pass(t.Context(), 5*time.Millisecond)
	}
	return due
}

// taken tells whether the group has committed the offsets up to the end of the source, in all partitions.
func taken(ctx context.Context, c *lab.Cluster, count int64) error {
	client, err := kgo.NewClient(impatient(c, 0)...)
	if err != nil {
		return err
	}
	defer client.Close()
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group = chainGroup
	request := kmsg.NewPtrOffsetFetchRequest()
	request.Group, request.RequireStable = chainGroup, true
	request.Groups = append(request.Groups, group)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	left := int64(chainPlaces) * count
	for _, topic := range response.Groups[0].Topics {
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 {
				return fmt.Errorf("%s-%d: error %d", topic.Topic, p.Partition, p.ErrorCode)
			}
			left -= p.Offset
		}
	}
	if left != 0 {
		return fmt.Errorf("%d records of the source are left", left)
	}
	return nil
}

func TestAChainTakesEveryRecordOnce(t *testing.T) {
	random := seeded(t)
	c := running(t, chainPlaces, sourceTopic, sinkTopic)
	var fed, done atomic.Bool
	var all []*link
	for n := range links {
		l := &link{t: t, c: c, id: fmt.Sprint("link-", n), done: &done}
		all = append(all, l)
		l.replace()
	}
	var due []history.Transaction
	var feeding sync.WaitGroup
	feeding.Go(func() { due = feed(t, c, &fed) })
	feeding.Go(func() { zombies(t, rand.New(rand.NewPCG(random.Uint64(), 0)), all, &fed) })
	breaker := &breaker{t: t, c: c, random: random, topics: []string{sourceTopic, sinkTopic}}
	breaker.targets = []target{
		breaker.leaderOf(sinkTopic), breaker.leaderOf(sourceTopic),
		coordinatorOf("coordinator of the group", groupKey, func() string { return chainGroup }),
		coordinatorOf("coordinator of a transaction", transactionKey, func() string {
			return fmt.Sprint("link-", random.IntN(links))
		}),
	}
	awaitCoordinators(t, c)
	breaker.run(stretch(t))
	fed.Store(true)
	feeding.Wait()
	count := int64(len(due) / chainPlaces)
	c.Until(opTime, "the chain takes all of the source", func(ctx context.Context) error { return taken(ctx, c, count) })
	done.Store(true)
	var commits, aborts, found int64
	for _, l := range all {
		l.working.Wait()
		commits, aborts, found = commits+l.commits.Load(), aborts+l.aborts.Load(), found+l.zombies.Load()
	}
	b := &book{History: history.History{Transactions: due}}
	r := &reader{c, sinkTopic, chainPlaces}
	if err := r.last(t, b); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.Final, err = r.all(t); err != nil {
		t.Fatalf("the sink cannot be read to the end; is a transaction left open? %v", err)
	}
	check(t, &b.History)
	t.Logf("%d records through the chain in %d transactions, %d more aborted, %d zombies", len(due), commits, aborts, found)
	if len(due) < 200 || commits < 20 {
		t.Error("too little happened to prove anything")
	}
}

// zombies has links replaced now and then.
func zombies(t *testing.T, random *rand.Rand, all []*link, done *atomic.Bool) {
	for !done.Load() && !t.Failed() {
		lab.Pass(t.Context(), time.Duration(2000+random.IntN(3000))*time.Millisecond)
		all[random.IntN(len(all))].replace()
	}
}

// awaitCoordinators returns when both internal topics are there: clients make them.
func awaitCoordinators(t *testing.T, c *lab.Cluster) {
	for kind, key := range map[int8]string{groupKey: chainGroup, transactionKey: "writer-0"} {
		find := coordinatorOf("", kind, func() string { return key })
		c.Until(lab.Patience, "coordinators", func(ctx context.Context) error {
			node, err := find.find(ctx, c.Running()[0])
			if err == nil && node <= 0 {
				err = errors.New("there is none")
			}
			return err
		})
	}
	c.AwaitInSync(lab.Patience, groupsTopic, transactionsTopic)
}
