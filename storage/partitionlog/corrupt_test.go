package partitionlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// fixture is a checkpointed log of a few segments, whose start cuts the first.
type fixture struct {
	fs      *vfs.Mem
	state   State
	batches []batch.Batch
	records []recordAt // of the batches, from start on
	start   protocol.Offset
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{fs: newMem(t)}
	rng := rand.New(rand.NewPCG(7, 7))
	l := openLog(t, f.fs, smallConfig(), nil, Boot)
	for i := range 24 {
		b := randomBatch(rng, l.View().End(), protocol.LeaderEpoch(i/9), int64(1000+10*i))
		f.batches = append(f.batches, b)
		must(t, l.Append([]batch.Batch{b}))
	}
	f.start = 2
	for _, b := range f.batches {
		must(t, b.Records(func(r batch.Record) bool {
			if r.Offset >= f.start {
				f.records = append(f.records, recordAt{r.Offset, r.Timestamp, b.LeaderEpoch()})
			}
			return true
		}))
	}
	must(t, l.AdvanceStart(f.start))
	f.state = checkpoint(t, l)
	syncAll(t, f.fs)
	if n := l.View().Segments(); n < 3 {
		t.Fatalf("got %d segments, want a few", n)
	}
	return f
}

// check reads everything in every way. What it gets must be right; damaged batches may be refused.
func (f *fixture) check(v *View) (refused error, wrong error) {
	note := func(err error) {
		var damaged *CorruptError
		if errors.As(err, &damaged) {
			refused = err
		} else if err != nil {
			wrong = err
		}
	}
	for i := range f.batches {
		b := f.batches[i]
		if b.LastOffset() < f.start {
			continue
		}
		data, err := readRegion(v, max(b.BaseOffset(), f.start), 1+i*50, true)
		note(err)
		if got := wholeBatches(data); err == nil {
			note(sameBatches(got, f.batches[i:min(i+len(got), len(f.batches))]))
		}
	}
	for at := int64(980); at < 1260; at += 7 {
		want := f.byTimestamp(at)
		offset, timestamp, epoch, _, err := v.ByTimestamp(at)
		note(err)
		if got := (recordAt{offset, timestamp, epoch}); err == nil && got != want {
			wrong = fmt.Errorf("by timestamp %d: got %v, want %v", at, got, want)
		}
	}
	newest := f.maxTimestamp()
	offset, timestamp, _, _, err := v.MaxTimestamp()
	note(err)
	if err == nil && (offset != newest.offset || timestamp != newest.timestamp) {
		wrong = fmt.Errorf("max timestamp: got %d at %d, want %v", timestamp, offset, newest)
	}
	return refused, wrong
}

func (f *fixture) byTimestamp(at int64) recordAt {
	for _, r := range f.records {
		if r.timestamp >= at {
			return r
		}
	}
	return recordAt{-1, -1, -1}
}

func (f *fixture) maxTimestamp() recordAt {
	newest := recordAt{-1, -1, -1}
	for _, r := range f.records {
		if r.timestamp > newest.timestamp {
			newest = r
		}
	}
	return newest
}

// TestEveryFlippedBitIsNoticedOrHarmless flips each byte of each file in turn. A damaged batch is refused, a
// damaged index makes no difference, and nothing wrong is ever returned.
func TestEveryFlippedBitIsNoticedOrHarmless(t *testing.T) {
	f := newFixture(t)
	names, err := f.fs.List(testDir)
	must(t, err)
	for _, name := range names {
		info, err := f.fs.Stat(testDir + "/" + name)
		must(t, err)
		step := int64(1)
		if testing.Short() {
			step = 7
		}
		for at := int64(0); at < info.Size; at += step {
			f.flip(t, name, at)
		}
	}
}

