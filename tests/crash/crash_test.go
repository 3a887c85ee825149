package crash

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/tests/node"
	"github.com/chronik-go/chronik/tests/topics"
)

var server string

func TestMain(m *testing.M) { os.Exit(node.Main(&server, m.Run)) }

const (
	kills = 50
	// patience bounds each step; a node starts in a fraction of it.
	patience = 30 * time.Second
	// Between two kills so many records are acknowledged.
	leastLoad, mostLoad = 100, 4000
	// Every so many rounds everything is read again from the beginning.
	fullReadEvery = 10
)

// small files and checkpoints make every kind of file end, roll and be used again within the test.
var settings = []string{
	"CHRONIK_STORAGE_WAL_FILE_BYTES=2MiB", "CHRONIK_STORAGE_CHECKPOINT_BYTES=8MiB", "CHRONIK_LOG_SEGMENT_BYTES=1MiB",
	"CHRONIK_STORAGE_RESERVE_BYTES=0", "CHRONIK_LOG_LEVEL=info",
}

// run is one server with its load.
type run struct {
	t       *testing.T
	random  *rand.Rand
	options node.Options
	server  *node.Process
	ledger  *ledger
	content content
	gate    sync.RWMutex // held while the log is read: what is looked at must not grow faster than it is read
}

// TestNothingAcknowledgedIsLost kills the server under load and looks at everything after each restart.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := newRun(t, seed)
	stopProducers := r.produce(seed)
	begun, soak := time.Now(), soakTime(t)
	rounds, early := 0, 0
	for ; rounds < kills || time.Since(begun) < soak; rounds++ {
		r.await(r.random.IntN(mostLoad-leastLoad) + leastLoad)
		r.server.Kill()
		for r.random.IntN(4) == 0 {
			early++
			r.killWhileStarting()
		}
		r.start()
		r.verify(rounds%fullReadEvery == fullReadEvery-1)
	}
	stopProducers()
	r.verify(true)
	if err := r.server.Stop(patience); err != nil {
		t.Fatalf("stop: %v", err)
	}
	r.start()
	r.verify(true)
	t.Logf("%d kills under load and %d while starting, %d records acknowledged, %d repeated and %d given up by plain producers, %s",
		rounds, early, r.ledger.total(), r.content.repetitions(), r.ledger.givenUp(), time.Since(begun).Round(time.Millisecond))
}

func soakTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("CHRONIK_SOAK")
	if text == "" {
		return 0
	}
	soak, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("CHRONIK_SOAK: %v", err)
	}
	return soak
}

func newRun(t *testing.T, seed uint64) *run {
	t.Helper()
	address, err := node.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	r := &run{
		t: t, random: rand.New(rand.NewPCG(seed, 0)), ledger: newLedger(),
		options: node.Options{Binary: server, Data: t.TempDir(), Address: address, Env: settings},
	}
	r.start()
	t.Cleanup(func() { r.server.Kill() })
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := topics.Create(ctx, client, topic, partitions, nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// produce starts the producers. The returned function lets them finish what they have under way.
func (r *run) produce(seed uint64) (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	var running sync.WaitGroup
	var made []*producer
	for id := range uint32(producers) {
		p, err := newProducer(id, r.options.Address, seed, r.ledger, &r.gate)
		if err != nil {
			r.t.Fatal(err)
		}
		made = append(made, p)
		running.Add(1)
		go p.run(ctx, &running)
	}
	r.t.Cleanup(func() {
		cancel()
		running.Wait()
		for _, p := range made {
			p.client.Close()
		}
	})
	return func() {
		cancel()
		running.Wait()
		flushing, done := context.WithTimeout(context.Background(), patience)
		defer done()
		for _, p := range made {
			if err := p.client.Flush(flushing); err != nil {
				r.t.Fatalf("producer %d does not get its last records acknowledged: %v\n%s", p.id, err, r.server.Log())
			}
		}
	}
}

func (r *run) start() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	server, err := node.Start(ctx, r.options)
	if err != nil {
		r.t.Fatal(err)
	}
	r.server = server
}

// killWhileStarting kills the server at one of its first log lines, in the middle of recovery.
func (r *run) killWhileStarting() {
	r.t.Helper()
	reached, lines := make(chan struct{}), r.random.IntN(4)+1
	options := r.options
	options.OnLine = func(string) {
		if lines--; lines == 0 {
			close(reached)
		}
	}
	server, err := node.Launch(options)
	if err != nil {
		r.t.Fatal(err)
	}
	select {
	case <-reached:
	case <-server.Exited():
		r.t.Fatalf("the server ended while starting: %v\n%s", server.Err(), server.Log())
	case <-time.After(patience):
		r.t.Fatalf("the server is silent\n%s", server.Log())
	}
	server.Kill()
}

func (r *run) await(more int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	if err := r.ledger.await(ctx, more); err != nil {
		r.t.Fatalf("%v\n%s", err, r.server.Log())
	}
}

// verify reads what is new, or everything again, and compares it with the ledger.
func (r *run) verify(full bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*patience)
	defer cancel()
	r.gate.Lock()
	defer r.gate.Unlock()
	acked := r.ledger.ends() // before the ends are looked up: what comes later is looked at later
	before := r.content
	if full {
		r.content = content{}
	}
	if err := r.content.readOn(ctx, r.options.Address); err != nil {
		r.t.Fatalf("%v\n%s", err, r.server.Log())
	}
	for p := range acked {
		if got := int64(len(r.content[p])); got < acked[p] {
			r.t.Fatalf("partition %d ends at %d, but %d was acknowledged", p, got, acked[p]-1)
		}
		for offset := range before[p] {
			if r.content[p][offset] != before[p][offset] {
				r.t.Fatalf("partition %d offset %d: was %+v, is %+v", p, offset, before[p][offset], r.content[p][offset])
			}
		}
	}
	if err := r.ledger.check((*[partitions][]identity)(&r.content)); err != nil {
		r.t.Fatal(err)
	}
	if err := r.content.checkOrder(); err != nil {
		r.t.Fatal(err)
	}
}
