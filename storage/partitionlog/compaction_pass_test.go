package partitionlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// untidy is a durable log with much to compact: updates of few keys, tombstones, and transactions that go over
// several segments and end in a commit or an abort.
type untidy struct {
	fs     *vfs.Mem
	config Config
	state  State
	all    []string // its contents
	bytes  int64
}

func newUntidy(t *testing.T, updates int) *untidy {
	t.Helper()
	u := &untidy{fs: newMem(t), config: compactConfig()}
	l := openLog(t, u.fs, u.config, nil, Boot)
	rng := rand.New(rand.NewPCG(5, 5))
	end := func(id int64, commit bool) {
		o := batch.Options{Producer: &batch.Producer{ID: id}, Transactional: true, Control: true}
		o.BaseOffset = l.View().End()
		must(t, l.Append([]batch.Batch{batch.Build(o, batch.Marker(commit, 0, 10))}))
	}
	for i := range updates {
		o := batch.Options{}
		id := int64(i % 3)
		if id > 0 { // writes for a while, then ends
			o = batch.Options{Producer: &batch.Producer{ID: id}, Transactional: true}
		}
		value := fmt.Sprint(i)
		if rng.IntN(6) == 0 {
			value = ""
		}
		keyed(t, l, o, fmt.Sprint("k", rng.IntN(20)), value, fmt.Sprint("own", id, rng.IntN(5)), fmt.Sprint(i))
		if i%12 == 5 {
			end(1, true)
		}
		if i%12 == 9 {
			end(2, false)
		}
	}
	end(1, true)
	end(2, false)
	closeSegment(t, l)
	u.state = checkpoint(t, l)
	u.all, u.bytes = contents(t, l.View()), l.View().Size()
	must(t, l.Close())
	syncAll(t, u.fs)
	return u
}

// open opens the log as it lies in a file system.
func (u *untidy) open(t *testing.T, fs vfs.FS) *Log {
	t.Helper()
	return openLog(t, fs, u.config, u.state, Boot)
}

// compacted returns what is left when nothing disturbs the compaction.
func (u *untidy) compacted(t *testing.T) []string {
	t.Helper()
	l := u.open(t, u.fs.DurableClone())
	compactAll(t, l, 1000, 0)
	return contents(t, l.View())
}

// TestACompactionGoesOnAfterEveryCrash lets the disk fail at each write, rename and sync of a compaction in
// turn, takes the power away, and at a random point of what follows once more. All that was not removed yet is
// there, and in the end is left what an undisturbed compaction leaves.
func TestACompactionGoesOnAfterEveryCrash(t *testing.T) {
	u := newUntidy(t, 100)
	want := u.compacted(t)
	again := []int{0, 0, 0} // fails at once, later, not
	step := 1
	if testing.Short() {
		step = 5
	}
	for failAt := 1; ; failAt += step {
		rng := rand.New(rand.NewPCG(uint64(failAt), 9))
		fs := u.fs.DurableClone()
		over := u.disturbed(t, fs, failAt)
		if over {
			break
		}
		fs = fs.CrashClone(rng)
		u.checkHalf(t, fs, want)
		second := 1 + rng.IntN(60)
		if u.disturbed(t, fs, second) {
			again[2]++
		} else if second < 5 {
			again[0]++
		} else {
			again[1]++
		}
		fs = fs.CrashClone(rng)
		u.checkHalf(t, fs, want)
		l := u.open(t, fs)
		if _, err := l.Compact(1000, 0); !errors.Is(err, ErrNothingToCompact) {
			must(t, err)
			compactAll(t, l, 1000, 0)
		}
		if got := contents(t, l.View()); !slices.Equal(got, want) {
			t.Fatalf("failed at %d and at %d: got %q, want %q", failAt, second, got, want)
		}
		if got := l.files.reached(); got.pass != (pass{}) {
			t.Fatalf("failed at %d and at %d: %+v is on record after the end", failAt, second, got.pass)
		}
	}
	t.Logf("%v second crashes at once, later and not at all", again)
}

// disturbed compacts on a disk that fails for good at the n-th operation that changes it, and tells whether
// it came to the end before.
func (u *untidy) disturbed(t *testing.T, fs *vfs.Mem, n int) (over bool) {
	t.Helper()
	l, err := Open(vfs.NewFaulty(fs, func(op vfs.Op) error {
		switch op.Kind {
		case vfs.OpOpen, vfs.OpRead, vfs.OpStat, vfs.OpList:
			return nil
		}
		if n--; n < 0 {
			return vfs.ErrInjected
		}
		return nil
	}), testDir, u.config, u.state, Boot)
	var c *Compaction
	if err == nil {
		c, err = l.Compact(1000, 0)
	}
	for err == nil && !over {
		_, over, err = c.Step(1)
		over = over && err == nil
	}
	if err != nil && !errors.Is(err, vfs.ErrInjected) && !errors.Is(err, ErrNothingToCompact) {
		t.Fatalf("fails after %d operations: %v", n, err)
	}
	return over
}

