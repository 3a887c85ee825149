package partitionlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

// TestPlacedBatchesAgreeWithAModel runs random histories of a write-ahead log and a partition log that places
// batches: leaders change and replace what is not committed, segments begin, checkpoints are made, another
// replica's log is copied, the power goes at any moment and the log is rebuilt. The write-ahead log must give
// back all that was durable in it, whatever came to stand in the segments, and the log what was applied.
func TestPlacedBatchesAgreeWithAModel(t *testing.T) {
	seeds := uint64(2000)
	if testing.Short() {
		seeds = 100
	}
	var placed, replaced, found, copied int
	for seed := range seeds {
		w := &placerWorld{t: t, rng: rand.New(rand.NewPCG(seed, 3)), fs: newMem(t), term: 1, now: 1000}
		if err := w.run(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		placed, replaced, found, copied = placed+w.placed, replaced+w.replaced, found+w.found, copied+w.copied
	}
	t.Logf("%d batches placed, %d of them replaced, %d found in place after a start, %d copies",
		placed, replaced, found, copied)
	if placed == 0 || replaced == 0 || found == 0 || copied == 0 {
		t.Error("the histories did not try what they are for")
	}
}

// placerWorld is one replica; group 1 is the only one in its write-ahead log.
type placerWorld struct {
	t      *testing.T
	rng    *rand.Rand
	fs     *vfs.Mem
	wal    *wal.WAL
	log    *Log
	placer *Placer
	config Config
	leader *Log // another replica that has all that is committed
	round  uint64
	term   uint64
	now    int64

	// The model. entries[i] has index i+1; all are durable but those of the round under way.
	entries   []wal.Entry
	committed int
	applied   int
	state     State
	stateAt   int

	reopened                        bool
	placed, replaced, found, copied int
}

var errPowerCut = errors.New("power cut")

func (w *placerWorld) run() error {
	w.config = Config{
		SegmentBytes: int64(1000 + w.rng.IntN(6000)), IndexIntervalBytes: 1 + w.rng.IntN(400), SegmentMs: 400,
		MaxIndexBytes: 60 + w.rng.IntN(400), RetentionBytes: -1, RetentionMs: -1, TopicID: testTopic,
	}
	var err error
	if w.leader, err = Open(newMem(w.t), testDir, w.config, nil, Boot); err != nil {
		return err
	}
	if err := w.start(w.fs); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	for step := range 60 {
		name, err := w.step()
		if errors.Is(err, errPowerCut) {
			name, err = name+" and a power cut", w.powerCut()
		}
		if err == nil {
			err = w.compare()
		}
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", step, name, err)
		}
	}
	return w.powerCut()
}

func (w *placerWorld) step() (string, error) {
	switch n := w.rng.IntN(100); {
	case n < 45:
		return "append", w.append()
	case n < 65:
		return "apply", w.apply()
	case n < 72:
		return "leader change", w.replace()
	case n < 80:
		return "checkpoint", w.checkpoint()
	case n < 86:
		return "rebuild", w.rebuild()
	case n < 92:
		return "copy", w.copy()
	case n < 94:
		c := w.config
		c.SegmentBytes = int64(1000 + w.rng.IntN(6000))
		return "reconfigure", w.log.Reconfigure(c)
	default:
		return "power cut", errPowerCut
	}
}

// start opens everything on a disk, as after a crash.
func (w *placerWorld) start(disk *vfs.Mem) (err error) {
	w.fs = disk
	options := wal.Options{FileBytes: 16 << 10, Incarnation: w.rng.Uint64}
	if w.wal, err = wal.Open(w.fs, "/data/wal", options); err != nil {
		return err
	}
	return w.open(Boot)
}

// open loads the group and opens the log.
func (w *placerWorld) open(how Mode) error {
	loaded, _, err := w.wal.Load(1)
	if err != nil {
		return err
	}
	w.placer = NewPlacer(loaded.Entries)
	c := w.config
	c.Placer = w.placer
	if w.log, err = Open(w.fs, "/data/topic-0", c, State(loaded.Checkpoint.Machine), how); err != nil {
		return err
	}
	w.applied, w.reopened = w.stateAt, w.round > 0
	for _, e := range loaded.Entries {
		if e.At != nil {
			w.found++
		}
	}
	return nil
}

// end returns the offset after the first n entries.
func (w *placerWorld) end(n int) protocol.Offset {
	for ; n > 0; n-- {
		if b := w.entries[n-1].Data; !isStart(b) {
			return batch.Batch(b).NextOffset()
		}
	}
	return 0
}

// An entry that raises the log start is marked as those of a partition are.
func startEntry(start protocol.Offset) []byte {
	return binary.BigEndian.AppendUint64([]byte{0xff}, uint64(start))
}

