package txn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

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

func TestNoAnomaliesWhileCoordinatorsAndLeadersAreKilled(t *testing.T) {
	random := seeded(t)
	c := running(t, ledgerPlaces, ledgerTopic)
	var b book
	var done atomic.Bool
	var working, reading sync.WaitGroup
	var all []*writer
	for n := range writers {
		w := &writer{
			t: t, c: c, book: &b, id: fmt.Sprint("writer-", n), topic: ledgerTopic, places: ledgerPlaces,
			random: rand.New(rand.NewPCG(random.Uint64(), 0)), done: &done,
		}
		all = append(all, w)
		working.Go(w.run)
	}
	following, stop := context.WithCancel(t.Context())
	defer stop()
	r := &reader{c, ledgerTopic, ledgerPlaces}
	for n := range readers {
		reading.Go(func() {
			seen, err := r.follow(following, func(history.Seen) bool { return false }, kgo.Rack(fmt.Sprint(n)))
			if following.Err() == nil {
				t.Error(err)
			}
			b.mu.Lock()
			b.Readers = append(b.Readers, history.Reader{Name: fmt.Sprint("reader ", n), Seen: seen})
			b.mu.Unlock()
		})
	}
	breaker := &breaker{t: t, c: c, random: random, topics: []string{ledgerTopic}}
	breaker.targets = []target{
		breaker.leaderOf(ledgerTopic),
		coordinatorOf("coordinator of a transaction", transactionKey, func() string {
			return fmt.Sprint("writer-", random.IntN(writers))
		}),
	}
	awaitCoordinators(t, c)
	breaker.run(stretch(t))
	done.Store(true)
	working.Wait()
	for _, w := range all {
		if err := w.finish(); err != nil {
			t.Errorf("%s cannot end its last transaction: %v", w.id, err)
		}
	}
	if err := r.last(t, &b); err != nil {
		t.Fatal(err)
	}
	final, err := r.all(t)
	if err != nil {
		t.Fatalf("committed records cannot be read to the end; is a transaction left open? %v", err)
	}
	stop()
	reading.Wait()
	b.Final = final
	check(t, &b.History)
	report(t, all, &b)
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
