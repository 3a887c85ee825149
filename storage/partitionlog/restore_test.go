package partitionlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// pieces returns everything that a source hands out.
func pieces(t testing.TB, s *Source) [][]byte {
	t.Helper()
	defer s.Close()
	var all [][]byte
	for {
		piece, err := s.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
		all = append(all, piece)
	}
}

// copyOf returns the pieces that bring a log with have to the state of from.
func copyOf(t testing.TB, from *Log, have []byte, limit int) [][]byte {
	t.Helper()
	s, err := from.Share(have)
	must(t, err)
	s.limit = limit
	return pieces(t, s)
}

// restoreAll restores all pieces and checkpoints.
func restoreAll(t testing.TB, l *Log, all [][]byte) State {
	t.Helper()
	for i, piece := range all {
		must(t, l.Restore(piece, i == 0))
	}
	s, err := l.Restored()
	must(t, err)
	must(t, l.Checkpointed(s))
	return s
}

// same compares everything that two logs hold.
func same(t testing.TB, got, want *Log) {
	t.Helper()
	g, w := got.View(), want.View()
	if g.Start() != w.Start() || g.End() != w.End() || !slices.Equal(got.epochs, want.epochs) || got.Behind() {
		t.Fatalf("got %d to %d, epochs %v, behind %v, want %d to %d, %v",
			g.Start(), g.End(), got.epochs, got.Behind(), w.Start(), w.End(), want.epochs)
	}
	if !bytes.Equal(encodeSnapshot(got.producers), encodeSnapshot(want.producers)) {
		t.Error("the producer tables differ")
	}
	a, err := readAll(g, g.Start(), 500)
	must(t, err)
	b, err := readAll(w, w.Start(), 500)
	must(t, err)
	if err := sameBatches(a, b); err != nil {
		t.Error(err)
	}
}

// leaderLog returns a log of several segments, epochs and producers whose start lies inside a batch.
func leaderLog(t testing.TB) *Log {
	t.Helper()
	l := openLog(t, newMem(t), smallConfig(), nil, Boot)
	for i := range 30 {
		producer := &batch.Producer{ID: int64(i % 4), Sequence: int32(i)}
		o := batch.Options{
			BaseOffset: l.View().End(), LeaderEpoch: protocol.LeaderEpoch(i / 8), Producer: producer,
		}
		records := make([]batch.Record, 3)
		for j := range records {
			records[j] = batch.Record{Timestamp: int64(i), Value: make([]byte, 30)}
		}
		must(t, l.Append([]batch.Batch{batch.Build(o, records...)}))
	}
	must(t, l.AdvanceStart(40))
	checkpoint(t, l)
	return l
}

// TestRestoreFollowsTheTable goes through the cases that restore.go draws.
func TestRestoreFollowsTheTable(t *testing.T) {
	leader := leaderLog(t)
	whole, err := readAll(leader.View(), leader.View().Start(), 1000)
	must(t, err)
	for _, ends := range []protocol.Offset{0, 12, 39, 42, 60, 90} {
		t.Run(fmt.Sprint("ends at ", ends), func(t *testing.T) {
			fs := newMem(t)
			l := openLog(t, fs, smallConfig(), nil, Boot)
			for l.View().End() < min(ends, 39) {
				i := int(l.View().End()) / 3
				producer := &batch.Producer{ID: int64(i % 4), Sequence: int32(i)}
				o := batch.Options{
					BaseOffset: l.View().End(), LeaderEpoch: protocol.LeaderEpoch(i / 8), Producer: producer,
				}
				records := make([]batch.Record, 3)
				for j := range records {
					records[j] = batch.Record{Timestamp: int64(i), Value: make([]byte, 30)}
				}
				must(t, l.Append([]batch.Batch{batch.Build(o, records...)}))
			}
			for _, b := range whole {
				if b.LastOffset() < ends {
					must(t, l.Append([]batch.Batch{b}))
				}
			}
			before := l.View()
			all := copyOf(t, leader, l.Have(), 400)
			state := restoreAll(t, l, all)
			same(t, l, leader)
			same(t, openLog(t, fs.DurableClone(), smallConfig(), state, Boot), leader)
			sent := 0
			for _, piece := range all {
				if piece[1] == pieceBatches {
					sent += len(piece) - pieceFrame
				}
			}
			missing := 0
			for _, b := range whole {
				if b.LastOffset() >= ends {
					missing += len(b)
				}
			}
			if sent != missing {
				t.Errorf("got %d bytes of batches, want the %d that are missing", sent, missing)
			}
			if anew := ends < 39; anew && ends > 0 {
				if _, err := l.View().Read(ends-1, 1, true); !errors.Is(err, ErrOffsetOutOfRange) {
					t.Errorf("read of what is deleted: got %v", err)
				}
				if _, err := before.Read(0, 1, true); !errors.Is(err, ErrOffsetOutOfRange) && !vfs.IsNotExist(err) {
					t.Errorf("read through an old view: got %v", err)
				}
			}
		})
	}
}