func isStart(data []byte) bool { return data[0] == 0xff }

// draw makes entries after the first n.
func (w *placerWorld) draw(n int) []wal.Entry {
	next := w.end(n)
	entries := make([]wal.Entry, 1+w.rng.IntN(4))
	for i := range entries {
		e := wal.Entry{Term: w.term, Index: uint64(n + 1 + i)}
		if next > 0 && w.rng.IntN(25) == 0 {
			e.Data = startEntry(next - protocol.Offset(w.rng.Int64N(min(int64(next), 4))))
		} else {
			w.now += w.rng.Int64N(20)
			value := bytes.Repeat([]byte{byte(w.rng.IntN(256))}, w.rng.IntN(300))
			e.Data = batch.Build(batch.Options{BaseOffset: next, LeaderEpoch: protocol.LeaderEpoch(w.term)},
				batch.Record{Timestamp: w.now, Value: value}, batch.Record{Timestamp: w.now})
			next += 2
		}
		entries[i] = e
	}
	return entries
}

func (w *placerWorld) append() error { return w.write(w.draw(len(w.entries))) }

// replace is what a new leader does: it goes on after something that is committed.
func (w *placerWorld) replace() error {
	w.term++
	keep := w.committed + w.rng.IntN(len(w.entries)-w.committed+1)
	first := w.draw(keep)
	second := w.draw2(keep, first)
	return w.write(first, second)
}

// draw2 makes entries after others that are drawn but not there yet.
func (w *placerWorld) draw2(keep int, first []wal.Entry) []wal.Entry {
	before := w.entries
	w.entries = append(append([]wal.Entry(nil), before[:keep]...), first...)
	second := w.draw(len(w.entries))
	w.entries = before
	return second
}

// write is a round of the log: one frame of some updates. The power may go at any moment in it.
func (w *placerWorld) write(updates ...[]wal.Entry) error {
	w.round++
	cut := w.rng.IntN(60)
	var frame []wal.Update
	wrote := false
	for _, entries := range updates {
		u := wal.Update{Group: 1, Entries: append([]wal.Entry(nil), entries...)}
		wrote = w.placer.Follow(&u, w.round, []int{0, 1, 200}[w.rng.IntN(3)]) || wrote
		frame = append(frame, u)
	}
	if cut == 0 {
		return errPowerCut
	}
	if wrote {
		if err := w.placer.Sync(); err != nil {
			return err
		}
	}
	if cut == 1 {
		return errPowerCut
	}
	if err := w.wal.Append(frame); err != nil {
		return err
	}
	if cut == 2 {
		return w.mayHave(frame)
	}
	if err := w.wal.Sync(); err != nil {
		return err
	}
	w.note(frame)
	return nil
}

// note takes a frame into the model.
func (w *placerWorld) note(frame []wal.Update) {
	for _, u := range frame {
		first := int(u.Entries[0].Index) - 1
		for _, e := range w.entries[min(first, len(w.entries)):] {
			if e.At != nil {
				w.replaced++
			}
		}
		w.entries = append(w.entries[:first:first], u.Entries...)
		for _, e := range u.Entries {
			if e.At != nil {
				w.placed++
			}
		}
	}
}

// mayHave cuts the power when a frame is written and not synced: it is there or it is not.
func (w *placerWorld) mayHave(frame []wal.Update) error {
	if err := w.crash(); err != nil {
		return err
	}
	loaded, _, err := w.wal.Load(1)
	if err != nil {
		return err
	}
	last := frame[len(frame)-1].Entries
	if n := len(loaded.Entries); n > 0 && sameEntry(loaded.Entries[n-1], last[len(last)-1]) {
		w.note(frame)
	}
	return w.loadedAsWritten()
}

func sameEntry(a, b wal.Entry) bool {
	return a.Index == b.Index && a.Term == b.Term && bytes.Equal(a.Data, b.Data)
}

func (w *placerWorld) powerCut() error {
	if err := w.crash(); err != nil {
		return err
	}
	return w.loadedAsWritten()
}

func (w *placerWorld) crash() error { return w.start(w.fs.CrashClone(w.rng)) }

// loadedAsWritten compares what the write-ahead log gives back with the model.
func (w *placerWorld) loadedAsWritten() error {
	loaded, _, err := w.wal.Load(1)
	if err != nil {
		return err
	}
	want := w.entries[w.stateAt:]
	if len(loaded.Entries) != len(want) {
		return fmt.Errorf("got %d entries after %d, want %d", len(loaded.Entries), w.stateAt, len(want))
	}
	for i, e := range loaded.Entries {
		if !sameEntry(e, want[i]) {
			return fmt.Errorf("entry %d of term %d is not that of term %d that was written",
				e.Index, e.Term, want[i].Term)
		}
	}
	return nil
}