func (f *fixture) flip(t *testing.T, name string, at int64) {
	fs := f.fs.DurableClone()
	must(t, fs.FlipBit(testDir+"/"+name, at, uint(at)))
	l, err := Open(fs, testDir, smallConfig(), f.state, Boot)
	what := fmt.Sprintf("%s, byte %d", name, at)
	switch {
	case strings.HasSuffix(name, suffixSnapshot):
		var damaged *CorruptError
		if !errors.As(err, &damaged) {
			t.Errorf("%s: got %v, want a refusal", what, err)
		}
		return
	case name == nameMetadata && err != nil:
		return // it may now be the name of another topic
	case err != nil:
		t.Errorf("%s: %v", what, err)
		return
	}
	refused, wrong := f.check(l.View())
	if wrong != nil {
		t.Errorf("%s: %v", what, wrong)
	}
	if isLog := strings.HasSuffix(name, suffixLog); isLog != (refused != nil) && !(isLog && f.below(name, at)) {
		t.Errorf("%s: got %v", what, refused)
	}
	if again, _ := f.check(l.View()); (again != nil) != (refused != nil) {
		t.Errorf("%s: refused %v at first and then %v", what, refused, again)
	}
}

// below tells whether a byte belongs to what is below the log start and never read.
func (f *fixture) below(name string, at int64) bool {
	base, _, _ := parseName(name)
	for _, b := range f.batches {
		if b.BaseOffset() < base {
			continue
		}
		if at -= int64(len(b)); at < 0 {
			return b.LastOffset() < f.start
		}
	}
	return false
}

// TestDamageEndsARegion reads up to a damaged batch: what precedes it is served, it is not, and what follows
// in another chunk is.
func TestDamageEndsARegion(t *testing.T) {
	fs := newMem(t)
	l := openLog(t, fs, Config{TopicID: testTopic}, nil, Boot)
	var positions []int64
	for range 400 {
		positions = append(positions, l.View().Size())
		b := batch.Build(batch.Options{BaseOffset: l.View().End()}, batch.Record{Value: make([]byte, 1000)})
		must(t, l.Append([]batch.Batch{b}))
	}
	state := checkpoint(t, l)
	const bad = 100
	must(t, fs.FlipBit(l.View().segments[0].Name(), positions[bad]+500, 3))
	v := openLog(t, fs, Config{TopicID: testTopic}, state, Boot).View()

	r, err := v.Read(0, 1<<20, false)
	must(t, err)
	if r.Length != positions[bad] {
		t.Errorf("got %d bytes, want the %d before the damage", r.Length, positions[bad])
	}
	r.Release()
	var damaged *CorruptError
	if _, err := v.Read(bad, 1<<20, true); !errors.As(err, &damaged) || damaged.Position != positions[bad] {
		t.Errorf("got %v, want damage at %d", err, positions[bad])
	}
	if r, err = v.Read(300, 1<<20, true); err != nil || r.Position != positions[300] {
		t.Errorf("got %v, %v", r, err)
	}
	r.Release()
}

// TestLostFilesAreNoticed opens logs of which a file that matters is missing or too short.
func TestLostFilesAreNoticed(t *testing.T) {
	f := newFixture(t)
	names, err := f.fs.List(testDir)
	must(t, err)
	for _, name := range names {
		_, suffix, _ := parseName(name)
		if suffix != suffixLog && suffix != suffixSnapshot {
			continue
		}
		for _, spoil := range []func(fs *vfs.Mem) error{
			func(fs *vfs.Mem) error { return fs.Remove(testDir + "/" + name) },
			func(fs *vfs.Mem) error {
				file, err := fs.OpenReadWrite(testDir + "/" + name)
				must(t, err)
				size, err := file.Size()
				must(t, err)
				return file.Truncate(size - 1)
			},
		} {
			fs := f.fs.DurableClone()
			must(t, spoil(fs))
			var damaged *CorruptError
			if _, err := Open(fs, testDir, smallConfig(), f.state, Boot); !errors.As(err, &damaged) {
				t.Errorf("%s: got %v, want a CorruptError", name, err)
			}
		}
	}
}

