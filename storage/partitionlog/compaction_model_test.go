package partitionlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// TestCompactionAgreesWithAModel runs random histories of appends, transactions, checkpoints, retention,
// steps of compactions, crashes, rebuilds and copies on the crashing file system. Whatever happens, a record may be
// missing only if a later one of its key is there to see, it is a tombstone, or its transaction was aborted;
// and if it is missing, no earlier one of its key may seem to be the last.
func TestCompactionAgreesWithAModel(t *testing.T) {
	seeds := uint64(400)
	if testing.Short() {
		seeds = 2
	}
	total := map[string]int{}
	for seed := range seeds {
		if err := runCompactions(t, seed, total); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	t.Logf("seen: %v", total)
	for _, what := range []string{
		"copied", "copied anew", "interrupted", "crash in a copy", "crash before the state",
		"crash after the state",
	} {
		if total[what] == 0 && !testing.Short() {
			t.Errorf("the histories never came to: %s", what)
		}
	}
}

// modelRecord is what was appended.
type modelRecord struct {
	key, value string
	tombstone  bool
	aborted    bool
	timestamp  int64
}

// shop is a log under compaction with its model.
type shop struct {
	rng     *rand.Rand
	fs      *vfs.Mem
	log     *Log
	config  Config
	batches []batch.Batch // what was committed
	records map[protocol.Offset]*modelRecord
	open    map[int64][]protocol.Offset // records of open transactions by producer
	starts  map[int]protocol.Offset     // by number of batches: the log start was raised then
	end     protocol.Offset
	epoch   protocol.LeaderEpoch
	now     int64
	next    int

	state   State
	stateAt int // batches that it has
	job     *Compaction
	old     []*View
	failIn  int
	redone  int // compactions that came to their end
	seen    map[string]int
}

func runCompactions(t *testing.T, seed uint64, seen map[string]int) error {
	w := &shop{
		rng: rand.New(rand.NewPCG(seed, 2)), fs: newMem(t), now: 1000, records: map[protocol.Offset]*modelRecord{},
		open: map[int64][]protocol.Offset{}, starts: map[int]protocol.Offset{}, seen: seen,
	}
	w.config = w.randomConfig()
	var err error
	if w.log, err = Open(w.disk(), testDir, w.config, nil, Boot); err != nil {
		return err
	}
	for step := range 120 {
		name, err := w.step()
		if errors.Is(err, vfs.ErrInjected) {
			name, err = name+" with a failing disk", w.recover()
		}
		if err == nil {
			err = w.check()
		}
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", step, name, err)
		}
	}
	return nil
}

func (w *shop) randomConfig() Config {
	return Config{
		SegmentBytes: int64(300 + w.rng.IntN(3000)), IndexIntervalBytes: 1 + w.rng.IntN(400), TopicID: testTopic,
		Compact: true, DeleteRetentionMs: w.rng.Int64N(300), MinCompactionLagMs: w.rng.Int64N(2) * w.rng.Int64N(200),
		Handles: NewHandleCache(1+w.rng.IntN(4), 1+w.rng.Int64N(2000)),
	}
}

// disk fails at random when told so, as in TestAgreesWithAModel.
func (w *shop) disk() vfs.FS {
	return vfs.NewFaulty(w.fs, func(op vfs.Op) error {
		switch op.Kind {
		case vfs.OpOpen, vfs.OpRead, vfs.OpStat, vfs.OpList:
			return nil
		}
		if w.failIn == 0 {
			return nil
		}
		if w.failIn > 1 {
			w.failIn--
			return nil
		}
		return vfs.ErrInjected
	})
}

func (w *shop) step() (string, error) {
	switch n := w.rng.IntN(100); {
	case n < 40:
		return "append", w.append()
	case n < 55:
		return "checkpoint", w.checkpoint()
	case n < 85:
		return "compact", w.compact()
	case n < 88:
		return "advance", w.advance()
	case n < 93:
		return "crash", w.crash()
	case n < 96:
		return "rebuild", w.rebuild()
	case n < 98:
		w.failIn = 1 + w.rng.IntN(12)
		return "disk begins to fail", nil
	default:
		return "copy", w.copy()
	}
}

