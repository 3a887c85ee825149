package coordinator

import (
	"fmt"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/transactions/transaction"
)

// first is the chooser that always takes the first thing that can happen.
func first(int) int { return 0 }

// last is the one that takes the last.
func last(n int) int { return n - 1 }

// TestCrashAnywhereLeavesNoHalfTransaction crashes the coordinator between any two steps of two transactions,
// and has any number of the records that it had given to the log committed all the same.
func TestCrashAnywhereLeavesNoHalfTransaction(t *testing.T) {
	for _, generation := range []int16{transaction.FirstGeneration, transaction.SecondGeneration} {
		for name, choose := range map[string]func(int) int{"first": first, "last": last} {
			t.Run(fmt.Sprintf("generation %d, %s", generation, name), func(t *testing.T) {
				crashed := 0
				for at := range 60 {
					for committed := 0; ; committed++ {
						w := newWorld(t, 1, generation, 1)
						// Only the first choice of an event follows the order; faults and restarts do not happen.
						calm := func(n int) int {
							if n == 40 || n == 3 {
								return n - 1
							}
							return choose(n)
						}
						for range at {
							w.step(calm, false)
						}
						if committed > len(w.writes) {
							break
						}
						w.crash(committed)
						crashed++
						for range 40 {
							w.step(calm, false)
						}
						w.finish()
						w.check()
						if len(w.producers[0].outcome) == 0 {
							t.Fatalf("crash at step %d: no transaction ended", at)
						}
						if t.Failed() {
							t.Fatalf("crash at step %d with %d records committed", at, committed)
						}
					}
				}
				if crashed < 60 {
					t.Errorf("%d crashes, want one at each step", crashed)
				}
			})
		}
	}
}

// TestTransactionsHoldUnderFaults runs producers against a coordinator that crashes, whose log refuses
// records and whose markers get lost or come late, in as many ways as there are seeds.
func TestTransactionsHoldUnderFaults(t *testing.T) {
	seeds := 400
	if testing.Short() {
		seeds = 50
	}
	ended, crashes := 0, 0
	for seed := range uint64(seeds) {
		generation := transaction.FirstGeneration
		if seed%2 == 1 {
			generation = transaction.SecondGeneration
		}
		w := newWorld(t, seed, generation, 4)
		for range 1500 {
			switch w.random.IntN(60) {
			case 0:
				w.crash(w.random.IntN(len(w.writes) + 1))
			case 1:
				w.now = w.now.Add(time.Duration(w.random.IntN(40)) * time.Second)
				w.core.abortLate(w.now)
				w.settle()
			default:
				w.step(w.random.IntN, true)
			}
		}
		w.finish()
		w.check()
		for _, p := range w.producers {
			ended += len(p.outcome)
		}
		crashes += w.crashes
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if ended < 8*seeds || crashes < seeds {
		t.Errorf("%d transactions ended and %d crashes came, which shows too little", ended, crashes)
	}
	t.Logf("%d transactions, %d crashes", ended, crashes)
}

// decided returns a producer that has asked for the end of its transaction, which is committed. No partition
// has been told.
func decided(t *testing.T) (*world, *producer) {
	w := newWorld(t, 1, transaction.SecondGeneration, 1)
	p := w.producers[0]
	for p.phase != ending {
		w.step(last, false)
	}
	p.act(w, last)
	w.commit(false)
	return w, p
}

// Whoever hears that a transaction has ended sees it ended: the answer comes when all partitions know, unless
// that takes too long.
func TestAnEndIsAnsweredWhenThePartitionsKnow(t *testing.T) {
	for _, inTime := range []bool{true, false} {
		w, p := decided(t)
		if !p.waits || len(w.sent) == 0 {
			t.Fatalf("got %d markers and waits %v, want the partitions to be told before the client", len(w.sent), p.waits)
		}
		if inTime {
			for len(w.sent) > 0 {
				w.deliver(0, false)
			}
		} else {
			w.wait()
		}
		if p.waits || p.phase != adding {
			t.Errorf("in time %v: got phase %d, waits %v, want the end answered", inTime, p.phase, p.waits)
		}
		if w.core.held.waiting.Len() > 0 {
			t.Error("an answer is kept that was given")
		}
	}
}

// A producer begins its next transaction while the partitions are still told of the one before: it waits
// for a moment, and no longer.
func TestNextTransactionWaitsForTheEndOfTheOneBefore(t *testing.T) {
	for _, inTime := range []bool{true, false} {
		w, p := decided(t)
		w.wait()
		if p.phase != adding || len(w.sent) == 0 {
			t.Fatalf("got phase %d and %d markers, want the end answered and the partitions to be told", p.phase, len(w.sent))
		}
		p.act(w, last)
		if !p.waits {
			t.Fatal("the next transaction does not wait")
		}
		if !inTime {
			w.wait()
			if p.waits || p.phase != adding {
				t.Errorf("got phase %d, waits %v, want an answer to repeat the request", p.phase, p.waits)
			}
			continue
		}
		for len(w.sent) > 0 {
			w.deliver(0, false)
		}
		w.commit(false) // the end
		w.commit(false) // the next transaction
		if p.waits || p.phase != writing_ {
			t.Errorf("got phase %d, waits %v, want the next transaction begun", p.phase, p.waits)
		}
		if len(w.core.parked.byID) > 0 || w.core.parked.waiting.Len() > 0 {
			t.Error("a request is kept that was answered")
		}
	}
}

// TestUnusedIDsAreForgotten removes an id by a tombstone. A producer that comes back gets a new one.
func TestUnusedIDsAreForgotten(t *testing.T) {
	w := newWorld(t, 1, transaction.SecondGeneration, 1)
	p := w.producers[0]
	for p.phase == beginning {
		w.step(last, false)
	}
	w.now = w.now.Add(w.settings.Retention)
	w.core.expire(w.now)
	w.settle()
	if len(w.writes) != 1 || w.writes[0].record != nil {
		t.Fatalf("got %+v to write, want one tombstone", w.writes)
	}
	w.commit(true) // the log refuses it
	if len(w.core.transactions) != 1 {
		t.Fatal("the id is gone though that was not written")
	}
	w.core.expire(w.now)
	w.settle()
	w.commit(false)
	if len(w.core.transactions) != 0 {
		t.Error("the id is kept")
	}
	w.crash(0)
	if len(w.core.transactions) != 0 {
		t.Error("the next coordinator knows the id")
	}
}
