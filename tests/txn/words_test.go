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

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/txn/history"
)

const (
	linesTopic, totalsTopic = "lines", "totals"
	wordPlaces              = 4
	words                   = 100
	wordInstances           = 2
	// deadAfter is longer than the group takes to give up an instance that is silent; count-words has the time.
	deadAfter = 6 * time.Second
)

// counting is an application of Kafka Streams that counts words, in more than one instance.
type counting struct {
	t         *testing.T
	c         *lab.Cluster
	path      string
	id        string // of the application, its group and the beginning of its transactional ids
	dir       string
	instances [wordInstances]slot
	crashes   int
	freezes   int
	replaced  atomic.Int64 // threads
}

// start runs an instance. It keeps its state where the one before it in this place did.
func (a *counting) start(number int) {
	name := fmt.Sprint("count-words ", number)
	said := func(word, rest string) {
		switch word {
		case "replaced": // a thread that gave up, as one that is fenced may
			a.replaced.Add(1)
			a.t.Logf("%s begins anew: %s", name, rest)
		case "state":
			if rest == "ERROR" {
				a.t.Errorf("%s has given up", name)
			}
		default:
			a.t.Errorf("%s says what must not be: %s %s", name, word, rest)
		}
	}
	p, err := run(name, said, a.path, strings.Join(a.c.Seeds(), ","), a.id,
		filepath.Join(a.dir, fmt.Sprint(number)), linesTopic, totalsTopic)
	if err != nil {
		a.t.Error(err)
		return
	}
	a.instances[number].set(p)
}

// end ends what a failed test has left.
func (a *counting) end() {
	for number := range a.instances {
		if one := a.instances[number].get(); one != nil {
			one.kill()
		}
	}
}

// disturb crashes instances and, in turn, freezes them until the others have taken over their work.
func (a *counting) disturb(random *rand.Rand, done *atomic.Bool) {
	for crash := true; !done.Load() && !a.t.Failed(); crash = !crash {
		lab.Pass(a.t.Context(), time.Duration(5000+random.IntN(4000))*time.Millisecond)
		number := random.IntN(wordInstances)
		one := a.instances[number].get()
		if crash {
			one.kill()
			a.crashes++
			a.start(number)
			continue
		}
		one.pause()
		lab.Pass(a.t.Context(), deadAfter)
		one.thaw()
		a.freezes++
	}
}

// feed writes lines until done and returns how often each word is in them.
func (a *counting) feed(random *rand.Rand, done *atomic.Bool) (lines int64, counts map[string]int64) {
	counts = map[string]int64{}
	client, err := kgo.NewClient(impatient(a.c, 0)...)
	if err != nil {
		a.t.Error(err)
		return 0, counts
	}
	defer client.Close()
	for !done.Load() && !a.t.Failed() {
		var records []*kgo.Record
		for p := range int32(wordPlaces) {
			var line []string
			for range 1 + random.IntN(6) {
				word := fmt.Sprint("word-", int(float64(words)*random.Float64()*random.Float64())) // some are frequent
				line = append(line, word)
				counts[word]++
			}
			value := []byte(strings.Join(line, " "))
			records = append(records, &kgo.Record{Topic: linesTopic, Partition: p, Value: value})
		}
		lines += int64(len(records))
		ctx, cancel := context.WithTimeout(a.t.Context(), opTime)
		if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
			a.t.Errorf("write the lines: %v", err)
		}
		cancel()
		lab.Pass(a.t.Context(), 20*time.Millisecond)
	}
	return lines, counts
}

// The topics that Kafka Streams makes for itself.
func (a *counting) repartition() string { return a.id + "-words-repartition" }
func (a *counting) changelog() string   { return a.id + "-counts-changelog" }

// await returns when the application has made its topics and opened a transaction.
func (a *counting) await() {
	a.c.AwaitInSync(opTime, a.repartition(), a.changelog())
	a.c.Until(opTime, "the application begins a transaction", func(ctx context.Context) error {
		_, err := a.coordinator().find(ctx, nil)
		return err
	})
}

