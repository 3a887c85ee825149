package crash

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/tests/node"
	"github.com/chronik-go/chronik/tests/topics"
)

const (
	compacted     = "compacted"
	compactedKeys = 500
	// killsOfCompaction is how often the server is killed unless the environment says otherwise.
	killsOfCompaction = 8
	envCompaction     = "CHRONIK_COMPACTION_KILLS"
)

// compacting settings keep compaction busy: segments and checkpoints are small, it looks again at once, and its
// rate is low enough that it is in the middle of something most of the time.
var compacting = []string{
	"CHRONIK_STORAGE_WAL_FILE_BYTES=1MiB", "CHRONIK_STORAGE_CHECKPOINT_BYTES=2MiB", "CHRONIK_STORAGE_RESERVE_BYTES=0",
	"CHRONIK_LOG_COMPACTION_CHECK_INTERVAL=10ms", "CHRONIK_LOG_COMPACTION_RATE=48MiB",
	"CHRONIK_LOG_COMPACTION_MEMORY=1MiB", "CHRONIK_LOG_LEVEL=info",
}

// changelog is what is known of a compacted topic: for each key the last update that was sent, and the offset
// at which it was acknowledged.
type changelog struct {
	gate   sync.RWMutex // held while nothing new may be sent
	mu     sync.Mutex
	sent   [compactedKeys]int64
	offset [compactedKeys]int64
	total  int // updates sent
	count  int // and acknowledged
	failed error
	grown  chan struct{}
}

// update notes what is sent next and returns the record.
func (l *changelog) update(key int, random *rand.Rand) *kgo.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[key]++
	l.total++
	value := make([]byte, 8+random.IntN(2000))
	binary.BigEndian.PutUint64(value, uint64(l.sent[key]))
	return &kgo.Record{Key: fmt.Append(nil, key), Value: value}
}

func (l *changelog) ack(key int, r *kgo.Record, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed = err
	} else {
		l.offset[key] = r.Offset
		l.count++
	}
	select {
	case l.grown <- struct{}{}:
	default:
	}
}

// await returns when so many updates have been acknowledged.
func (l *changelog) await(ctx context.Context, target int) error {
	for {
		l.mu.Lock()
		count, failed := l.count, l.failed
		l.mu.Unlock()
		if failed != nil || count >= target {
			return failed
		}
		select {
		case <-l.grown:
		case <-ctx.Done():
			return fmt.Errorf("%d updates were acknowledged, want %d: %w", count, target, ctx.Err())
		}
	}
}

func (l *changelog) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// TestKillsDuringCompactionLoseNoKey kills the server while it compacts a topic under load, and reads the whole
// topic after each restart: it holds the last update of each key, where it was acknowledged, and of all others
// some, in order.
func TestKillsDuringCompactionLoseNoKey(t *testing.T) {
	rounds := killsOfCompaction
	if text := os.Getenv(envCompaction); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	address, err := node.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	var compactions atomic.Int64
	r := &run{t: t, random: rand.New(rand.NewPCG(seed, 0)), options: node.Options{
		Binary: server, Data: t.TempDir(), Address: address, Env: compacting,
		OnLine: func(line string) {
			if strings.Contains(line, "log is compacted") {
				compactions.Add(1)
			}
		},
	}}
	r.start()
	t.Cleanup(func() { r.server.Kill() })
	client := r.changelogClient()
	l := &changelog{grown: make(chan struct{}, 1)}
	stop := l.load(client, seed)
	defer stop()
	left, total := 0, 0
	for range rounds {
		// Enough for a checkpoint or two, which compaction needs to get anywhere.
		target := l.acknowledged() + r.random.IntN(6000) + 1000
		r.within(func(ctx context.Context) error { return l.await(ctx, target) })
		r.server.Kill()
		r.start()
		total = l.acknowledged()
		left = r.checkChangelog(l)
	}
	stop()
	least := r.checkChangelog(l)
	settled := func() bool { return compactions.Load() > 0 && least < l.total/2 }
	// The more rounds, the more is left to compact, and to read to see that it is.
	within := 2*patience + time.Duration(rounds)*2*time.Second
	for deadline := time.Now().Add(within); !settled() && time.Now().Before(deadline); {
		least = r.checkChangelog(l)
	}
	if !settled() {
		t.Errorf("got %d compactions and %d records of %d left, want one at least, and few records",
			compactions.Load(), least, l.total)
	}
	t.Logf("%d kills, %d compactions, %d updates of %d keys, %d of %d records left after the kills, %d in the end",
		rounds, compactions.Load(), l.total, compactedKeys, left, total, least)
}