// TestInterruptedRestoreIsCarriedOn stops after every piece, lets the janitor make a checkpoint, cuts the
// power and goes on from there with another source.
func TestInterruptedRestoreIsCarriedOn(t *testing.T) {
	leader := leaderLog(t)
	first := copyOf(t, leader, nil, 400)
	for stop := 1; stop < len(first); stop++ {
		fs := newMem(t)
		l := openLog(t, fs, smallConfig(), nil, Boot)
		for i, piece := range first[:stop] {
			must(t, l.Restore(piece, i == 0))
		}
		if _, err := l.Restored(); !errors.Is(err, ErrSource) {
			t.Fatalf("after %d of %d pieces: got %v, want a refusal", stop, len(first), err)
		}
		state := checkpoint(t, l) // the janitor comes in between
		l = openLog(t, fs.DurableClone(), smallConfig(), state, Boot)
		rest := copyOf(t, leader, l.Have(), 400)
		if len(rest) > len(first)-stop+2 {
			t.Errorf("after %d of %d pieces: got %d, want what is left", stop, len(first), len(rest))
		}
		restoreAll(t, l, rest)
		same(t, l, leader)
	}
}

// TestEmptyLogIsCopiedWithItsEpoch: everything was deleted over there, and the epoch is still known.
func TestEmptyLogIsCopiedWithItsEpoch(t *testing.T) {
	leader := leaderLog(t)
	must(t, leader.AdvanceStart(leader.View().End()))
	fs := newMem(t)
	l := openLog(t, fs, smallConfig(), nil, Boot)
	appendTo(t, l, 1)
	l = openLog(t, fs, smallConfig(), nil, Boot)
	state := restoreAll(t, l, copyOf(t, leader, l.Have(), 400))
	same(t, l, leader)
	if epoch := l.View().LatestEpoch(); epoch != 3 {
		t.Errorf("got epoch %d, want 3", epoch)
	}
	same(t, openLog(t, fs.DurableClone(), smallConfig(), state, Boot), leader)
}

// TestSnapshotOfATableThatIsBehindStays: the table of a checkpoint is not overwritten by a later one of a log
// that ends at the same offset. The power fails before that one's state is in the write-ahead log.
func TestSnapshotOfATableThatIsBehindStays(t *testing.T) {
	leader, fs := openLog(t, newMem(t), smallConfig(), nil, Boot), newMem(t)
	l := openLog(t, fs, smallConfig(), nil, Boot)
	var entries []batch.Batch
	for id := range int64(6) {
		entries = append(entries, sent(leader.View().End(), id, 0, 0, 2))
		must(t, leader.Append(entries[id:]))
	}
	must(t, l.Append(entries[:1]))
	must(t, leader.AdvanceStart(8))
	for i, piece := range copyOf(t, leader, l.Have(), 400)[:2] {
		must(t, l.Restore(piece, i == 0))
	}
	state := checkpoint(t, l)
	l.Repeat(entries[1:3])
	flush, err := l.Capture()
	must(t, err)
	_, err = flush()
	must(t, err)
	l = openLog(t, fs.DurableClone(), smallConfig(), state, Boot)
	if l.producers.Len() != 1 || !l.Behind() || l.View().End() != 12 {
		t.Errorf("got %d producers of a log that ends at %d, want the one of the checkpoint",
			l.producers.Len(), l.View().End())
	}
	l.Repeat(entries[1:])
	if l.Behind() || l.producers.Len() != 6 {
		t.Errorf("got %d producers, behind %v, want all 6", l.producers.Len(), l.Behind())
	}
}