// checkHalf demands that a log holds what stays, and besides nothing that was not there.
func (u *untidy) checkHalf(t *testing.T, fs *vfs.Mem, want []string) {
	t.Helper()
	got := contents(t, u.open(t, fs.DurableClone()).View())
	for _, one := range want {
		if !slices.Contains(got, one) {
			t.Fatalf("%s is missing: %q", one, got)
		}
	}
	for _, one := range got {
		if !slices.Contains(u.all, one) {
			t.Fatalf("%s was never there", one)
		}
	}
}

// TestACompactionThatIsAlwaysKilledEnds kills the process whenever a part of what a compaction moves was moved:
// too little to read all keys, or to get through all segments. It ends all the same, and what it has to do again
// keeps within bounds.
func TestACompactionThatIsAlwaysKilledEnds(t *testing.T) {
	u := newUntidy(t, 1000)
	want := u.compacted(t)
	for _, c := range []struct {
		part      int64 // of what is moved without kills, about
		mostMoved int64 // times the log
	}{{2, 12}, {4, 24}, {10, 60}, {20, 80}} {
		t.Run(fmt.Sprint("a part in ", c.part), func(t *testing.T) {
			fs, kills, moved := u.killed(t, 2*u.bytes/c.part)
			t.Logf("%d kills, %d bytes moved for a log of %d", kills, moved, u.bytes)
			if kills < int(c.part)/2 {
				t.Errorf("got an end after %d kills, which shows nothing", kills)
			}
			if most := c.mostMoved * u.bytes; moved > most {
				t.Errorf("got %d bytes moved, want %d at most", moved, most)
			}
			l := u.open(t, fs)
			if got := contents(t, l.View()); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			got := l.files.reached()
			got.pass.limit = 0 // one that was set before is taken back by passes that nothing interrupts
			if got.pass != (pass{}) || got.compacted != l.checkpointed {
				t.Errorf("got %+v on record, want all compacted up to %d", got, l.checkpointed)
			}
		})
	}
}

// killed compacts a log with a process that may move so many bytes before the power goes, and another, until
// it is done.
func (u *untidy) killed(t *testing.T, budget int64) (fs *vfs.Mem, kills int, moved int64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	for fs = u.fs.DurableClone(); kills < 1000; kills++ {
		l := u.open(t, fs)
		c, err := l.Compact(1000, 0)
		must(t, err)
		done := false
		for left := budget; left > 0 && !done; {
			var n int64
			n, done, err = c.Step(1)
			must(t, err)
			left, moved = left-n, moved+n
		}
		if done {
			return fs, kills, moved
		}
		fs = fs.CrashClone(rng)
	}
	t.Fatal("it never ends")
	return nil, 0, 0
}

// TestAnInterruptedPassIsDue although what it has cleaned makes the dirty share small.
func TestAnInterruptedPassIsDue(t *testing.T) {
	u := newUntidy(t, 200)
	u.config.MinCleanableRatio = 0.9
	l := u.open(t, u.fs.DurableClone())
	keyed(t, l, batch.Options{}, "b", "1")
	p := progress{compacted: l.View().segments[len(l.View().segments)-2].base}
	l.files.noteReached(p)
	if d := l.Dirt(1000); d.Due || d.Bytes == 0 {
		t.Fatalf("mostly clean: got %+v", d)
	}
	p.pass = pass{end: l.checkpointed}
	l.files.noteReached(p)
	if d := l.Dirt(1000); !d.Due {
		t.Errorf("interrupted: got %+v", d)
	}
}

// TestAPassTakesUpHalfAsMuch after one that was interrupted too early, and twice as much after one that was not.
func TestAPassTakesUpHalfAsMuch(t *testing.T) {
	u := newUntidy(t, 600)
	l := u.open(t, u.fs.DurableClone())
	limits := []int64{}
	for range 5 {
		c, err := l.Compact(1000, 0)
		must(t, err)
		limits = append(limits, c.pass.limit)
		_, _, err = c.Step(1)
		must(t, err)
		c.Close()
	}
	if limits[0] != 0 || limits[1] < u.bytes/3 || limits[1] > u.bytes/2 || limits[2] != limits[1]/2 ||
		limits[4] != limits[1]/8 {
		t.Errorf("got limits %v of %d bytes", limits, u.bytes)
	}
	c, err := l.Compact(1000, 0)
	must(t, err)
	from, limit := c.from, c.pass.limit
	for c.Passes == 1 {
		_, _, err := c.Step(1)
		must(t, err)
	}
	if c.from <= from || c.pass.limit != 2*limit {
		t.Errorf("got a pass from %d with limit %d after one from %d with %d", c.from, c.pass.limit, from, limit)
	}
}