// apply commits some entries and applies some of what is committed.
func (w *placerWorld) apply() error {
	w.commit(w.committed + w.rng.IntN(len(w.entries)-w.committed+1))
	return w.applyTo(w.applied + w.rng.IntN(max(w.committed-w.applied, 0)+1))
}

func (w *placerWorld) commit(to int) {
	for _, e := range w.entries[w.committed:to] {
		must(w.t, applyEntries(w.leader, []wal.Entry{e}))
	}
	w.committed = to
}

func (w *placerWorld) applyTo(to int) error {
	if to <= w.applied {
		return nil
	}
	err := applyEntries(w.log, w.entries[w.applied:to])
	w.applied = to
	return err
}

// applyEntries does what the machine of a partition does.
func applyEntries(l *Log, entries []wal.Entry) error {
	var run []batch.Batch
	flush := func() error {
		rest := l.Repeat(run)
		run = nil
		if len(rest) == 0 {
			return nil
		}
		return l.Append(rest)
	}
	for _, e := range entries {
		if !isStart(e.Data) {
			run = append(run, batch.Batch(e.Data))
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if err := l.AdvanceStart(protocol.Offset(binary.BigEndian.Uint64(e.Data[1:]))); err != nil {
			return err
		}
	}
	return flush()
}

// checkpoint goes as far as the power lets it.
func (w *placerWorld) checkpoint() error {
	if w.applied == 0 || w.applied == w.stateAt {
		return nil
	}
	flush, err := w.log.Capture()
	if err != nil {
		return err
	}
	at := w.applied
	if w.rng.IntN(3) == 0 {
		if err := w.apply(); err != nil {
			return err
		}
	}
	state, err := flush()
	if err != nil || w.rng.IntN(8) == 0 {
		return errors.Join(err, errPowerCut)
	}
	e := w.entries[at-1]
	if err := w.wal.Append([]wal.Update{{Group: 1, Compaction: true, Checkpoint: &wal.Checkpoint{
		Index: e.Index, Term: e.Term, Machine: state,
	}}}); err != nil {
		return err
	}
	if err := w.wal.Sync(); err != nil {
		return err
	}
	w.state, w.stateAt = state, at
	return w.log.Checkpointed(state)
}

// rebuild is what happens to a log whose actor has died, while readers go on.
func (w *placerWorld) rebuild() error {
	if err := w.log.Close(); err != nil {
		return err
	}
	return w.open(Rebuild)
}

// copy brings some or all of what is committed from the leader's log. First the write-ahead log takes in what
// is not applied; without that the copy is refused.
func (w *placerWorld) copy() error {
	source, err := w.leader.Share(w.log.Have())
	if err != nil {
		return err
	}
	defer source.Close()
	if w.rng.IntN(4) > 0 {
		if err := w.wal.Embed(1, uint64(w.applied+1)); err != nil {
			return err
		}
		w.placer.Forget()
	}
	source.limit = 200 + w.rng.IntN(2000)
	for first := true; w.rng.IntN(6) > 0; first = false {
		piece, err := source.Next()
		if errors.Is(err, io.EOF) {
			w.copied++
			_, err = w.log.Restored()
			return err
		}
		if err != nil {
			return err
		}
		if err := w.log.Restore(piece, first); err != nil {
			if w.placer.placed() && errors.Is(err, ErrSource) {
				return nil
			}
			return err
		}
	}
	return nil
}

// compare reads everything that is applied, or copied beyond that. Closed segments of a log that was never
// opened anew end where they should.
func (w *placerWorld) compare() error {
	view := w.log.View()
	for _, s := range view.segments[:len(view.segments)-1] {
		if w.reopened {
			break
		}
		file, err := w.fs.Stat(s.Name())
		if err != nil {
			return err
		}
		if want := s.info.Load().size; file.Size != want {
			return fmt.Errorf("%s is closed and has %d bytes, want %d", s.Name(), file.Size, want)
		}
	}
	got, err := readAll(view, view.Start(), 1<<20)
	if err != nil {
		return err
	}
	var want []batch.Batch
	for _, e := range w.entries[:w.committed] {
		if isStart(e.Data) {
			continue
		}
		if b := batch.Batch(e.Data); b.NextOffset() > view.Start() && b.BaseOffset() < view.End() {
			want = append(want, b)
		}
	}
	if view.End() < w.end(w.applied) {
		return fmt.Errorf("the log ends at %d, want %d at least", view.End(), w.end(w.applied))
	}
	return sameBatches(got, want)
}