// TestRebuiltLogThatBeginsAnewLeavesNothingBehind: a replica that is rebuilt after an interrupted restore is
// brought to a state whose log start has moved on. The files of the first attempt that are below it go, and
// the log rolls as it should.
func TestRebuiltLogThatBeginsAnewLeavesNothingBehind(t *testing.T) {
	leader, fs := leaderLog(t), newMem(t)
	l := openLog(t, fs, smallConfig(), nil, Boot)
	first := copyOf(t, leader, l.Have(), 400)
	for i, piece := range first[:len(first)-1] {
		must(t, l.Restore(piece, i == 0))
	}
	l = openLog(t, fs, smallConfig(), nil, Rebuild)
	must(t, leader.AdvanceStart(70))
	for range 20 {
		appendTo(t, leader, 100)
	}
	restoreAll(t, l, copyOf(t, leader, l.Have(), 400))
	same(t, l, leader)
	if n := l.View().Segments(); n < 3 {
		t.Errorf("got %d segments, want it to roll", n)
	}
	names, err := fs.List(testDir)
	must(t, err)
	for _, name := range names {
		if offset, suffix, _ := parseName(name); suffix == suffixLog && offset < l.segments[0].base {
			t.Errorf("%s is still there, the log begins at %d", name, l.segments[0].base)
		}
	}
}

// TestNothingIsTakenFromALogThatEndsBefore has a new leader whose machine lags behind what the old one gave.
func TestNothingIsTakenFromALogThatEndsBefore(t *testing.T) {
	leader := leaderLog(t)
	old := openLog(t, newMem(t), smallConfig(), nil, Boot)
	restoreAll(t, old, copyOf(t, leader, nil, 400))
	ahead := openLog(t, newMem(t), smallConfig(), nil, Boot)
	appendTo(t, leader, 100, 101)
	restoreAll(t, ahead, copyOf(t, leader, nil, 400))
	all := copyOf(t, old, ahead.Have(), 400)
	for _, piece := range all {
		if piece[1] == pieceBatches {
			t.Errorf("got batches from a log that ends at %d for one that ends at %d", old.end, ahead.end)
		}
	}
	restoreAll(t, ahead, all)
	same(t, ahead, leader)
}

