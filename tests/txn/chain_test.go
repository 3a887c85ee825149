package txn

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/txn/history"
)

const (
	chainPlaces = 4
	links       = 2
)

// chain takes what is in one topic to another.
type chain struct {
	t            *testing.T
	c            *lab.Cluster
	source, sink string
	group        string
	// work runs an instance of a link until it cannot go on. A replaced one works on: only the cluster may
	// tell it.
	work func(l *link, number int64)
	// pace is how long it takes at least until some link is replaced.
	pace time.Duration

	links  []*link
	done   chan struct{} // closed when nothing is left to take
	ending sync.Once

	commits atomic.Int64
	aborts  atomic.Int64
	fenced  atomic.Int64 // zombies that the cluster has told
	crashes atomic.Int64
}

// newChain returns a chain without links; its topics are not made.
func newChain(t *testing.T, work func(l *link, number int64), pace time.Duration) *chain {
	return &chain{
		t: t, source: "source", sink: "sink", group: "chain", work: work, pace: pace, done: make(chan struct{}),
	}
}

// over tells whether the chain has done its work.
func (c *chain) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return c.t.Failed()
	}
}

// end lets all instances end in order, and waits until they have.
func (c *chain) end() {
	c.ending.Do(func() { close(c.done) })
	for _, l := range c.links {
		l.working.Wait()
	}
}

// link is a place in a chain: whoever has its transactional id works there.
type link struct {
	*chain
	id      string
	current atomic.Int64 // the instance that is not replaced
	working sync.WaitGroup
	process slot // of that instance, if it is one
}

// replace starts an instance beside the one that works, as an orchestrator does that takes it for dead.
func (l *link) replace() {
	number := l.current.Add(1)
	l.working.Go(func() {
		for l.current.Load() == number && !l.over() {
			l.work(l, number)
		}
	})
}

// inSession is the work of franz-go, in this process.
func inSession(l *link, number int64) {
	session, err := kgo.NewGroupTransactSession(impatient(l.c, int(number),
		kgo.TransactionalID(l.id), kgo.TransactionTimeout(20*time.Second), kgo.ConsumerGroup(l.group),
		kgo.ConsumeTopics(l.source), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.SessionTimeout(3*time.Second),
		kgo.HeartbeatInterval(300*time.Millisecond), kgo.RebalanceTimeout(5*time.Second),
		kgo.Balancers(kgo.CooperativeStickyBalancer()))...)
	if err != nil {
		l.t.Error(err)
		return
	}
	defer session.Close()
	for !l.over() {
		if err := l.once(session); err != nil {
			if number != l.current.Load() {
				l.fenced.Add(1)
			}
			return
		}
	}
}

// once takes some records along. After an error the session cannot go on.
func (l *link) once(session *kgo.GroupTransactSession) error {
	polling, stop := context.WithTimeout(l.t.Context(), 300*time.Millisecond)
	fetches := session.PollRecords(polling, 20)
	stop()
	records := fetches.Records()
	if len(records) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), opTime)
	defer cancel()
	if err := session.Begin(); err != nil {
		return err
	}
	good := true
	for _, record := range records {
		session.Produce(ctx, &kgo.Record{Topic: l.sink, Partition: record.Partition, Value: record.Value}, nil)
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
	return err
}

// inProgram is the work of another client, in a process of its own.
func inProgram(path, protocol string) func(*link, int64) {
	return func(l *link, number int64) {
		name := fmt.Sprintf("%s of %s", filepath.Base(path), l.id)
		said := func(word, rest string) { l.said(name, number, word, rest) }
		p, err := run(name, said, path, strings.Join(l.c.Seeds(), ","), protocol, l.group, l.id, l.source, l.sink)
		if err != nil {
			l.t.Error(err)
			return
		}
		l.process.set(p)
		select {
		case <-p.ended:
			err = p.await()
		case <-l.done:
			err = p.stop()
		}
		if err != nil {
			l.t.Error(err)
		}
	}
}

// said takes what a program says of its work.
func (l *link) said(name string, number int64, word, rest string) {
	switch word {
	case "committed":
		l.commits.Add(1)
	case "aborted":
		l.aborts.Add(1)
	case "fenced":
		if number != l.current.Load() {
			l.fenced.Add(1)
		}
	case "ended":
		l.t.Logf("%s cannot go on: %s", name, rest)
	default:
		l.t.Errorf("%s says what must not be: %s %s", name, word, rest)
	}
}

// feed writes the source until done, each partition in order, and returns the history that the sink has to
// be.
func (c *chain) feed(done *atomic.Bool) []history.Transaction {
	client, err := kgo.NewClient(impatient(c.c, 0)...)
	if err != nil {
		c.t.Error(err)
		return nil
	}
	defer client.Close()
	var due []history.Transaction
	for number := int64(0); !done.Load() && !c.t.Failed(); number++ {
		ctx, cancel := context.WithTimeout(c.t.Context(), opTime)
		var records []*kgo.Record
		for p := range int32(chainPlaces) {
			value := history.Value{Writer: fmt.Sprint("source-", p), Number: number}
			records = append(records, &kgo.Record{Topic: c.source, Partition: p, Value: []byte(value.String())})
			due = append(due, history.Transaction{Outcome: history.Committed, Writes: []history.Write{{
				Place: history.Place{Topic: c.sink, Partition: p}, Value: value, Offset: history.Unknown,
			}}})
		}
		err := client.ProduceSync(ctx, records...).FirstErr()
		cancel()
		if err != nil {
			c.t.Errorf("write the source: %v", err)
		}
		lab.Pass(c.t.Context(), 5*time.Millisecond)
		for number%20 == 0 && c.left(int64(len(due))) > mostLeft && !done.Load() && !c.t.Failed() {
			lab.Pass(c.t.Context(), 100*time.Millisecond)
		}
	}
	return due
}

