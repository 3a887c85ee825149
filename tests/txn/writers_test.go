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
	"github.com/chronik-go/chronik/tests/txn/history"
)

// opTime bounds what a client does in one step. Nothing should come near it.
const opTime = 90 * time.Second

// book collects a history.
type book struct {
	mu sync.Mutex
	history.History
}

func (b *book) transaction(t history.Transaction) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Transactions = append(b.Transactions, t)
}

// writer writes transactions under one transactional id.
type writer struct {
	t      *testing.T
	c      *lab.Cluster
	book   *book
	id     string
	topic  string
	places int32
	random *rand.Rand
	number int64 // of the next record
	done   *atomic.Bool
	counts counts
}

// counts say what writers did.
type counts struct{ committed, aborted, undecided, fenced atomic.Int64 }

func (w *writer) client() *kgo.Client {
	client, err := kgo.NewClient(impatient(w.c, w.random.IntN(3),
		kgo.TransactionalID(w.id), kgo.TransactionTimeout(20*time.Second))...)
	if err != nil {
		w.t.Error(err)
	}
	return client
}

// run writes until it is done. A client whose transaction has no known end gives way to a new one, which ends
// what the old one has left.
func (w *writer) run() {
	for !w.done.Load() && !w.t.Failed() {
		client := w.client()
		for good := true; good && !w.done.Load(); {
			if w.random.IntN(10) == 0 {
				good = w.fence(client)
				continue
			}
			good = w.once(client)
		}
		client.Close()
	}
}

// finish ends what is left of the last transaction, by beginning and aborting another one.
func (w *writer) finish() error {
	client := w.client()
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	t := w.produce(client)
	err := w.end(client, kgo.TryAbort)
	t.Outcome = history.Aborted
	w.book.transaction(t)
	return err
}

// produce writes some records in the transaction that a client has begun.
func (w *writer) produce(client *kgo.Client) history.Transaction {
	ctx, cancel := context.WithTimeout(w.t.Context(), opTime)
	defer cancel()
	var t history.Transaction
	var records []*kgo.Record
	for range 2 + w.random.IntN(4) {
		value := history.Value{Writer: w.id, Number: w.number}
		w.number++
		place := history.Place{Topic: w.topic, Partition: w.random.Int32N(w.places)}
		records = append(records, &kgo.Record{
			Topic: place.Topic, Partition: place.Partition, Value: []byte(value.String()),
		})
		t.Writes = append(t.Writes, history.Write{Place: place, Value: value, Offset: history.Unknown})
	}
	t.Outcome = history.Committed // may be
	index := map[*kgo.Record]int{}
	for i, record := range records {
		index[record] = i
	}
	for _, result := range client.ProduceSync(ctx, records...) {
		if result.Err != nil {
			t.Outcome = history.Aborted
			continue
		}
		t.Writes[index[result.Record]].Offset = result.Record.Offset
	}
	return t
}

func (w *writer) end(client *kgo.Client, how kgo.TransactionEndTry) error {
	ctx, cancel := context.WithTimeout(w.t.Context(), opTime)
	defer cancel()
	return client.EndTransaction(ctx, how)
}

// once does one transaction and tells whether the client can go on. What nobody asked to commit is aborted,
// whatever becomes of the abort.
func (w *writer) once(client *kgo.Client) bool {
	if client.BeginTransaction() != nil {
		return false
	}
	t := w.produce(client)
	if t.Outcome == history.Aborted || w.random.IntN(5) == 0 {
		t.Outcome = history.Aborted
		w.book.transaction(t)
		w.counts.aborted.Add(1)
		return w.end(client, kgo.TryAbort) == nil
	}
	if w.end(client, kgo.TryCommit) != nil {
		t.Outcome = history.Undecided
		w.book.transaction(t)
		w.counts.undecided.Add(1)
		return false
	}
	w.book.transaction(t)
	w.counts.committed.Add(1)
	return true
}

// fence lets another client with the same id take over in the middle of a transaction. What the first one wrote
// is aborted, and its commit must fail.
func (w *writer) fence(client *kgo.Client) bool {
	if client.BeginTransaction() != nil {
		return false
	}
	old := w.produce(client)
	next := w.client()
	defer next.Close()
	took := w.once(next)
	if took && old.Outcome != history.Aborted {
		w.counts.fenced.Add(1)
		if err := w.end(client, kgo.TryCommit); err == nil {
			w.t.Errorf("%s: a zombie committed %v", w.id, old.Writes)
		}
	}
	// Without the commit of the other one nothing is known of who was first; but nobody has asked to commit.
	old.Outcome = history.Aborted
	w.book.transaction(old)
	return false
}

// reader follows all partitions and reads what is committed.
type reader struct {
	c      *lab.Cluster
	topic  string
	places int32
}

func (r *reader) client(more ...kgo.Opt) (*kgo.Client, error) {
	from := map[int32]kgo.Offset{}
	for p := range r.places {
		from[p] = kgo.NewOffset().AtStart()
	}
	return kgo.NewClient(impatient(r.c, 0, append(more, kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.topic: from}))...)...)
}

// follow reads until done says so of what was read, or the context ends.
func (r *reader) follow(ctx context.Context, done func(history.Seen) bool, more ...kgo.Opt,
) ([]history.Seen, error) {
	client, err := r.client(more...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var seen []history.Seen
	for finished := false; !finished; {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return seen, ctx.Err()
		}
		var bad error
		fetches.EachRecord(func(record *kgo.Record) {
			value, err := history.Parse(string(record.Value))
			if err != nil {
				bad = err
			}
			one := history.Seen{
				Place: history.Place{Topic: record.Topic, Partition: record.Partition}, Offset: record.Offset, Value: value,
			}
			seen = append(seen, one)
			finished = done(one) || finished
		})
		if bad != nil {
			return seen, fmt.Errorf("read: %w", bad)
		}
	}
	return seen, nil
}

// last writes one more record to each partition, outside of any transaction, for readers to know the end by.
func (r *reader) last(t *testing.T, b *book) error {
	client, err := kgo.NewClient(impatient(r.c, 0)...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), opTime)
	defer cancel()
	end := history.Transaction{Outcome: history.Committed}
	for p := range r.places {
		value := history.Value{Writer: "end", Number: int64(p)}
		place := history.Place{Topic: r.topic, Partition: p}
		record := &kgo.Record{Topic: r.topic, Partition: p, Value: []byte(value.String())}
		if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
			return err
		}
		end.Writes = append(end.Writes, history.Write{Place: place, Value: value, Offset: record.Offset})
	}
	b.transaction(end)
	return nil
}

// all reads from the start of each partition to the record that last wrote. It does not end while a transaction
// is open: then what is behind it is not stable.
func (r *reader) all(t *testing.T) ([]history.Seen, error) {
	ctx, cancel := context.WithTimeout(t.Context(), opTime)
	defer cancel()
	missing := r.places
	return r.follow(ctx, func(one history.Seen) bool {
		if one.Value.Writer == "end" {
			missing--
		}
		return missing == 0
	})
}