func (w *shop) append() error {
	var all []batch.Batch
	for range 1 + w.rng.IntN(5) {
		w.now += w.rng.Int64N(30)
		if w.rng.IntN(12) == 0 {
			w.epoch++
		}
		all = append(all, w.batch())
	}
	w.batches = append(w.batches, all...)
	if w.rng.IntN(4) == 0 {
		w.old = append(w.old, w.log.View())
	}
	return w.log.Append(all)
}

// batch makes up the next batch: plain, of an idempotent producer, of a transaction, or a marker.
func (w *shop) batch() batch.Batch {
	o := batch.Options{BaseOffset: w.end, LeaderEpoch: w.epoch, Codec: batch.Codec(w.rng.IntN(2) * w.rng.IntN(5))}
	producer := w.rng.Int64N(6)
	switch kind := w.rng.IntN(4); {
	case kind == 1:
		o.Producer = &batch.Producer{ID: 10 + producer}
	case kind == 2 && len(w.open[producer]) > 0 && w.rng.IntN(2) == 0:
		return w.marker(o, producer)
	case kind == 2:
		o.Producer, o.Transactional = &batch.Producer{ID: producer}, true
	}
	var records []batch.Record
	for i := range 1 + w.rng.IntN(5) {
		w.next++
		m := &modelRecord{
			key: fmt.Sprint("k", w.rng.IntN(12)), value: fmt.Sprint("v", w.next), tombstone: w.rng.IntN(5) == 0,
			timestamp: w.now - w.rng.Int64N(20),
		}
		r := batch.Record{Timestamp: m.timestamp, Key: []byte(m.key), Value: []byte(m.value)}
		if m.tombstone {
			r.Value, m.value = nil, ""
		}
		offset := w.end + protocol.Offset(i)
		w.records[offset] = m
		if o.Transactional {
			w.open[producer] = append(w.open[producer], offset)
		}
		records = append(records, r)
	}
	b := batch.Build(o, records...)
	w.end = b.NextOffset()
	return b
}

func (w *shop) marker(o batch.Options, producer int64) batch.Batch {
	commit := w.rng.IntN(2) == 0
	for _, offset := range w.open[producer] {
		w.records[offset].aborted = !commit
	}
	delete(w.open, producer)
	o.Codec, o.Transactional, o.Control = batch.NoCompression, true, true
	o.Producer = &batch.Producer{ID: producer, Sequence: -1}
	b := batch.Build(o, batch.Marker(commit, 0, w.now))
	w.end = b.NextOffset()
	return b
}

func (w *shop) checkpoint() error {
	flush, err := w.log.Capture()
	if err != nil {
		return err
	}
	at := len(w.batches)
	if w.rng.IntN(3) == 0 { // goes on between the two, and a compaction too
		if err := errors.Join(w.append(), w.compact()); err != nil {
			return err
		}
	}
	s, err := flush()
	if err != nil {
		return err
	}
	w.state, w.stateAt = s, at
	if w.rng.IntN(8) == 0 {
		return w.crash()
	}
	return w.log.Checkpointed(s)
}

// compact begins a compaction or moves the one under way on by a little or to its end.
func (w *shop) compact() error {
	if w.job == nil {
		if reached := w.log.files.reached(); w.rng.IntN(8) == 0 { // as if it had been interrupted early before
			reached.pass.limit = 1 + w.rng.Int64N(3000)
			w.log.files.noteReached(reached)
		}
		var err error
		w.job, err = w.log.Compact(w.now, 0)
		if errors.Is(err, ErrNothingToCompact) {
			return nil
		}
		if err != nil {
			return err
		}
		if w.rng.IntN(2) == 0 { // so that many passes are needed
			w.job.keys = &keyMap{slots: make([]keySlot, 8), limit: 1 + w.rng.IntN(6)}
		}
	}
	bytes := int64(1 + w.rng.IntN(1000))
	if w.rng.IntN(3) == 0 {
		bytes = 1 << 40
	}
	_, done, err := w.job.Step(bytes)
	if done || err != nil {
		w.job = nil
	}
	if errors.Is(err, ErrOffsetOutOfRange) || errors.Is(err, ErrClosed) {
		return nil // the segments or the log went away
	}
	if done && err == nil {
		w.redone++
		return w.checkCompacted()
	}
	return err
}