// mostLeft is how far the source runs ahead of a chain that does not keep pace: clients and nodes share a machine.
const mostLeft = 1000

// left is how much of so many records of the source is not taken, if a node can say so now.
func (c *chain) left(count int64) int64 {
	ctx, cancel := context.WithTimeout(c.t.Context(), lab.Patience)
	defer cancel()
	left, err := left(ctx, c.c, c.group, c.source, count)
	if err != nil {
		return 0
	}
	return left
}

func TestAChainTakesEveryRecordOnce(t *testing.T) {
	newChain(t, inSession, 2*time.Second).test()
}

// TestChainsOfOtherClientsTakeEveryRecordOnce also crashes clients, which leaves transactions open until
// another instance takes over. Between them the clients have both generations of transactions and of groups.
func TestChainsOfOtherClientsTakeEveryRecordOnce(t *testing.T) {
	for _, one := range []struct{ client, protocol string }{
		{"java", "consumer"}, {"librdkafka", "classic"},
	} {
		t.Run(one.client, func(t *testing.T) {
			newChain(t, inProgram(programPath(t, "chain-"+one.client), one.protocol), 4*time.Second).test()
		})
	}
}

func (c *chain) test() {
	t, random := c.t, seeded(c.t)
	c.c = running(t, chainPlaces, c.source, c.sink)
	t.Cleanup(c.end)
	for n := range links {
		l := &link{chain: c, id: fmt.Sprint("link-", n)}
		c.links = append(c.links, l)
		l.replace()
	}
	var fed atomic.Bool
	var due []history.Transaction
	var feeding sync.WaitGroup
	feeding.Go(func() { due = c.feed(&fed) })
	feeding.Go(func() { c.replaceSome(rand.New(rand.NewPCG(random.Uint64(), 0)), &fed) })
	c.breaker(random).run(stretch(t))
	fed.Store(true)
	feeding.Wait()
	count := int64(len(due) / chainPlaces)
	c.c.Until(opTime, "the chain takes all of the source", func(ctx context.Context) error {
		return taken(ctx, c.c, c.group, c.source, chainPlaces*count)
	})
	c.end()
	b := &book{History: history.History{Transactions: due}}
	r := &reader{c.c, c.sink, chainPlaces}
	if err := r.last(t, b); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.Final, err = r.all(t); err != nil {
		t.Fatalf("the sink cannot be read to the end; is a transaction left open? %v", err)
	}
	check(t, &b.History)
	t.Logf("%d records through the chain in %d transactions, %d aborted; %d zombies fenced, %d crashed",
		len(due), c.commits.Load(), c.aborts.Load(), c.fenced.Load(), c.crashes.Load())
	if len(due) < 200 || c.commits.Load() < 20 || c.fenced.Load() == 0 {
		t.Error("too little happened to prove anything")
	}
}

// breaker kills what the chain rests on.
func (c *chain) breaker(random *rand.Rand) *breaker {
	b := &breaker{t: c.t, c: c.c, random: random, topics: []string{c.source, c.sink}}
	b.targets = []target{
		b.leaderOf(c.sink), b.leaderOf(c.source),
		coordinatorOf("coordinator of the group", groupKey, func() string { return c.group }),
		coordinatorOf("coordinator of a transaction", transactionKey, func() string {
			return c.links[random.IntN(links)].id
		}),
	}
	awaitCoordinators(c.t, c.c)
	return b
}

// replaceSome has links replaced now and then. An instance that is a process may crash at that, in the middle
// of a transaction; any other works on until it is fenced.
func (c *chain) replaceSome(random *rand.Rand, done *atomic.Bool) {
	for !done.Load() && !c.t.Failed() {
		lab.Pass(c.t.Context(), c.pace+time.Duration(random.IntN(3000))*time.Millisecond)
		l := c.links[random.IntN(links)]
		before := l.process.get()
		l.replace()
		if before != nil && random.IntN(2) == 0 && before.kill() {
			c.crashes.Add(1)
		}
	}
}

// taken tells whether a group has committed all of a topic that holds so many records.
func taken(ctx context.Context, c *lab.Cluster, group, topic string, count int64) error {
	left, err := left(ctx, c, group, topic, count)
	if err == nil && left != 0 {
		err = fmt.Errorf("%d of %d records of the source are left", left, count)
	}
	return err
}

// left is how many of so many records of a topic a group has not committed.
func left(ctx context.Context, c *lab.Cluster, name, topic string, count int64) (int64, error) {
	client, err := kgo.NewClient(impatient(c, 0)...)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group = name
	request := kmsg.NewPtrOffsetFetchRequest()
	request.Group, request.RequireStable = name, true
	request.Groups = append(request.Groups, group)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return 0, err
	}
	left := count
	for _, one := range response.Groups[0].Topics {
		for _, p := range one.Partitions {
			if p.ErrorCode != 0 {
				return 0, fmt.Errorf("%s-%d: %w", one.Topic, p.Partition, kerr.ErrorForCode(p.ErrorCode))
			}
			if one.Topic == topic {
				left -= max(p.Offset, 0) // -1: nothing yet
			}
		}
	}
	return left, nil
}

// awaitCoordinators returns when both internal topics are there: clients make them.
func awaitCoordinators(t *testing.T, c *lab.Cluster) {
	for kind, key := range map[int8]string{groupKey: "chain", transactionKey: "writer-0"} {
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