// changelogClient makes the topic and returns the client that writes to it.
func (r *run) changelogClient() *kgo.Client {
	r.t.Helper()
	client, err := kgo.NewClient(append(impatient(r.options.Address), kgo.DefaultProduceTopic(compacted),
		kgo.UnknownTopicRetries(-1), kgo.StopProducerOnDataLossDetected(), kgo.ProducerBatchMaxBytes(16<<10),
		kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(client.Close)
	r.within(func(ctx context.Context) error {
		return topics.Create(ctx, client, compacted, 1, map[string]string{
			"cleanup.policy": "compact", "internal.segment.bytes": "300000", "min.cleanable.dirty.ratio": "0.05",
		})
	})
	return client
}

// load sends updates until stop is called.
func (l *changelog) load(client *kgo.Client, seed uint64) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		random := rand.New(rand.NewPCG(seed, 1))
		slots := make(chan struct{}, underWay)
		for {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			key := random.IntN(compactedKeys)
			l.gate.RLock()
			client.Produce(context.Background(), l.update(key, random), func(r *kgo.Record, err error) {
				l.ack(key, r, err)
				<-slots
			})
			l.gate.RUnlock()
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

func (r *run) within(do func(ctx context.Context) error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	if err := do(ctx); err != nil {
		r.t.Fatalf("%v\n%s", err, r.server.Log())
	}
}

// checkChangelog waits until all that was sent is acknowledged, reads the topic and returns how many records
// there are.
func (r *run) checkChangelog(l *changelog) (records int) {
	r.t.Helper()
	l.gate.Lock()
	defer l.gate.Unlock()
	r.within(func(ctx context.Context) error { return l.await(ctx, l.total) })
	var found, at [compactedKeys]int64
	r.within(func(ctx context.Context) error {
		return readCompacted(ctx, r.options.Address, func(record *kgo.Record) error {
			key, err := strconv.Atoi(string(record.Key))
			if err != nil {
				return err
			}
			update := int64(binary.BigEndian.Uint64(record.Value))
			if update <= found[key] {
				return fmt.Errorf("key %d: update %d at %d comes after %d", key, update, record.Offset, found[key])
			}
			found[key], at[key] = update, record.Offset
			records++
			return nil
		})
	})
	for key := range found {
		if found[key] != l.sent[key] || at[key] != l.offset[key] && found[key] > 0 {
			r.t.Fatalf("key %d: got update %d at %d, want %d at %d\n%s", key, found[key], at[key], l.sent[key],
				l.offset[key], r.server.Log())
		}
	}
	return records
}

// readCompacted visits the records of the topic up to its end.
func readCompacted(ctx context.Context, address string, visit func(*kgo.Record) error) error {
	client, err := kgo.NewClient(impatient(address)...)
	if err != nil {
		return err
	}
	defer client.Close()
	ends, err := topics.Offsets(ctx, client, compacted, 1, topics.Latest)
	if err != nil || ends[0] == 0 {
		return err
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{compacted: {0: kgo.NewOffset().At(0)}})
	for next := int64(0); next < ends[0]; {
		fetches := client.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			return fmt.Errorf("fetch: %w, read up to %d of %d", errs[0].Err, next, ends[0])
		}
		for records := fetches.RecordIter(); !records.Done(); {
			record := records.Next()
			if err := visit(record); err != nil {
				return err
			}
			next = record.Offset + 1
		}
	}
	return nil
}