func (w *shop) advance() error {
	v := w.log.View()
	start := v.Start() + protocol.Offset(w.rng.Int64N(int64(v.End()-v.Start())/2+1))
	w.starts[len(w.batches)] = max(w.starts[len(w.batches)], start)
	return w.log.AdvanceStart(start)
}

func (w *shop) recover() error {
	w.failIn = 0
	if w.rng.IntN(2) == 0 {
		return w.crash()
	}
	return w.rebuild()
}

func (w *shop) crash() error {
	w.fs = w.fs.CrashClone(w.rng)
	w.old, w.job = nil, nil
	w.config = w.randomConfig()
	return w.reopen(Boot)
}

// rebuild keeps the compaction of the log that has failed: it must do no harm.
func (w *shop) rebuild() error {
	if w.log != nil {
		w.old = append(w.old, w.log.View())
	}
	if w.rng.IntN(2) == 0 {
		w.job = nil
	}
	return w.reopen(Rebuild)
}

func (w *shop) reopen(how Mode) error {
	var err error
	if w.log, err = Open(w.disk(), testDir, w.config, w.state, how); err != nil {
		return err
	}
	for i := w.stateAt; ; i++ {
		if start := w.starts[i]; start > 0 {
			if err := w.log.AdvanceStart(start); err != nil {
				return err
			}
		}
		if i == len(w.batches) {
			return nil
		}
		if err := w.log.Append(w.batches[i : i+1]); err != nil {
			return err
		}
	}
}

// check compares what can be read with what was appended.
func (w *shop) check() error {
	v := w.log.View()
	if v.End() != w.end {
		return fmt.Errorf("got end %d, want %d", v.End(), w.end)
	}
	if err := w.checkView(v, v.Start(), true); err != nil {
		return err
	}
	if len(w.old) > 0 {
		old := w.old[w.rng.IntN(len(w.old))]
		err := w.checkView(old, max(old.Start(), v.Start()), false)
		if err != nil && old.current == v.current {
			return fmt.Errorf("old view of the same log: %w", err)
		}
		if err != nil && !errors.Is(err, errReplaced) && !errors.Is(err, ErrOffsetOutOfRange) && !vfs.IsNotExist(err) {
			return fmt.Errorf("old view: %w", err)
		}
	}
	return nil
}

// checkView reads everything from an offset on.
func (w *shop) checkView(v *View, from protocol.Offset, exact bool) error {
	batches, err := readAll(v, from, 1+w.rng.IntN(2000))
	if err != nil {
		return err
	}
	got := map[protocol.Offset]bool{}
	next := from
	for _, b := range batches {
		if exact && b.BaseOffset() > next {
			return fmt.Errorf("a gap before %d", b.BaseOffset())
		}
		if !b.VerifyCRC() {
			return fmt.Errorf("bad checksum at %d", b.BaseOffset())
		}
		next = b.NextOffset()
		if b.IsControl() {
			continue
		}
		if err := w.checkBatch(b, got); err != nil {
			return err
		}
	}
	if exact && next != v.End() {
		return fmt.Errorf("got to %d, want %d", next, v.End())
	}
	if exact {
		if err := errors.Join(w.checkCommitted(v, from, got), w.checkLast(got, from)); err != nil {
			return err
		}
	}
	return w.checkMissing(got, from, v.End())
}

