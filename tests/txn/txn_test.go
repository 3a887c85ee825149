package txn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/cluster/load"
	"github.com/chronik-go/chronik/tests/txn/history"
)

const (
	ledgerTopic  = "ledger"
	ledgerPlaces = 4
	writers      = 4
	readers      = 2
)

// check fails the test for each anomaly, the first ones in words.
func check(t *testing.T, h *history.History) {
	t.Helper()
	found := history.Check(h)
	for i, one := range found {
		if i == 20 {
			t.Errorf("and %d more", len(found)-i)
			break
		}
		t.Error(one)
	}
}

// clients are the writers and readers of one history.
type clients struct {
	t       *testing.T
	book    book
	done    atomic.Bool
	writers []*writer
	writing sync.WaitGroup
	reader  *reader
	reading sync.WaitGroup
	stop    context.CancelFunc // of the readers
}

func startClients(t *testing.T, c *lab.Cluster, random *rand.Rand) *clients {
	l := &clients{t: t, reader: &reader{c, ledgerTopic, ledgerPlaces}}
	for n := range writers {
		w := &writer{
			t: t, c: c, book: &l.book, id: fmt.Sprint("writer-", n), topic: ledgerTopic, places: ledgerPlaces,
			random: rand.New(rand.NewPCG(random.Uint64(), 0)), done: &l.done,
		}
		l.writers = append(l.writers, w)
		l.writing.Go(w.run)
	}
	following, stop := context.WithCancel(t.Context())
	l.stop = stop
	t.Cleanup(stop)
	for n := range readers {
		l.reading.Go(func() {
			seen, err := l.reader.follow(following, func(history.Seen) bool { return false }, kgo.Rack(fmt.Sprint(n)))
			if following.Err() == nil {
				t.Error(err)
			}
			l.book.mu.Lock()
			l.book.Readers = append(l.book.Readers, history.Reader{Name: fmt.Sprint("reader ", n), Seen: seen})
			l.book.mu.Unlock()
		})
	}
	return l
}

// check ends the writers, reads everything to its end, and looks at the whole history.
func (l *clients) check() {
	t := l.t
	t.Helper()
	l.done.Store(true)
	l.writing.Wait()
	for _, w := range l.writers {
		if err := w.finish(); err != nil {
			t.Errorf("%s cannot end its last transaction: %v", w.id, err)
		}
	}
	if err := l.reader.last(t, &l.book); err != nil {
		t.Fatal(err)
	}
	final, err := l.reader.all(t)
	if err != nil {
		t.Fatalf("committed records cannot be read to the end; is a transaction left open? %v", err)
	}
	l.stop()
	l.reading.Wait()
	l.book.Final = final
	check(t, &l.book.History)
	report(t, l.writers, &l.book)
}

func TestNoAnomaliesWhileCoordinatorsAndLeadersAreKilled(t *testing.T) {
	random := seeded(t)
	c := running(t, ledgerPlaces, ledgerTopic)
	l := startClients(t, c, random)
	breaker := &breaker{t: t, c: c, random: random, topics: []string{ledgerTopic}}
	breaker.targets = []target{
		breaker.leaderOf(ledgerTopic),
		coordinatorOf("coordinator of a transaction", transactionKey, func() string {
			return fmt.Sprint("writer-", random.IntN(writers))
		}),
	}
	awaitCoordinators(t, c)
	breaker.run(stretch(t))
	l.check()
}

// ordersTopic takes records without transactions.
const ordersTopic, ordersPlaces = "orders", 3

// TestNoAnomaliesWhateverBreaks lets processes, clocks, the network and disks break, and everything be whole
// afterwards: the history of transactions has no anomaly, every record that was acknowledged outside of them is
// there once and in order, and all replicas are the same.
func TestNoAnomaliesWhateverBreaks(t *testing.T) {
	random := seeded(t)
	folders, drives := newDrives(t)
	network := newNetwork(t)
	options := lab.Options{
		Network: network, Folders: folders, Warnings: troubled, Lines: noRoom,
		Env: []string{"CHRONIK_ADMIN_FAULTS=true", "CHRONIK_ADMIN_API_KEY=" + lab.APIKey},
	}
	if drives != nil {
		options.Env = append(options.Env, small...)
	}
	c := runningOn(t, options, ledgerPlaces, ledgerTopic)
	c.Create(ordersTopic, ordersPlaces, 3)
	n := &nemesis{t: t, c: c, random: random, network: network, drives: drives}
	t.Cleanup(n.healDisks) // before the processes are ended, which hang with their disks
	l := startClients(t, c, random)
	plain, err := load.Start(load.Options{
		Topic: ordersTopic, Partitions: ordersPlaces, Seeds: c.Seeds(), Impatient: c.Impatient, Rate: 200, Bytes: 500,
		AnswerTime: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(plain.Close)
	awaitCoordinators(t, c)
	n.run(stretch(t)/2, ledgerTopic, ordersTopic, groupsTopic, transactionsTopic)
	l.check()
	ctx, cancel := context.WithTimeout(t.Context(), opTime)
	defer cancel()
	if err := plain.Stop(ctx); err != nil {
		t.Fatalf("producers must see no error: %v", err)
	}
	for _, node := range c.Members() {
		if err := load.Verify(ctx, node.Kafka, plain); err != nil {
			t.Errorf("read through node %d: %v", node.ID, err)
		}
	}
	t.Logf("%d records acknowledged outside of transactions", plain.Acked())
	view := c.AwaitInSync(lab.Patience, ledgerTopic, ordersTopic)
	for _, topic := range []string{ledgerTopic, ordersTopic} {
		err := lab.Poll(ctx, lab.Patience, func(ctx context.Context) error {
			return c.SameReplicas(ctx, topic, view[topic])
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// report prints what the history holds, and fails the test if that is nothing to judge by.
func report(t *testing.T, all []*writer, b *book) {
	t.Helper()
	var sum counts
	for _, w := range all {
		sum.committed.Add(w.counts.committed.Load())
		sum.aborted.Add(w.counts.aborted.Load())
		sum.undecided.Add(w.counts.undecided.Load())
		sum.fenced.Add(w.counts.fenced.Load())
	}
	t.Logf("%d transactions committed, %d aborted, %d undecided, %d fenced; %d records in the end",
		sum.committed.Load(), sum.aborted.Load(), sum.undecided.Load(), sum.fenced.Load(), len(b.Final))
	if sum.committed.Load() < 50 || sum.aborted.Load() == 0 || sum.fenced.Load() == 0 {
		t.Error("too little happened to prove anything")
	}
	for _, one := range b.Readers {
		if len(one.Seen) == 0 {
			t.Errorf("%s got nothing", one.Name)
		}
	}
}