// TestUnusableSourcesChangeNothing spoils pieces in every way that restore.go names.
func TestUnusableSourcesChangeNothing(t *testing.T) {
	leader := leaderLog(t)
	all := copyOf(t, leader, nil, 400)
	headers := map[string]func(h *header){
		"of another topic":           func(h *header) { h.topicID[0]++ },
		"after a gap":                func(h *header) { h.start, h.from = 3, 50; h.epochs[0].Start = 0 },
		"of another history":         func(h *header) { h.epochs = epochs{{0, h.start}, {9, h.start + 5}} },
		"start after end":            func(h *header) { h.start = h.end + 1 },
		"producers beyond the end":   func(h *header) { h.producersEnd = h.end + 1 },
		"no epoch at its start":      func(h *header) { h.epochs = nil },
		"first batch beyond the end": func(h *header) { h.from = h.end + 1 },
	}
	for name, spoil := range headers {
		_, body, err := openPiece(all[0])
		must(t, err)
		h, err := decodeHeader(body)
		must(t, err)
		l := openLog(t, newMem(t), smallConfig(), nil, Boot)
		if name == "of another history" {
			restoreAll(t, l, all)
		} else {
			appendTo(t, l, 1, 2, 3, 4)
		}
		spoil(&h)
		unusable(t, name, l, h.encode(), true)
	}
	of := func(b batch.Batch) []byte { return closePiece(append(newPiece(pieceBatches, len(b)), b...)) }
	first := func() batch.Batch {
		_, body, err := openPiece(all[1])
		must(t, err)
		return batch.Batch(slices.Clone(wholeBatches(body)[0]))
	}
	bodies := map[string][]byte{
		"with a gap":             of(func() batch.Batch { b := first(); b.Stamp(b.BaseOffset()+3, 1); return b }()),
		"of a wrong epoch":       of(func() batch.Batch { b := first(); b.Stamp(b.BaseOffset(), 9); return b }()),
		"with a flipped bit":     of(func() batch.Batch { b := first(); b[len(b)-1] ^= 4; return b }()),
		"with half a batch":      of(first()[:70]),
		"producers too early":    all[len(all)-1],
		"a header in the middle": all[0],
		"of an unknown kind":     closePiece(newPiece(9, 0)),
		"of a newer version":     closePiece([]byte{2, pieceBatches}),
		"cut off":                all[1][:5],
	}
	for name, piece := range bodies {
		l := openLog(t, newMem(t), smallConfig(), nil, Boot)
		must(t, l.Restore(all[0], true))
		unusable(t, name, l, piece, false)
		if err := l.Restore(all[1], false); !errors.Is(err, ErrSource) {
			t.Errorf("%s: the piece after it: got %v, want a refusal", name, err)
		}
		restoreAll(t, l, all) // another source is right
		same(t, l, leader)
	}
}

func unusable(t *testing.T, name string, l *Log, piece []byte, first bool) {
	t.Helper()
	before := l.View()
	if err := l.Restore(piece, first); !errors.Is(err, ErrSource) {
		t.Errorf("%s: got %v, want a refusal", name, err)
	}
	if v := l.View(); v.Start() != before.Start() || v.End() != before.End() {
		t.Errorf("%s: got %d to %d, want it as it was", name, v.Start(), v.End())
	}
}

func TestShareRefusesALogThatParts(t *testing.T) {
	leader := leaderLog(t)
	h := have{topicID: testTopic, end: 60, epoch: 9}
	if _, err := leader.Share(h.encode()); err == nil || !strings.Contains(err.Error(), "part") {
		t.Errorf("another epoch: got %v", err)
	}
	h.topicID[2]++
	if _, err := leader.Share(h.encode()); err == nil || !strings.Contains(err.Error(), "topic") {
		t.Errorf("another topic: got %v", err)
	}
	if _, err := leader.Share([]byte{1, 2, 3}); err == nil {
		t.Error("garbage: got no error")
	}
}

// TestLargeProducerTablesTravelInParts has a table of many pieces.
func TestLargeProducerTablesTravelInParts(t *testing.T) {
	leader := openLog(t, newMem(t), Config{TopicID: testTopic}, nil, Boot)
	for id := range int64(500) {
		must(t, leader.Append([]batch.Batch{sent(leader.View().End(), id, 0, 0, 1)}))
	}
	all := copyOf(t, leader, nil, 1000)
	if len(all) < 50 {
		t.Fatalf("got %d pieces, want many", len(all))
	}
	for _, piece := range all {
		if len(piece) > 1000 {
			t.Errorf("got a piece of %d bytes, want at most 1000", len(piece))
		}
	}
	l := openLog(t, newMem(t), Config{TopicID: testTopic}, nil, Boot)
	restoreAll(t, l, all)
	same(t, l, leader)
}

