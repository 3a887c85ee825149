package partitionlog

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// TestAgreesWithAModel runs random histories of appends, retention, checkpoints, crashes and rebuilds on the
// crashing file system and compares everything that can be read with a model that keeps it in slices.
func TestAgreesWithAModel(t *testing.T) {
	seeds := uint64(1000)
	if testing.Short() {
		seeds = 40
	}
	for seed := range seeds {
		if err := runModel(t, seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// command is one entry of what would be the write-ahead log.
type command struct {
	batches []batch.Batch
	start   protocol.Offset // if there are no batches: the new log start, or
	expire  int64           // if not 0: the time before which producers expire, with
	at      protocol.Offset // the offset of the next record
}

// world is a log, its model and everything around it.
type world struct {
	rng    *rand.Rand
	fs     *vfs.Mem
	log    *Log
	config Config
	// failIn is after how many operations that change something the disk fails, 0: never.
	failIn int

	commands []command
	applied  int // commands that the log has seen
	now      int64
	epoch    protocol.LeaderEpoch

	state   State // of the last checkpoint
	stateAt int   // commands in it

	// The model: what the log holds after applied commands.
	batches   []batch.Batch
	start     protocol.Offset
	producers *Producers

	pending func() (State, error) // a capture that is not flushed yet
	pendAt  int
	old     []*View // older views that readers still hold
}

func runModel(t *testing.T, seed uint64) error {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), fs: newMem(t), now: 1000}
	w.config = w.randomConfig()
	w.producers = NewProducers(w.config.withDefaults().MaxProducers)
	var err error
	if w.log, err = Open(w.disk(), testDir, w.config, nil, Boot); err != nil {
		return err
	}
	for step := range 40 {
		name, err := w.step()
		if errors.Is(err, vfs.ErrInjected) {
			name, err = name+" with a failing disk", w.recover()
		}
		if err == nil {
			err = w.compare()
		}
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", step, name, err)
		}
	}
	return nil
}

func (w *world) randomConfig() Config {
	return Config{
		SegmentBytes:       int64(300 + w.rng.IntN(3000)),
		SegmentMs:          int64(50 + w.rng.IntN(1000)),
		SegmentJitterMs:    int64(w.rng.IntN(50)),
		IndexIntervalBytes: 1 + w.rng.IntN(400),
		MaxIndexBytes:      24 + w.rng.IntN(200),
		MaxProducers:       3 + w.rng.IntN(20),
		TopicID:            testTopic,
		Handles:            NewHandleCache(1+w.rng.IntN(4), 1+w.rng.Int64N(2000)),
	}
}

func (w *world) step() (string, error) {
	switch n := w.rng.IntN(100); {
	case n < 55:
		return "append", w.append()
	case n < 63:
		return "advance start", w.advance()
	case n < 66:
		return "expire", w.do(command{expire: w.now - w.rng.Int64N(200), at: w.end()})
	case n < 76:
		return "capture", w.capture()
	case n < 86:
		return "flush", w.flush()
	case n < 92:
		return "crash", w.crash()
	case n < 94:
		return "rebuild", w.rebuild()
	case n < 96:
		return "damage", w.damage()
	case n < 98:
		w.failIn = 1 + w.rng.IntN(10)
		return "disk begins to fail", nil
	default:
		c := w.randomConfig()
		c.MaxProducers = w.config.MaxProducers // part of the replicated state
		return "reconfigure", w.log.Reconfigure(c)
	}
}

// disk returns the file system as a log sees it.
func (w *world) disk() vfs.FS {
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
		if op.Kind == vfs.OpWrite && op.Length > 0 {
			return &vfs.ShortWrite{Bytes: w.rng.IntN(op.Length), Err: vfs.ErrInjected}
		}
		return vfs.ErrInjected
	})
}