// TestDoesWithoutAccelerators removes everything that can be found out again.
func TestDoesWithoutAccelerators(t *testing.T) {
	f := newFixture(t)
	names, err := f.fs.List(testDir)
	must(t, err)
	for _, name := range names {
		if _, suffix, _ := parseName(name); suffix != suffixLog && suffix != suffixSnapshot {
			must(t, f.fs.Remove(testDir+"/"+name))
		}
	}
	l := openLog(t, f.fs, smallConfig(), f.state, Boot)
	if refused, wrong := f.check(l.View()); refused != nil || wrong != nil {
		t.Fatal(refused, wrong)
	}
	state := checkpoint(t, l) // writes them anew
	reads := 0
	counting := vfs.NewFaulty(f.fs, func(op vfs.Op) error {
		if op.Kind == vfs.OpRead && strings.HasSuffix(op.Name, suffixLog) {
			reads++
		}
		return nil
	})
	l = openLog(t, counting, smallConfig(), state, Boot)
	if _, err := l.View().segments[0].readOnlySpan(l.View()).summary(); err != nil || reads > 0 {
		t.Errorf("got %v and %d reads of segments, want the summaries from the manifest", err, reads)
	}
	before := l.active.current
	appendTo(t, l, 2000)
	if reads > 0 || l.active.current.offsetEntries < before.offsetEntries {
		t.Errorf("got %d reads of segments by an append, want the index from its file", reads)
	}
}

// readOnlySpan returns the first segment of a view as a span.
func (s *Segment) readOnlySpan(v *View) *span {
	sp := v.span(v.find(max(s.base, v.start)))
	return &sp
}

// TestRefusesWhatIsNotItsOwn covers directories that must not be touched.
func TestRefusesWhatIsNotItsOwn(t *testing.T) {
	f := newFixture(t)
	other := smallConfig()
	other.TopicID[3] = 9
	refuses := func(c Config, from State, why string) {
		t.Helper()
		if _, err := Open(f.fs, testDir, c, from, Boot); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("got %v, want a refusal with %q", err, why)
		}
	}
	refuses(other, f.state, "another topic")
	refuses(smallConfig(), nil, "epoch 2")
	file, err := f.fs.Create(testDir + "/" + nameEpochs) // torn by the crash that also took the write-ahead log
	must(t, err)
	must(t, file.Close())
	refuses(smallConfig(), nil, "write-ahead log")
	for i := range f.state {
		spoilt := append(State(nil), f.state...)
		spoilt[i] ^= 1
		if _, err := Open(f.fs, testDir, smallConfig(), spoilt, Boot); err == nil {
			t.Errorf("state with byte %d flipped: got no error", i)
		}
	}
	l := openLog(t, f.fs, smallConfig(), f.state, Boot)
	if refused, wrong := f.check(l.View()); refused != nil || wrong != nil {
		t.Fatal(refused, wrong)
	}
}

// TestUnknownFilesStay keeps what is not named exactly like a file of ours.
func TestUnknownFilesStay(t *testing.T) {
	fs := newMem(t)
	l := openLog(t, fs, smallConfig(), nil, Boot)
	strange := []string{
		"notes.txt", "1.log", "00000000000000000099.log.bak", "99999999999999999999.log", "x.tmp",
		"-0000000000000000001.log",
	}
	for _, name := range strange {
		_, err := fs.Create(testDir + "/" + name)
		must(t, err)
	}
	appendTo(t, l, 1, 2, 3)
	state := checkpoint(t, l)
	l = openLog(t, fs, smallConfig(), state, Boot)
	must(t, l.Delete())
	names, err := fs.List("/data")
	must(t, err)
	if len(names) != 1 {
		t.Fatalf("got %v", names)
	}
	left, err := fs.List("/data/" + names[0])
	must(t, err)
	for _, name := range strange {
		if !strings.Contains(strings.Join(left, " "), name) {
			t.Errorf("%s is gone", name)
		}
	}
	if len(left) != len(strange) {
		t.Errorf("got %v left", left)
	}
}
