package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	transactionPartitions = 2
	chainRecords          = 200
)

// transactions are the steps of franz-go; ../../README.md lists them.
type transactions struct{ seeds []string }

const input, output, chain = "interop-franz-txn-in", "interop-franz-txn-out", "interop-franz-txn-chain"

// Transactions commits, aborts, fences and takes records along in transactions.
func (r *Run) Transactions(seeds []string) {
	t := &transactions{seeds}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"create topics", t.create}, {"commit", t.commit}, {"abort", t.abort}, {"fence", t.fence}, {"chain", t.chain},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		r.Check("transactions: "+step.name, step.run(ctx))
		cancel()
	}
}

func (t *transactions) client(more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(more, kgo.SeedBrokers(t.seeds...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.FetchMaxWait(100*time.Millisecond))...)
}

func (t *transactions) create(ctx context.Context) error {
	client, err := t.client()
	if err != nil {
		return err
	}
	defer client.Close()
	answers, err := kadm.NewClient(client).CreateTopics(ctx, transactionPartitions, 1, nil, input, output, chain)
	return errors.Join(err, answers.Error())
}

func write(ctx context.Context, client *kgo.Client, topic, name string, count int) error {
	var records []*kgo.Record
	for i := range count {
		value := fmt.Sprintf("%s-%d", name, i)
		records = append(records, &kgo.Record{Topic: topic, Partition: int32(i % transactionPartitions), Value: []byte(value)})
	}
	return client.ProduceSync(ctx, records...).FirstErr()
}

// transact writes in a transaction of a new producer and ends it.
func (t *transactions) transact(ctx context.Context, id, topic, name string, count int, how kgo.TransactionEndTry) error {
	client, err := t.client(kgo.TransactionalID(id))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := errors.Join(client.BeginTransaction(), write(ctx, client, topic, name, count)); err != nil {
		return err
	}
	return client.EndTransaction(ctx, how)
}

// read reads a topic from its start to the end that a reader of this isolation sees.
func (t *transactions) read(ctx context.Context, topic string, isolation kgo.IsolationLevel) ([]string, error) {
	from := map[int32]kgo.Offset{}
	for p := range int32(transactionPartitions) {
		from[p] = kgo.NewOffset().AtStart()
	}
	client, err := t.client(kgo.FetchIsolationLevel(isolation), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	list := kadm.NewClient(client).ListEndOffsets
	if isolation == kgo.ReadCommitted() {
		list = kadm.NewClient(client).ListCommittedOffsets
	}
	ends, err := list(ctx, topic)
	if err != nil {
		return nil, err
	}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	var values []string
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("the ends of %s are not reached: %v are left", topic, left)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
			if !r.Attrs.IsControl() {
				values = append(values, string(r.Value))
			}
		})
	}
	return values, nil
}

// counted fails unless so many values of a name are read in the end: a client is told of the end of a
// transaction before the markers are written.
func (t *transactions) counted(ctx context.Context, name string, isolation kgo.IsolationLevel, want int) error {
	for {
		values, err := t.read(ctx, output, isolation)
		if err != nil {
			return err
		}
		got := 0
		for _, value := range values {
			if strings.HasPrefix(value, name+"-") {
				got++
			}
		}
		if got == want {
			return nil
		}
		if got > want || ctx.Err() != nil {
			return fmt.Errorf("%s: got %d records, want %d", name, got, want)
		}
	}
}

func (t *transactions) commit(ctx context.Context) error {
	client, err := t.client(kgo.TransactionalID("franz-commit"))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := errors.Join(client.BeginTransaction(), write(ctx, client, output, "committed", 20),
		t.counted(ctx, "committed", kgo.ReadCommitted(), 0), t.counted(ctx, "committed", kgo.ReadUncommitted(), 20),
		client.EndTransaction(ctx, kgo.TryCommit)); err != nil {
		return err
	}
	return t.counted(ctx, "committed", kgo.ReadCommitted(), 20)
}

func (t *transactions) abort(ctx context.Context) error {
	return errors.Join(
		t.transact(ctx, "franz-abort", output, "aborted", 20, kgo.TryAbort),
		t.transact(ctx, "franz-abort", output, "after", 20, kgo.TryCommit),
		t.counted(ctx, "after", kgo.ReadCommitted(), 20),
		t.counted(ctx, "aborted", kgo.ReadCommitted(), 0), t.counted(ctx, "aborted", kgo.ReadUncommitted(), 20))
}

func (t *transactions) fence(ctx context.Context) error {
	zombie, err := t.client(kgo.TransactionalID("franz-fence"))
	if err != nil {
		return err
	}
	defer zombie.Close()
	if err := errors.Join(zombie.BeginTransaction(), write(ctx, zombie, output, "zombie", 10),
		t.transact(ctx, "franz-fence", output, "heir", 10, kgo.TryCommit)); err != nil {
		return err
	}
	if zombie.EndTransaction(ctx, kgo.TryCommit) == nil {
		return errors.New("the zombie committed")
	}
	return errors.Join(t.counted(ctx, "heir", kgo.ReadCommitted(), 10), t.counted(ctx, "zombie", kgo.ReadCommitted(), 0))
}

// chain takes the input to the output in transactions, every third of which is aborted and done again.
func (t *transactions) chain(ctx context.Context) error {
	if err := t.transact(ctx, "franz-source", input, "link", chainRecords, kgo.TryCommit); err != nil {
		return err
	}
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(t.seeds...), kgo.TransactionalID("franz-chain"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ConsumerGroup("interop-franz-chain"), kgo.ConsumeTopics(input),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer session.Close()
	for round, done := 1, 0; done < chainRecords; round++ {
		fetches := session.PollRecords(ctx, 17)
		if err := errors.Join(ctx.Err(), session.Begin()); err != nil {
			return fmt.Errorf("%d records came through: %w", done, err)
		}
		records := fetches.Records()
		for _, r := range records {
			session.Produce(ctx, &kgo.Record{Topic: chain, Partition: r.Partition, Value: r.Value}, nil)
		}
		committed, err := session.End(ctx, round%3 != 0)
		if err != nil {
			return err
		}
		if committed {
			done += len(records)
		}
	}
	want, err := t.read(ctx, input, kgo.ReadCommitted())
	if err != nil {
		return err
	}
	var got []string
	for len(got) < len(want) && err == nil { // the last marker may still be on its way
		got, err = t.read(ctx, chain, kgo.ReadCommitted())
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || len(want) != chainRecords {
		return errors.Join(err, fmt.Errorf("the chain has %d records, want these %d", len(got), len(want)))
	}
	return nil
}