// TestRepeatPanicsOnWhatOnlyABugCanCause is the counterpart of what Append refuses.
func TestRepeatPanicsOnWhatOnlyABugCanCause(t *testing.T) {
	leader := leaderLog(t)
	at := func(base protocol.Offset, epoch protocol.LeaderEpoch, n int) batch.Batch {
		o := batch.Options{BaseOffset: base, LeaderEpoch: epoch}
		return batch.Build(o, make([]batch.Record, n)...)
	}
	for name, b := range map[string]batch.Batch{
		"another epoch":    at(60, 7, 1),
		"beyond the end":   at(89, 3, 3),
		"a skipped update": at(60, 2, 1),
	} {
		t.Run(name, func(t *testing.T) {
			l := openLog(t, newMem(t), smallConfig(), nil, Boot)
			for i, piece := range copyOf(t, leader, nil, 400) {
				if piece[1] != pieceProducers {
					must(t, l.Restore(piece, i == 0))
				}
			}
			defer func() {
				if r := recover(); r == nil || !strings.HasPrefix(r.(string), "BUG: got") {
					t.Errorf("got %v, want a panic", r)
				}
			}()
			l.Repeat([]batch.Batch{b})
		})
	}
}

// TestLateFlushBringsNoFilesBack flushes a capture from before a restore that began the log anew, after the
// old segments are gone.
func TestLateFlushBringsNoFilesBack(t *testing.T) {
	leader, fs := leaderLog(t), newMem(t)
	l := openLog(t, fs, smallConfig(), nil, Boot)
	must(t, l.Append([]batch.Batch{sent(0, 1, 0, 0, 3)}))
	late, err := l.Capture()
	must(t, err)
	state := restoreAll(t, l, copyOf(t, leader, l.Have(), 400))
	_, err = late()
	must(t, err)
	names, err := fs.List(testDir)
	must(t, err)
	for _, name := range names {
		if offset, suffix, ok := parseName(name); ok && suffix != suffixSnapshot && offset < 39 {
			t.Errorf("%s came back", name)
		}
	}
	same(t, openLog(t, fs.DurableClone(), smallConfig(), state, Boot), leader)
}

// TestFlushesTakeTurns runs flushes of earlier captures beside a restore and the end of it.
func TestFlushesTakeTurns(t *testing.T) {
	leader := leaderLog(t)
	all := copyOf(t, leader, nil, 200)
	var writing atomic.Bool
	var clashes atomic.Int32
	fs := vfs.NewFaulty(newMem(t), func(op vfs.Op) error {
		if !strings.Contains(op.Name, nameManifest) && !strings.Contains(op.Name, suffixSnapshot) {
			return nil // only flushes write these two
		}
		switch op.Kind {
		case vfs.OpCreate:
			if writing.Swap(true) {
				clashes.Add(1)
			}
			for range 200 {
				runtime.Gosched() // whoever does not wait for his turn comes in now
			}
		case vfs.OpRename:
			writing.Store(false)
		}
		return nil
	})
	for i := range 20 {
		dir := fmt.Sprint("/data/turns-", i)
		l, err := Open(fs, dir, smallConfig(), nil, Boot)
		must(t, err)
		janitor := make(chan func() (State, error), len(all))
		done := make(chan error, 1)
		go func() {
			var failed error
			for flush := range janitor {
				if _, err := flush(); err != nil {
					failed = err
				}
			}
			done <- failed
		}()
		for i, piece := range all {
			must(t, l.Restore(piece, i == 0))
			flush, err := l.Capture()
			must(t, err)
			janitor <- flush
		}
		state, err := l.Restored()
		must(t, err)
		close(janitor)
		must(t, <-done)
		must(t, l.Checkpointed(state))
		same(t, l, leader)
	}
	if n := clashes.Load(); n > 0 {
		t.Errorf("got %d flushes of one directory at the same time", n)
	}
}