// recover goes on after the disk failed an operation, which is the end of that log.
func (w *world) recover() error {
	w.failIn = 0
	if w.rng.IntN(2) == 0 {
		return w.crash()
	}
	return w.rebuild()
}

// damage flips a bit in, or removes, a file that the log must be able to do without.
func (w *world) damage() error {
	names, err := w.fs.List(testDir)
	if err != nil {
		return err
	}
	for _, i := range w.rng.Perm(len(names)) {
		name := testDir + "/" + names[i]
		_, suffix, _ := parseName(names[i])
		if suffix != suffixIndex && suffix != suffixTime && suffix != suffixTxn && names[i] != nameManifest {
			continue
		}
		if w.rng.IntN(3) == 0 {
			return w.fs.Remove(name)
		}
		info, err := w.fs.Stat(name)
		if err != nil || info.Size == 0 {
			return err
		}
		return w.fs.FlipBit(name, w.rng.Int64N(info.Size), uint(w.rng.IntN(8)))
	}
	return nil
}

func (w *world) end() protocol.Offset {
	if len(w.batches) == 0 {
		return w.start
	}
	return w.batches[len(w.batches)-1].NextOffset()
}

func (w *world) append() error {
	var c command
	end := w.end()
	for range 1 + w.rng.IntN(6) {
		w.now += w.rng.Int64N(30)
		if w.rng.IntN(10) == 0 {
			w.epoch += protocol.LeaderEpoch(1 + w.rng.IntN(3))
		}
		b := randomBatch(w.rng, end, w.epoch, w.now)
		end = b.NextOffset()
		c.batches = append(c.batches, b)
	}
	return w.do(c)
}

func (w *world) advance() error {
	span := w.end() - w.start
	start := w.start + protocol.Offset(w.rng.Int64N(int64(span)+1))
	if w.rng.IntN(10) == 0 {
		start = w.end()
	}
	return w.do(command{start: start})
}

// do commits a command, applies it and brings the model up to date.
func (w *world) do(c command) error {
	if w.rng.IntN(5) == 0 {
		w.old = append(w.old, w.log.View())
	}
	w.commands = append(w.commands, c)
	w.applied++
	w.batches = append(w.batches, c.batches...)
	for _, b := range c.batches {
		w.producers.Update(b)
	}
	w.start = max(w.start, c.start)
	w.producers.Expire(c.expire)
	return w.apply(c)
}

func (w *world) apply(c command) error {
	if c.expire != 0 {
		w.log.ExpireProducers(c.at, c.expire)
		return nil
	}
	if c.batches == nil {
		return w.log.AdvanceStart(c.start)
	}
	return w.log.Append(c.batches)
}

func (w *world) capture() error {
	flush, err := w.log.Capture()
	w.pending, w.pendAt = flush, w.applied
	return err
}

// flush runs the captured flush; the checkpoint may be lost in a crash right after it.
func (w *world) flush() error {
	if w.pending == nil {
		return nil
	}
	s, err := w.pending()
	if err != nil {
		return err
	}
	w.pending = nil
	if w.rng.IntN(6) == 0 {
		return w.crash()
	}
	w.state, w.stateAt = s, w.pendAt
	if w.rng.IntN(6) == 0 {
		return w.crash()
	}
	return w.log.Checkpointed(s)
}

// crash loses power, boots and applies what the write-ahead log holds.
func (w *world) crash() error {
	w.fs = w.fs.CrashClone(w.rng)
	w.old, w.pending = nil, nil
	w.config = w.randomConfigLike()
	return w.reopen(Boot)
}

// rebuild stands for an actor crash.
func (w *world) rebuild() error {
	w.pending = nil
	if w.log != nil { // else the disk failed while the log was being opened
		w.old = append(w.old, w.log.View())
		if w.rng.IntN(2) == 0 {
			if err := w.log.Close(); err != nil {
				return err
			}
		}
	}
	if w.rng.IntN(2) == 0 {
		w.config = w.randomConfigLike()
	}
	return w.reopen(Rebuild)
}