// TestALongTransactionIsTakenUpWhole: a pass goes as far as it may, whatever it takes to learn how the
// transactions in there end.
func TestALongTransactionIsTakenUpWhole(t *testing.T) {
	l := openLog(t, newMem(t), compactConfig(), nil, Boot)
	o := batch.Options{Producer: &batch.Producer{ID: 1}, Transactional: true}
	for i := range 100 {
		keyed(t, l, o, "a", fmt.Sprint(i))
		keyed(t, l, batch.Options{}, "b", fmt.Sprint(i))
	}
	o.Control, o.BaseOffset = true, l.View().End()
	must(t, l.Append([]batch.Batch{batch.Build(o, batch.Marker(false, 0, 10))}))
	closeSegment(t, l)
	l.files.noteReached(progress{pass: pass{limit: 1000}})
	c, err := l.Compact(1000, 0)
	must(t, err)
	for c.Passes == 1 {
		_, _, err := c.Step(1)
		must(t, err)
	}
	if reached := l.files.reached().compacted; reached < 5 || reached > 50 {
		t.Errorf("got compacted up to %d, want about a thousand bytes", reached)
	}
	for done := false; !done; {
		_, done, err = c.Step(1 << 20)
		must(t, err)
	}
	got := contents(t, l.View())
	if len(got) != 2 || got[0] != "199 b=99" {
		t.Errorf("got %q, want one record and the marker", got)
	}
}

// sampleProgress has one of everything.
func sampleProgress() progress {
	return progress{
		compacted: 300, pass: pass{limit: 1 << 20, begun: true, end: 900, cleaned: 400},
		exchange: &exchange{manifestEntry: sampleManifest()[0], bases: []protocol.Offset{3, 5, 8}},
	}
}

// TestProgressComesBack also from what version 1 wrote.
func TestProgressComesBack(t *testing.T) {
	full, plain := sampleProgress(), sampleProgress()
	plain.pass = pass{}
	for version, want := range map[byte]progress{1: plain, 2: full} {
		data := want.encode()
		got, err := parseProgress(data)
		if err != nil || data[0] != version || got.compacted != want.compacted || got.pass != want.pass ||
			got.exchange.manifestEntry != want.exchange.manifestEntry ||
			!slices.Equal(got.exchange.bases, want.exchange.bases) {
			t.Errorf("version %d: got %+v, %v, want %+v", data[0], got, err, want)
		}
	}
	for body, want := range map[string]progress{
		"\x01\xac\x02\x00": {compacted: 300},
		"\x02\xac\x02\x00\x80\x80\x40\x01\x84\x07\x90\x03": {compacted: 300, pass: full.pass},
	} {
		got, err := parseProgress(sealed([]byte(body)))
		if err != nil || got != want || string(want.encode()) != string(sealed([]byte(body))) {
			t.Errorf("%q: got %+v, %v, want %+v", body, got, err, want)
		}
	}
}

func FuzzProgress(f *testing.F) {
	one := sampleProgress()
	data := one.encode()
	f.Add(data[:len(data)-4])
	f.Add([]byte("\x01\xac\x02\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseProgress(sealed(body))
		if err != nil {
			return
		}
		again, err := parseProgress(got.encode())
		if err != nil || string(again.encode()) != string(got.encode()) {
			t.Errorf("%+v does not come back: %v", got, err)
		}
	})
}

// TestRetentionTakesFromUnderACompaction is for cleanup.policy=compact,delete: segments go by age in the middle
// of a pass. What is left is compacted by the next one, which goes on.
func TestRetentionTakesFromUnderACompaction(t *testing.T) {
	config := compactConfig()
	config.RetentionMs = 1000
	for advanceAfter := range 12 { // steps of the compaction
		l := openLog(t, newMem(t), config, nil, Boot)
		for i := range 200 {
			r := batch.Record{Timestamp: int64(10 * i), Key: fmt.Append(nil, i%(20+i/4)), Value: fmt.Append(nil, i)}
			o := batch.Options{BaseOffset: l.View().End()}
			must(t, l.Append([]batch.Batch{batch.Build(o, r)}))
		}
		closeSegment(t, l)
		start, due := l.View().Expired(2500, config) // another replica may have said so, with other segments
		if !due || start < 100 || start > 150 {
			t.Fatalf("got a log start of %d, %v; want it where records are from 1500 on", start, due)
		}
		c, err := l.Compact(2500, 0)
		must(t, err)
		for range advanceAfter {
			_, _, err := c.Step(3000)
			must(t, err)
		}
		must(t, l.AdvanceStart(start))
		checkpoint(t, l)
		for done := c.done; !done && err == nil; {
			_, done, err = c.Step(3000)
		}
		if err != nil && !errors.Is(err, ErrOffsetOutOfRange) {
			t.Fatal(err)
		}
		if err != nil {
			compactAll(t, l, 2500, 0)
		}
		want := []string{}
		for i := int(start); i < 200; i++ {
			last := true
			for j := i + 1; j < 200; j++ {
				last = last && i%(20+i/4) != j%(20+j/4)
			}
			if last {
				want = append(want, fmt.Sprintf("%d %d=%d", i, i%(20+i/4), i))
			}
		}
		if got := contents(t, l.View()); !slices.Equal(got, want) {
			t.Errorf("log start raised after %d steps: got %q, want %q", advanceAfter, got, want)
		}
	}
}
