package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/tests/cluster/lab"
)

// transactionTopic is where the state of transactions is kept.
const transactionTopic = "__transaction_state"

// transactionPartitions is how many partitions each transaction writes to.
const transactionPartitions = 4

// writers are the transactional producers of a test.
const writers = 3

// outcomes of a transaction as its writer knows them.
const (
	unknown = iota // the writer got an error and began anew
	committed
	aborted
)

// transactions is a load of transactions: each writer writes one record to each partition in a transaction,
// commits three of four and aborts the fourth.
type transactions struct {
	c       *lab.Cluster
	options []kgo.Opt // of all clients
	cancel  context.CancelFunc
	running sync.WaitGroup
	ended   [writers]atomic.Int64 // transactions, by writer

	mu       sync.Mutex
	outcomes [writers][]int // by writer and number
	problem  error
}

func startTransactions(t *testing.T, c *lab.Cluster, options ...kgo.Opt) *transactions {
	ctx, cancel := context.WithCancel(t.Context())
	l := &transactions{c: c, options: options, cancel: cancel}
	for writer := range writers {
		l.running.Go(func() {
			if err := l.write(ctx, writer); err != nil {
				l.mu.Lock()
				l.problem = err
				l.mu.Unlock()
			}
		})
	}
	t.Cleanup(l.stop)
	return l
}

func (l *transactions) stop() {
	l.cancel()
	l.running.Wait()
}

func idOf(writer int) string { return fmt.Sprint("writer-", writer) }

func (l *transactions) client(writer int) (*kgo.Client, error) {
	options := append(l.c.Impatient(l.c.Seeds()[writer%len(l.c.Seeds())]), kgo.SeedBrokers(l.c.Seeds()...),
		kgo.TransactionalID(idOf(writer)), kgo.TransactionTimeout(10*time.Second), kgo.ProducerLinger(0),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(topic))
	return kgo.NewClient(append(options, l.options...)...)
}

// generations are the two ways in which clients make transactions, with what makes a client take each.
var generations = []struct {
	name    string
	options []kgo.Opt
}{
	{"first generation", []kgo.Opt{kgo.MaxVersions(firstGeneration())}},
	{"second generation", nil},
}

// firstGeneration are the versions of a client that knows nothing of KIP-890, such as librdkafka.
func firstGeneration() *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(int16(kmsg.Produce), 11)
	v.SetMaxKeyVersion(int16(kmsg.EndTxn), 4)
	v.SetMaxKeyVersion(int16(kmsg.TxnOffsetCommit), 4)
	return v
}

// write makes transactions until the end. After an error whose outcome is not known it begins with a new
// client, as a program does that is started again.
func (l *transactions) write(ctx context.Context, writer int) error {
	var client *kgo.Client
	defer func() {
		if client != nil {
			client.Close()
		}
	}()
	for ctx.Err() == nil {
		if client == nil {
			var err error
			if client, err = l.client(writer); err != nil {
				return err
			}
		}
		l.mu.Lock()
		number := len(l.outcomes[writer])
		l.outcomes[writer] = append(l.outcomes[writer], unknown)
		l.mu.Unlock()
		outcome := transact(client, writer, number)
		l.mu.Lock()
		l.outcomes[writer][number] = outcome
		l.mu.Unlock()
		if outcome == unknown {
			client.Close()
			client = nil
			continue
		}
		l.ended[writer].Add(1)
	}
	return nil
}

// transact makes one transaction. It goes on to its end whatever the test does meanwhile.
func transact(client *kgo.Client, writer, number int) int {
	ctx, cancel := context.WithTimeout(context.Background(), lab.Patience)
	defer cancel()
	if err := client.BeginTransaction(); err != nil {
		return unknown
	}
	var failed atomic.Bool
	for partition := range int32(transactionPartitions) {
		record := &kgo.Record{Partition: partition, Value: fmt.Appendf(nil, "%d %d", writer, number)}
		client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Store(true)
			}
		})
	}
	if client.Flush(ctx) != nil || failed.Load() {
		if client.AbortBufferedRecords(ctx) != nil || client.EndTransaction(ctx, kgo.TryAbort) != nil {
			return unknown
		}
		return aborted
	}
	try, outcome := kgo.TryCommit, committed
	if number%4 == 3 {
		try, outcome = kgo.TryAbort, aborted
	}
	if client.EndTransaction(ctx, try) != nil {
		return unknown
	}
	return outcome
}

// awaitEnded waits until every writer has ended some more transactions, and returns how long that took.
func (l *transactions) awaitEnded(more int64) time.Duration {
	begun := time.Now()
	var before [writers]int64
	for writer := range writers {
		before[writer] = l.ended[writer].Load()
	}
	l.c.Until(lab.Patience, "transactions end", func(context.Context) error {
		for writer := range writers {
			if l.ended[writer].Load() < before[writer]+more {
				return fmt.Errorf("those of writer %d do not", writer)
			}
		}
		return nil
	})
	return time.Since(begun)
}