func (w *world) randomConfigLike() Config {
	c := w.randomConfig()
	c.MaxProducers = w.config.MaxProducers
	return c
}

func (w *world) reopen(how Mode) error {
	var err error
	if w.log, err = Open(w.disk(), testDir, w.config, w.state, how); err != nil {
		return err // and w.log is nil
	}
	for i := w.stateAt; i < w.applied; {
		c := w.commands[i]
		i++
		for c.batches != nil && i < w.applied && w.commands[i].batches != nil && w.rng.IntN(2) == 0 {
			c.batches = append(c.batches[:len(c.batches):len(c.batches)], w.commands[i].batches...)
			i++
		}
		if err := w.apply(c); err != nil {
			return fmt.Errorf("apply command %d again: %w", i, err)
		}
	}
	return nil
}

// compare checks the log against the model, each aspect at random.
func (w *world) compare() error {
	v := w.log.View()
	if v.Start() != w.start || v.End() != w.end() {
		return fmt.Errorf("got %d to %d, want %d to %d", v.Start(), v.End(), w.start, w.end())
	}
	if !bytes.Equal(encodeSnapshot(w.log.producers), encodeSnapshot(w.producers)) {
		return errors.New("the producer table differs")
	}
	checks := []func(*View) error{
		w.compareAll, w.compareRead, w.compareTimes, w.compareEpochs, w.compareOld, w.compareCommitted,
	}
	if w.rng.IntN(4) == 0 {
		return checks[w.rng.IntN(len(checks))](v)
	}
	return nil
}

// from returns the batches that hold offset and everything after it.
func (w *world) from(offset protocol.Offset) []batch.Batch {
	i := sort.Search(len(w.batches), func(i int) bool { return w.batches[i].LastOffset() >= offset })
	return w.batches[i:]
}

func (w *world) compareAll(v *View) error {
	got, err := readAll(v, v.Start(), 1+w.rng.IntN(2000))
	if err != nil {
		return err
	}
	return sameBatches(got, w.from(v.Start()))
}

func (w *world) compareCommitted(v *View) error {
	want := transactionsOf(w.batches)
	if stable := want.stable(v.Start(), v.End()); v.LastStable() != stable {
		return fmt.Errorf("got last stable offset %d, want %d", v.LastStable(), stable)
	}
	return want.check(v, w.randomOffset(v), 1+w.rng.IntN(1000))
}

func (w *world) randomOffset(v *View) protocol.Offset {
	return v.Start() + protocol.Offset(w.rng.Int64N(int64(v.End()-v.Start())+1))
}

func (w *world) compareRead(v *View) error {
	from, maxBytes, atLeastOne := w.randomOffset(v), w.rng.IntN(600), w.rng.IntN(2) == 0
	for _, outside := range []protocol.Offset{v.Start() - 1, v.End() + 1} {
		if _, err := v.Read(outside, 1, true); !errors.Is(err, ErrOffsetOutOfRange) {
			return fmt.Errorf("read at %d: got %v", outside, err)
		}
	}
	data, err := readRegion(v, from, maxBytes, atLeastOne)
	if err != nil {
		return fmt.Errorf("read from %d: %w", from, err)
	}
	want := w.from(from)
	switch {
	case len(want) == 0:
		if len(data) != 0 || v.Available(from) != 0 {
			return fmt.Errorf("read at the end: got %d bytes", len(data))
		}
		return nil
	case len(want[0]) > maxBytes && !atLeastOne:
		if len(data) != 0 {
			return fmt.Errorf("read %d bytes from %d: got %d", maxBytes, from, len(data))
		}
		return nil
	case len(data) > max(maxBytes, len(want[0])) || len(data) < len(want[0]):
		return fmt.Errorf("read %d bytes from %d: got %d, the first batch has %d",
			maxBytes, from, len(data), len(want[0]))
	case v.Available(from) <= 0:
		return fmt.Errorf("available from %d: got %d", from, v.Available(from))
	}
	var all []byte
	for _, b := range want {
		if all = append(all, b...); len(all) >= len(data) {
			break
		}
	}
	if !bytes.HasPrefix(all, data) {
		return fmt.Errorf("read from %d: got other bytes", from)
	}
	return nil
}

