package partitionlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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
		kind, body, err := openPiece(all[0])
		must(t, err)
		h, err := decodeHeader(kind, body)
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
