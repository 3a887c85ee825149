package partitionlog

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// TestReadersDisturbNobody runs readers of current and old views beside appends, rolls, retention, flushes
// and rebuilds, on real files. Record values name their offset, so every reader knows what is right.
func TestReadersDisturbNobody(t *testing.T) {
	const seed = 11
	t.Logf("seed %d", seed)
	dir := t.TempDir() + "/topic-0"
	c := Config{SegmentBytes: 4000, IndexIntervalBytes: 300, TopicID: testTopic, Handles: NewHandleCache(4, 500)}
	log, err := Open(vfs.OS(), dir, c, nil, Boot)
	must(t, err)
	var current atomic.Pointer[Log]
	current.Store(log)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() { readUntil(t, done, &current, rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	o := owner{t: t, dir: dir, config: c, current: &current, rng: rand.New(rand.NewPCG(seed, 99))}
	steps := 1500
	if testing.Short() {
		steps = 500
	}
	o.run(steps)
	close(done)
	readers.Wait()
}

// owner plays the applier and, on another goroutine, the janitor.
type owner struct {
	t       *testing.T
	dir     string
	config  Config
	current *atomic.Pointer[Log]
	rng     *rand.Rand

	batches  []batch.Batch
	starts   map[int]protocol.Offset // log start commands by the number of batches before them
	state    State
	stateAt  int
	flushing chan State
	flushAt  int
}

func (o *owner) run(steps int) {
	o.starts = map[int]protocol.Offset{}
	for range steps {
		l := o.current.Load()
		switch n := o.rng.IntN(100); {
		case n < 80:
			o.append(l)
		case n < 84:
			v := l.View()
			start := v.Start() + (v.End()-v.Start())/2
			o.starts[len(o.batches)] = start
			must(o.t, l.AdvanceStart(start))
		case n < 96:
			o.checkpoint(l)
		default:
			o.rebuild()
		}
	}
	if o.flushing != nil {
		<-o.flushing
	}
}

func (o *owner) append(l *Log) {
	var more []batch.Batch
	end := l.View().End()
	for range 1 + o.rng.IntN(4) {
		b := numbered(end, 1+o.rng.IntN(3))
		end = b.NextOffset()
		more = append(more, b)
	}
	o.batches = append(o.batches, more...)
	must(o.t, l.Append(more))
}

// numbered returns a batch whose records carry their offsets.
func numbered(base protocol.Offset, n int) batch.Batch {
	records := make([]batch.Record, n)
	for i := range records {
		offset := base + protocol.Offset(i)
		value := []byte{byte(offset), byte(offset >> 8), byte(offset >> 16)}
		records[i] = batch.Record{Timestamp: int64(offset), Value: value}
	}
	p := &batch.Producer{ID: int64(base) % 50, Sequence: int32(base)} // so that flushes have a table to write
	return batch.Build(batch.Options{BaseOffset: base, Producer: p}, records...)
}

// checkpoint starts a flush or, if one is under way, waits for it and tells the log.
func (o *owner) checkpoint(l *Log) {
	if o.flushing != nil {
		o.state, o.stateAt = <-o.flushing, o.flushAt
		o.flushing = nil
		must(o.t, l.Checkpointed(o.state))
		return
	}
	flush, err := l.Capture()
	must(o.t, err)
	result := make(chan State, 1)
	o.flushing, o.flushAt = result, len(o.batches)
	go func() {
		s, err := flush()
		if err != nil {
			o.t.Error(err)
		}
		result <- s
	}()
}

func (o *owner) rebuild() {
	if o.flushing != nil { // the janitor runs one flush of a log at a time, and this one's log is going away
		<-o.flushing
		o.flushing = nil
	}
	if o.rng.IntN(2) == 0 {
		must(o.t, o.current.Load().Close())
	}
	l, err := Open(vfs.OS(), o.dir, o.config, o.state, Rebuild)
	must(o.t, err)
	for i := o.stateAt; i < len(o.batches); i++ {
		if start, ok := o.starts[i]; ok {
			must(o.t, l.AdvanceStart(start))
		}
		must(o.t, l.Append(o.batches[i:i+1]))
	}
	if start, ok := o.starts[len(o.batches)]; ok {
		must(o.t, l.AdvanceStart(start))
	}
	o.current.Store(l)
}

func readUntil(t *testing.T, done chan struct{}, current *atomic.Pointer[Log], rng *rand.Rand) {
	v := current.Load().View()
	for {
		select {
		case <-done:
			return
		default:
		}
		if rng.IntN(4) > 0 {
			v = current.Load().View()
		}
		if v.End() == v.Start() {
			continue
		}
		from := v.Start() + protocol.Offset(rng.Int64N(int64(v.End()-v.Start())))
		if err := readOnce(v, from, rng); err != nil {
			t.Errorf("read from %d of %d to %d: %v", from, v.Start(), v.End(), err)
			return
		}
	}
}

// readOnce reads in one of the ways there are. What has been removed meanwhile may be gone.
func readOnce(v *View, from protocol.Offset, rng *rand.Rand) error {
	if rng.IntN(3) == 0 {
		offset, _, _, found, err := v.ByTimestamp(int64(from))
		if isGone(err) {
			return nil
		}
		if err != nil || !found || offset != from {
			return errors.Join(err, errors.New("by timestamp: another offset"))
		}
		return nil
	}
	data, err := readRegion(v, from, rng.IntN(3000), true)
	if isGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	want := from
	for i, b := range wholeBatches(data) {
		if i == 0 && b.BaseOffset() <= from {
			want = b.BaseOffset()
		}
		if !b.VerifyCRC() || b.BaseOffset() != want {
			return errors.New("another batch")
		}
		want = b.NextOffset()
	}
	if want <= from {
		return errors.New("the batch asked for is not whole")
	}
	v.Available(from)
	return nil
}

func isGone(err error) bool { return errors.Is(err, ErrOffsetOutOfRange) || vfs.IsNotExist(err) }