// all returns how many transactions have ended.
func (l *transactions) all() (ended int64) {
	for writer := range writers {
		ended += l.ended[writer].Load()
	}
	return ended
}

// verify reads what is committed and compares it with what the writers know. Nothing may be lost,
// half there, there twice, out of order, or there though it was aborted.
func (l *transactions) verify(t *testing.T) error {
	l.stop()
	if l.problem != nil {
		return l.problem
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*lab.Patience)
	defer cancel()
	last, err := l.client(0)
	if err != nil {
		return err
	}
	defer last.Close()
	for transact(last, writers, 0) != committed { // what is behind it in every partition has ended
		if ctx.Err() != nil {
			return errors.New("no transaction can be made at the end")
		}
	}
	seen, err := l.read(ctx)
	if err != nil {
		return err
	}
	for writer := range writers {
		for number, outcome := range l.outcomes[writer] {
			in := seen[[2]int{writer, number}]
			switch {
			case in != 0 && in != transactionPartitions:
				return fmt.Errorf("transaction %d of writer %d is in %d of %d partitions", number, writer, in,
					transactionPartitions)
			case outcome == committed && in == 0:
				return fmt.Errorf("committed transaction %d of writer %d is lost", number, writer)
			case outcome == aborted && in > 0:
				return fmt.Errorf("aborted transaction %d of writer %d is there", number, writer)
			}
		}
	}
	return nil
}

// read reads all partitions up to the last transaction and returns in how many of them each transaction is.
func (l *transactions) read(ctx context.Context) (map[[2]int]int, error) {
	offsets := map[int32]kgo.Offset{}
	for partition := range int32(transactionPartitions) {
		offsets[partition] = kgo.NewOffset().AtStart()
	}
	client, err := kgo.NewClient(append(l.c.Impatient(l.c.Seeds()[0]), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}))...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	seen := map[[2]int]int{}
	before := map[[2]int32]int{} // by partition and writer
	for left := transactionPartitions; left > 0; {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%d partitions have no end", left)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			var writer, number int
			if _, wrong := fmt.Sscanf(string(r.Value), "%d %d", &writer, &number); wrong != nil {
				err = wrong
				return
			}
			if writer == writers {
				left--
				return
			}
			place := [2]int32{r.Partition, int32(writer)}
			if last, has := before[place]; has && last >= number {
				err = fmt.Errorf("transaction %d of writer %d comes after %d in partition %d", number, writer, last,
					r.Partition)
			}
			before[place] = number
			seen[[2]int{writer, number}]++
		})
		if err != nil {
			return nil, err
		}
	}
	return seen, nil
}

// coordinatorOf returns the node that coordinates the transactions of a writer.
func coordinatorOf(c *lab.Cluster, writer int) *lab.Node {
	view := c.AwaitInSync(lab.Patience, topic, transactionTopic)
	states := view[transactionTopic]
	return c.Node(states[coordinators.PartitionOf(idOf(writer), int32(len(states)))].Leader)
}

// TestTransactionCoordinatorKilled kills the coordinator of one of the writers again and again, at any moment
// of its transactions. TestCoordinatorKilledAtEachStep does so at chosen ones.
func TestTransactionCoordinatorKilled(t *testing.T) {
	for _, generation := range generations {
		t.Run(generation.name, func(t *testing.T) { coordinatorKilled(t, generation.name, generation.options) })
	}
}

func coordinatorKilled(t *testing.T, generation string, options []kgo.Opt) {
	random := seeded(t)
	c := running(t, lab.Options{Warnings: []string{linkLost, controllerLost}}, transactionPartitions)
	l := startTransactions(t, c, options...)
	l.awaitEnded(2)
	var gaps []time.Duration
	for range form(3, 30) {
		node := coordinatorOf(c, random.IntN(writers))
		lab.Pass(t.Context(), time.Duration(random.IntN(200))*time.Millisecond)
		node.Kill()
		gaps = append(gaps, l.awaitEnded(2))
		node.Start()
		l.awaitEnded(2)
	}
	c.AwaitInSync(lab.Patience, topic, transactionTopic)
	ended := l.all()
	broken := l.verify(t)
	longest := slices.Max(gaps)
	row(t, "transaction coordinator killed with -9, "+generation+": until every producer ends two again, longest",
		atMost(4*time.Second), longest <= limit(4*time.Second), "%s of %d kills", show(longest), len(gaps))
	row(t, "transactions of the "+generation+" lost, half there, repeated, out of order, or there though aborted",
		"0", broken == nil, "%s", verdict(broken, ended))
}

// verdict is how a line of the table says what is wrong with so many transactions.
func verdict(broken error, ended int64) string {
	if broken != nil {
		return broken.Error()
	}
	return fmt.Sprintf("0 of %d", ended)
}