func (w *world) compareTimes(v *View) error {
	target := w.now - w.rng.Int64N(400)
	wantOffset, wantTime := protocol.NoOffset, int64(-1)
	maxOffset, maxTime := protocol.NoOffset, int64(-1)
	for _, b := range w.from(v.Start()) {
		err := b.Records(func(r batch.Record) bool {
			if r.Offset < v.Start() {
				return true
			}
			if r.Timestamp >= target && wantOffset == protocol.NoOffset {
				wantOffset, wantTime = r.Offset, r.Timestamp
			}
			if r.Timestamp > maxTime {
				maxOffset, maxTime = r.Offset, r.Timestamp
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	offset, timestamp, epoch, found, err := v.ByTimestamp(target)
	if err != nil || offset != wantOffset || timestamp != wantTime ||
		found != (offset >= 0) || epoch != w.epochOf(offset) {
		return fmt.Errorf("by timestamp %d: got %d (%d, epoch %d, %v, %v), want %d (%d)",
			target, offset, timestamp, epoch, found, err, wantOffset, wantTime)
	}
	offset, timestamp, _, _, err = v.MaxTimestamp()
	if err != nil || offset != maxOffset || timestamp != maxTime {
		return fmt.Errorf("max timestamp: got %d (%d, %v), want %d (%d)",
			offset, timestamp, err, maxOffset, maxTime)
	}
	return nil
}

func (w *world) epochOf(offset protocol.Offset) protocol.LeaderEpoch {
	if offset < 0 {
		return protocol.NoLeaderEpoch
	}
	return w.from(offset)[0].LeaderEpoch()
}

func (w *world) compareEpochs(v *View) error {
	if len(w.batches) == 0 {
		return nil
	}
	if offset := w.randomOffset(v); offset < v.End() {
		if got, want := v.EpochAt(offset), w.epochOf(offset); got != want {
			return fmt.Errorf("epoch at %d: got %d, want %d", offset, got, want)
		}
	}
	// Of the epochs that still have records here: the end of each is where a larger one begins.
	for _, b := range w.from(v.Start()) {
		asked, end := b.LeaderEpoch(), v.End()
		for _, later := range w.from(b.BaseOffset()) {
			if later.LeaderEpoch() > asked {
				end = later.BaseOffset()
				break
			}
		}
		if epoch, got := v.EpochEnd(asked); epoch != asked || got != end {
			return fmt.Errorf("end of epoch %d: got %d at %d, want %d", asked, epoch, got, end)
		}
	}
	if epoch, got := v.EpochEnd(w.epoch + 1); epoch != protocol.NoLeaderEpoch || got != protocol.NoOffset {
		return fmt.Errorf("end of an unknown epoch: got %d at %d", epoch, got)
	}
	return nil
}

// compareOld reads through views that readers kept: they show what they showed, or say that it is gone.
func (w *world) compareOld(*View) error {
	for _, v := range w.old {
		from := w.randomOffset(v)
		got, err := readAll(v, from, 100)
		if errors.Is(err, ErrOffsetOutOfRange) && from < w.start || vfs.IsNotExist(err) && from < w.start {
			continue
		}
		if err != nil {
			return fmt.Errorf("old view, read from %d: %w", from, err)
		}
		want := w.from(from)
		n := sort.Search(len(want), func(i int) bool { return want[i].BaseOffset() >= v.End() })
		if err := sameBatches(got, want[:n]); err != nil {
			return fmt.Errorf("old view, read from %d: %w", from, err)
		}
	}
	return nil
}