// coordinator is that of any transactional id of the application: its clients make them up.
func (a *counting) coordinator() target {
	return target{"coordinator of a transaction", func(ctx context.Context, _ *lab.Node) (int32, error) {
		for _, n := range a.c.Running() {
			answer, err := n.Ask(ctx, kmsg.NewPtrListTransactionsRequest())
			if err != nil {
				return 0, err
			}
			for _, one := range answer.(*kmsg.ListTransactionsResponse).TransactionStates {
				if strings.HasPrefix(one.TransactionalID, a.id) {
					return n.ID, nil
				}
			}
		}
		return 0, errors.New("no node has a transaction of the application")
	}}
}

// TestEveryWordIsCountedOnce takes the totals apart: an application without a cache writes a total for each
// word that it takes, so of a word that came 1000 times the totals are 1 to 1000, in order.
func TestEveryWordIsCountedOnce(t *testing.T) {
	path := programPath(t, "count-words")
	random := seeded(t)
	a := &counting{t: t, path: path, id: "counting", dir: t.TempDir()}
	a.c = running(t, wordPlaces, linesTopic, totalsTopic)
	t.Cleanup(a.end)
	for number := range a.instances {
		a.start(number)
	}
	var done atomic.Bool
	var working sync.WaitGroup
	var lines int64
	var counts map[string]int64
	feeding := rand.New(rand.NewPCG(random.Uint64(), 0))
	working.Go(func() { lines, counts = a.feed(feeding, &done) })
	a.await()
	disturbing := rand.New(rand.NewPCG(random.Uint64(), 0))
	working.Go(func() { a.disturb(disturbing, &done) })
	b := &breaker{t: t, c: a.c, random: random}
	b.topics = []string{linesTopic, totalsTopic, a.repartition(), a.changelog()}
	b.targets = []target{
		coordinatorOf("coordinator of the group", groupKey, func() string { return a.id }), a.coordinator(),
	}
	for _, topic := range b.topics {
		b.targets = append(b.targets, b.leaderOf(topic))
	}
	b.run(stretch(t))
	done.Store(true)
	working.Wait()
	a.c.Until(opTime, "all lines are taken", func(ctx context.Context) error {
		return taken(ctx, a.c, a.id, linesTopic, lines)
	})
	a.awaitTotals(counts)
	for number := range a.instances {
		if err := a.instances[number].get().stop(); err != nil {
			t.Error(err)
		}
	}
	a.check(counts)
	var sum int64
	for _, count := range counts {
		sum += count
	}
	t.Logf("%d words in %d lines; %d instances crashed, %d frozen, %d threads began anew",
		sum, lines, a.crashes, a.freezes, a.replaced.Load())
	if sum < 1000 || a.crashes == 0 || a.freezes == 0 {
		t.Error("too little happened to prove anything")
	}
}

// awaitTotals returns when the last total of each word is its count.
func (a *counting) awaitTotals(counts map[string]int64) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), opTime)
	defer cancel()
	missing := map[string]bool{}
	for word := range counts {
		missing[word] = true
	}
	r := &reader{a.c, totalsTopic, wordPlaces}
	_, err := r.follow(ctx, func(one history.Seen) bool {
		if one.Value.Number == counts[one.Value.Writer] {
			delete(missing, one.Value.Writer)
		}
		return len(missing) == 0
	})
	if err != nil {
		a.t.Errorf("%d of %d words lack their last total: %v", len(missing), len(counts), err)
	}
}

// check compares all totals with what they have to be: to history each word is a writer, and its totals are
// what it wrote.
func (a *counting) check(counts map[string]int64) {
	a.t.Helper()
	b := &book{}
	r := &reader{a.c, totalsTopic, wordPlaces}
	if err := r.last(a.t, b); err != nil {
		a.t.Fatal(err)
	}
	var err error
	if b.Final, err = r.all(a.t); err != nil {
		a.t.Fatalf("the totals cannot be read to the end; is a transaction left open? %v", err)
	}
	places := map[string]history.Place{} // of each word: that of its first total
	for _, one := range b.Final {
		if _, known := places[one.Value.Writer]; !known {
			places[one.Value.Writer] = one.Place
		}
	}
	for word, count := range counts {
		for number := range count {
			b.transaction(history.Transaction{Outcome: history.Committed, Writes: []history.Write{{
				Place: places[word], Value: history.Value{Writer: word, Number: number + 1}, Offset: history.Unknown,
			}}})
		}
	}
	check(a.t, &b.History)
}