// TestRestoreSyncsAsItGoes restores a log of some size on a real disk and watches how much waits for a sync.
func TestRestoreSyncsAsItGoes(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 200 MB")
	}
	leader := bigLog(t, 200<<20, 16<<10)
	var unsynced, most atomic.Int64
	fs := vfs.NewFaulty(vfs.OS(), func(op vfs.Op) error {
		switch {
		case op.Kind == vfs.OpWrite:
			most.Store(max(most.Load(), unsynced.Add(int64(op.Length))))
		case op.Kind == vfs.OpSync && strings.HasSuffix(op.Name, suffixLog):
			unsynced.Store(0)
		}
		return nil
	})
	l, err := Open(fs, t.TempDir()+"/copy-0", Config{TopicID: testTopic}, nil, Boot)
	must(t, err)
	source, err := leader.Share(l.Have())
	must(t, err)
	for first := true; ; first = false {
		piece, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		must(t, l.Restore(piece, first))
	}
	if most.Load() > settleBytes+4*maxPieceBytes || most.Load() < settleBytes/2 {
		t.Errorf("got up to %d bytes that wait for a sync, want about %d", most.Load(), settleBytes)
	}
	_, err = l.Restored()
	must(t, err)
}

// bigLog returns a log of that many bytes on a real disk, in batches of one record with a value of so many.
func bigLog(t testing.TB, size int64, value int) *Log {
	t.Helper()
	l, err := Open(vfs.OS(), t.TempDir()+"/big-0", Config{TopicID: testTopic}, nil, Boot)
	must(t, err)
	const run = 16
	batches := make([]batch.Batch, run)
	for i := range batches {
		batches[i] = batch.Build(batch.Options{}, batch.Record{Value: make([]byte, value)})
	}
	for l.View().Size() < size {
		for i, b := range batches {
			b.Stamp(l.View().End()+protocol.Offset(i), 0)
		}
		must(t, l.Append(batches))
	}
	return l
}

// BenchmarkRestore copies a log of 256 MB from one directory to another, syncs included.
func BenchmarkRestore(b *testing.B) {
	const size = 256 << 20
	for _, value := range []int{300, 16 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dB", value), func(b *testing.B) {
			leader := bigLog(b, size, value)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				benchmarkCopy(b, leader)
			}
		})
	}
}

func benchmarkCopy(b *testing.B, leader *Log) {
	l, err := Open(vfs.OS(), b.TempDir()+"/copy-0", Config{TopicID: testTopic}, nil, Boot)
	must(b, err)
	source, err := leader.Share(l.Have())
	must(b, err)
	for first := true; ; first = false {
		piece, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(b, err)
		must(b, l.Restore(piece, first))
	}
	_, err = l.Restored()
	must(b, err)
	must(b, l.Delete())
}

func FuzzPieces(f *testing.F) {
	h := header{topicID: testTopic, start: 5, from: 3, end: 90, producersEnd: 80}
	h.epochs = epochs{{1, 5}, {4, 60}}
	data := h.encode()
	f.Add(data[:len(data)-4])
	f.Add(append(newPiece(pieceBatches, 100), batch.Build(batch.Options{LeaderEpoch: 1}, batch.Record{})...))
	f.Add(append(newPiece(pieceProducers, 100), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, body, err := openPiece(sealed(data))
		if err != nil || kind != pieceHeader {
			return
		}
		got, err := decodeHeader(body)
		if err != nil {
			return
		}
		_, body, err = openPiece(got.encode())
		must(t, err)
		again, err := decodeHeader(body)
		if err != nil || !bytes.Equal(again.encode(), got.encode()) {
			t.Errorf("%+v does not come back: %v", got, err)
		}
	})
}

func FuzzHave(f *testing.F) {
	h := have{topicID: testTopic, end: 90, epoch: 4}
	data := h.encode()
	f.Add(data[:len(data)-4])
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeHave(sealed(data))
		if err != nil {
			return
		}
		if again, err := decodeHave(got.encode()); err != nil || again != got {
			t.Errorf("%+v does not come back: %+v, %v", got, again, err)
		}
	})
}