// checkCommitted compares what a reader of committed records sees with what is there and was not aborted.
func (w *shop) checkCommitted(v *View, from protocol.Offset, there map[protocol.Offset]bool) error {
	seen, err := readCommitted(v, from, 1+w.rng.IntN(1000))
	if err != nil {
		return err
	}
	for offset := from; offset < v.LastStable(); offset++ {
		m := w.records[offset]
		if want := there[offset] && !m.aborted; seen[offset] != want {
			return fmt.Errorf("offset %d (%+v, there: %v): a reader of committed records sees it: %v",
				offset, m, there[offset], seen[offset])
		}
	}
	return nil
}

func (w *shop) checkBatch(b batch.Batch, got map[protocol.Offset]bool) error {
	var wrong error
	err := b.Records(func(r batch.Record) bool {
		m := w.records[r.Offset]
		if m == nil || m.key != string(r.Key) || m.value != string(r.Value) || m.tombstone != (r.Value == nil) ||
			m.timestamp != r.Timestamp {
			wrong = fmt.Errorf("offset %d: got %q=%q at %d, want %+v", r.Offset, r.Key, r.Value, r.Timestamp, m)
		}
		got[r.Offset] = true
		return wrong == nil
	})
	return errors.Join(err, wrong)
}

// checkMissing goes back through what was appended.
func (w *shop) checkMissing(got map[protocol.Offset]bool, from, to protocol.Offset) error {
	later := map[string]bool{} // keys of which a later record counts
	for offset := w.end - 1; offset >= from; offset-- {
		m := w.records[offset]
		if m == nil {
			continue
		}
		if !got[offset] && offset < to && !later[m.key] && !m.tombstone && !m.aborted {
			return fmt.Errorf("offset %d (%+v) is missing", offset, m)
		}
		later[m.key] = later[m.key] || !m.aborted && !w.isOpen(offset)
	}
	return nil
}

// checkLast demands that nobody who reads all takes a record for the last one of its key that is not: if that
// is gone, being a tombstone, so are those before it.
func (w *shop) checkLast(got map[protocol.Offset]bool, from protocol.Offset) error {
	last := map[string]protocol.Offset{}
	told := map[string]bool{} // keys of which a later record is there
	for offset := w.end - 1; offset >= from; offset-- {
		m := w.records[offset]
		if m == nil || m.aborted || w.isOpen(offset) {
			continue
		}
		if _, later := last[m.key]; !later {
			last[m.key] = offset
		}
		if got[offset] && !told[m.key] && !m.tombstone && last[m.key] != offset {
			return fmt.Errorf("offset %d (%+v) is there, but not %d (%+v)",
				offset, m, last[m.key], w.records[last[m.key]])
		}
		told[m.key] = told[m.key] || got[offset]
	}
	return nil
}

func (w *shop) isOpen(offset protocol.Offset) bool {
	for _, offsets := range w.open {
		for _, one := range offsets {
			if one == offset {
				return true
			}
		}
	}
	return false
}

// checkCompacted demands that below the offset up to which all was looked at no key is there twice and no
// aborted record at all.
func (w *shop) checkCompacted() error {
	v, to := w.log.View(), w.log.files.reached().compacted
	batches, err := readAll(v, v.Start(), 1000)
	if err != nil {
		return err
	}
	seen := map[string]protocol.Offset{}
	for _, b := range batches {
		if b.IsControl() {
			continue
		}
		var wrong error
		err := b.Entries(func(e batch.Entry) bool {
			if e.Offset < v.Start() || e.Offset >= to {
				return true
			}
			if before, twice := seen[string(e.Key)]; twice {
				wrong = fmt.Errorf("below %d key %s is at %d and at %d", to, e.Key, before, e.Offset)
			}
			if w.records[e.Offset].aborted {
				wrong = fmt.Errorf("below %d offset %d is of an aborted transaction", to, e.Offset)
			}
			seen[string(e.Key)] = e.Offset
			return true
		})
		if err := errors.Join(err, wrong); err != nil {
			return err
		}
	}
	return nil
}
