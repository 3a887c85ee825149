package partitionlog

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

func list(t testing.TB, fs vfs.FS) []string {
	t.Helper()
	names, err := fs.List(testDir)
	must(t, err)
	return names
}

func TestNewPartitionIsADirectoryWithItsTopicID(t *testing.T) {
	fs := newMem(t)
	l := openLog(t, fs, smallConfig(), nil, Boot)
	if names := list(t, fs); !slices.Equal(names, []string{nameMetadata}) {
		t.Errorf("got %v", names)
	}
	text, err := vfs.ReadFile(fs, testDir+"/"+nameMetadata, 100)
	must(t, err)
	if want := "version: 0\ntopic_id: AQIDAAAAAAAAAAAAAAAAEA\n"; string(text) != want {
		t.Errorf("got %q, want %q", text, want)
	}
	v := l.View()
	if v.Start() != 0 || v.End() != 0 || v.Size() != 0 || v.LatestEpoch() != protocol.NoLeaderEpoch {
		t.Errorf("got %+v", v)
	}
	if r, err := l.View().Read(0, 100, true); err != nil || r.Length != 0 {
		t.Errorf("read of an empty log: got %v, %v", r, err)
	}
}

// TestFilesAreKafkas compares each file with the bytes that Kafka's rules give: an offset entry for the first
// batch that starts more than an interval after the last one, with its last offset and its position; a time
// entry beside it if the maximum has grown; one more when the segment closes.
func TestFilesAreKafkas(t *testing.T) {
	fs := newMem(t)
	c := smallConfig()
	c.SegmentBytes = 600
	l := openLog(t, fs, c, nil, Boot)
	appendTo(t, l, 10, 30, 20, 40, 50, 60, 55) // 112 bytes each: five fit
	if n := l.View().Segments(); n != 2 {
		t.Fatalf("got %d segments, want 2", n)
	}
	checkpoint(t, l)
	want := []string{
		fileName(0, suffixIndex), fileName(0, suffixLog), fileName(0, suffixTime),
		fileName(5, suffixLog), nameManifest, nameEpochs, nameMetadata,
	}
	if names := list(t, fs); !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	size := int(l.View().segments[0].info.Load().size) / 5
	checkFile(t, fs, fileName(0, suffixIndex), []byte{
		0, 0, 0, 2, 0, 0, 0, byte(2 * size),
		0, 0, 0, 4, 0, 0, byte(4 * size >> 8), byte(4 * size),
	})
	checkFile(t, fs, fileName(0, suffixTime), []byte{
		0, 0, 0, 0, 0, 0, 0, 30, 0, 0, 0, 1,
		0, 0, 0, 0, 0, 0, 0, 50, 0, 0, 0, 4,
	})
	checkFile(t, fs, nameEpochs, []byte("0\n1\n0 0\n"))
}

func checkFile(t *testing.T, fs vfs.FS, name string, want []byte) {
	t.Helper()
	got, err := vfs.ReadFile(fs, testDir+"/"+name, 1<<20)
	if err != nil || string(got) != string(want) {
		t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
	}
}

func TestClosingTimeEntryNamesTheMaximum(t *testing.T) {
	fs := newMem(t)
	c := smallConfig()
	c.IndexIntervalBytes = 1 << 20
	l := openLog(t, fs, c, nil, Boot)
	appendTo(t, l, 10, 90, 20)
	must(t, l.AdvanceStart(1))
	must(t, l.roll())
	l.publish()
	checkpoint(t, l)
	checkFile(t, fs, fileName(0, suffixTime), []byte{0, 0, 0, 0, 0, 0, 0, 90, 0, 0, 0, 1})
}

func TestRolls(t *testing.T) {
	tests := []struct {
		name       string
		change     func(c *Config)
		timestamps []int64
		want       []protocol.Offset // bases
	}{
		{"by size", func(c *Config) { c.SegmentBytes = 240 }, []int64{1, 1, 1, 1, 1}, []protocol.Offset{0, 2, 4}},
		{"a batch larger than a segment has one of its own", func(c *Config) { c.SegmentBytes = 50 },
			[]int64{1, 1}, []protocol.Offset{0, 1}},
		{"by age, going by the first batch", func(c *Config) { c.SegmentMs = 100 },
			[]int64{50, 150, 100, 151, 140}, []protocol.Offset{0, 3}},
		{"not by age without timestamps", func(c *Config) { c.SegmentMs = 100 },
			[]int64{-1, 5000, 9000}, []protocol.Offset{0}},
		{"by a full offset index", func(c *Config) { c.IndexIntervalBytes, c.MaxIndexBytes = 1, 40 },
			[]int64{9, 9, 9, 9, 9, 9, 9, 9}, []protocol.Offset{0, 6}},
		{"by a full time index, which keeps an entry free",
			func(c *Config) { c.IndexIntervalBytes, c.MaxIndexBytes = 1, 40 },
			[]int64{1, 2, 3, 4, 5, 6, 7, 8}, []protocol.Offset{0, 3, 6}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := smallConfig()
			c.SegmentBytes = 1 << 20
			test.change(&c)
			l := openLog(t, newMem(t), c, nil, Boot)
			appendTo(t, l, test.timestamps...)
			if got := bases(l); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func bases(l *Log) (all []protocol.Offset) {
	for _, s := range l.View().segments {
		all = append(all, s.base)
	}
	return all
}

func TestRollsWhereRelativeOffsetsEnd(t *testing.T) {
	l := openLog(t, newMem(t), Config{TopicID: testTopic}, nil, Boot)
	for range 3 {
		b := batch.Build(batch.Options{BaseOffset: l.View().End()}, batch.Record{})
		binary.BigEndian.PutUint32(b[23:], math.MaxInt32-1) // last offset delta: as after compaction
		must(t, l.Append([]batch.Batch{b}))
	}
	if got, want := bases(l), []protocol.Offset{0, math.MaxInt32, 2 * math.MaxInt32}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestJitterSpreadsRollsAndIsTheSameAgain(t *testing.T) {
	c := Config{SegmentMs: 1000, SegmentJitterMs: 300}.withDefaults()
	seen := map[int64]bool{}
	for base := protocol.Offset(0); base < 100; base++ {
		after := c.rollAfterMs(base)
		if after <= 700 || after > 1000 || after != c.rollAfterMs(base) {
			t.Fatalf("base %d: got %d", base, after)
		}
		seen[after] = true
	}
	if len(seen) < 50 {
		t.Errorf("got %d different ages", len(seen))
	}
}

func TestOneAppendIsOneWriteForEachSegment(t *testing.T) {
	writes := 0
	fs := vfs.NewFaulty(newMem(t), func(op vfs.Op) error {
		if op.Kind == vfs.OpWrite && strings.HasSuffix(op.Name, suffixLog) {
			writes++
		}
		return nil
	})
	c := smallConfig()
	c.SegmentBytes = 10 * 72
	l := openLog(t, fs, c, nil, Boot)
	var batches []batch.Batch
	for i := range 25 {
		batches = append(batches, batch.Build(batch.Options{BaseOffset: protocol.Offset(i)}, batch.Record{}))
	}
	must(t, l.Append(batches))
	if writes != l.View().Segments() || writes != 3 {
		t.Errorf("got %d writes to %d segments, want 3", writes, l.View().Segments())
	}
}

func TestAppendPanicsOnWhatOnlyABugCanCause(t *testing.T) {
	good := func() batch.Batch {
		return batch.Build(batch.Options{BaseOffset: 1, LeaderEpoch: 3}, batch.Record{})
	}
	tests := map[string]func() batch.Batch{
		"a gap":            func() batch.Batch { b := good(); b.Stamp(2, 3); return b },
		"an offset again":  func() batch.Batch { b := good(); b.Stamp(0, 3); return b },
		"an older epoch":   func() batch.Batch { b := good(); b.Stamp(1, 2); return b },
		"no epoch":         func() batch.Batch { b := good(); b.Stamp(1, -1); return b },
		"a cut-off batch":  func() batch.Batch { b := good(); return b[:len(b)-1] },
		"bytes at the end": func() batch.Batch { return append(good(), 0) },
	}
	for name, build := range tests {
		t.Run(name, func(t *testing.T) {
			l := openLog(t, newMem(t), smallConfig(), nil, Boot)
			must(t, l.Append([]batch.Batch{batch.Build(batch.Options{LeaderEpoch: 3}, batch.Record{})}))
			defer func() {
				if r := recover(); r == nil || !strings.HasPrefix(r.(string), "BUG: got") {
					t.Errorf("got %v, want a panic", r)
				}
				if l.View().End() != 1 {
					t.Errorf("got end %d", l.View().End())
				}
			}()
			_ = l.Append([]batch.Batch{build()})
		})
	}
}

func TestFailedWriteIsNotVisibleAndFinal(t *testing.T) {
	fail := false
	mem := newMem(t)
	fs := vfs.NewFaulty(mem, func(op vfs.Op) error {
		if fail && op.Kind == vfs.OpWrite {
			return &vfs.ShortWrite{Bytes: 30, Err: vfs.ErrInjected}
		}
		return nil
	})
	l := openLog(t, fs, smallConfig(), nil, Boot)
	appendTo(t, l, 1, 2)
	before := l.View()
	fail = true
	next := batch.Build(batch.Options{BaseOffset: 2}, batch.Record{})
	if err := l.Append([]batch.Batch{next}); !errors.Is(err, vfs.ErrInjected) {
		t.Fatalf("got %v", err)
	}
	fail = false
	if l.View() != before {
		t.Error("the failed append is visible")
	}
	if err := l.Append([]batch.Batch{next}); !errors.Is(err, vfs.ErrInjected) {
		t.Errorf("append after a failure: got %v", err)
	}
	if _, err := l.Capture(); !errors.Is(err, vfs.ErrInjected) {
		t.Errorf("capture after a failure: got %v", err)
	}
	// The rest of the failed write is cut off when the segment closes.
	c := smallConfig()
	c.SegmentBytes = 230
	l = openLog(t, fs, c, nil, Rebuild)
	appendTo(t, l, 1, 2, 3)
	info, err := mem.Stat(l.View().segments[0].Name())
	must(t, err)
	if info.Size != l.View().segments[0].info.Load().size {
		t.Errorf("got a file of %d bytes, want %d", info.Size, l.View().segments[0].info.Load().size)
	}
}

func TestBootCutsFilesToTheState(t *testing.T) {
	fs := newMem(t)
	c := smallConfig()
	c.IndexIntervalBytes = 1
	l := openLog(t, fs, c, nil, Boot)
	appendTo(t, l, 1, 2, 3, 4)
	state := checkpoint(t, l)
	appendTo(t, l, 5, 6)
	checkpoint(t, l) // its state gets lost
	l = openLog(t, fs, c, state, Boot)
	sizes := map[string]int64{suffixLog: l.View().Size(), suffixIndex: 3 * 8, suffixTime: 3 * 12}
	for suffix, want := range sizes {
		info, err := fs.Stat(testDir + "/" + fileName(0, suffix))
		must(t, err)
		if info.Size != want {
			t.Errorf("%s: got %d bytes, want %d", suffix, info.Size, want)
		}
	}
	if l.View().End() != 4 {
		t.Errorf("got end %d", l.View().End())
	}
}

func TestTailReadsTouchNoFileToLocateABatch(t *testing.T) {
	reads := 0
	fs := vfs.NewFaulty(newMem(t), func(op vfs.Op) error {
		if op.Kind == vfs.OpRead {
			reads++
		}
		return nil
	})
	l := openLog(t, fs, Config{TopicID: testTopic}, nil, Boot)
	for i := range int64(3 * tailMax) {
		appendTo(t, l, i)
	}
	v := l.View()
	for offset := v.End() - tailMax/2; offset < v.End(); offset++ {
		r, err := v.Read(offset, 1, true)
		must(t, err)
		if want := v.Size() / int64(v.End()); r.Position != int64(offset)*want || r.Length != want {
			t.Fatalf("offset %d: got %+v", offset, r)
		}
		if got, want := v.Available(offset), int(v.Size()-r.Position); got != want {
			t.Fatalf("available from %d: got %d, want %d", offset, got, want)
		}
		r.Release()
	}
	if reads > 0 {
		t.Errorf("got %d reads, want none", reads)
	}
	old := v.End() - 2*tailMax
	exact := int(v.Size()/int64(v.End())) * 2 * tailMax
	if got := v.Available(old); got < exact || got > exact+4096+200 {
		t.Errorf("available far back: got %d, want %d and at most an index interval more", got, exact)
	}
}

func TestFoundByTimestampWithinOneIndexInterval(t *testing.T) {
	read := 0
	fs := vfs.NewFaulty(newMem(t), func(op vfs.Op) error {
		if op.Kind == vfs.OpRead {
			read += op.Length
		}
		return nil
	})
	l := openLog(t, fs, Config{TopicID: testTopic}, nil, Boot)
	appendTo(t, l, 500) // an early maximum: the time index does not grow until it is passed
	for i := range int64(2000) {
		appendTo(t, l, i)
	}
	for _, at := range []int64{400, 500, 501, 1234, 1999} {
		read = 0
		offset, timestamp, _, found, err := l.View().ByTimestamp(at)
		want := protocol.Offset(at + 1)
		if at <= 500 {
			want = 0
		}
		if err != nil || !found || offset != want || timestamp != max(at, 500) {
			t.Errorf("%d: got %d at %d, %v, %v, want %d", at, timestamp, offset, found, err, want)
		}
		if read > 4*probeSize {
			t.Errorf("%d: read %d bytes", at, read)
		}
	}
	if _, _, _, found, err := l.View().ByTimestamp(2000); found || err != nil {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestEpochEndsAsKafkaAnswersThem(t *testing.T) {
	history := epochs{{2, 10}, {5, 20}, {6, 30}}
	tests := []struct {
		asked protocol.LeaderEpoch
		epoch protocol.LeaderEpoch
		end   protocol.Offset
	}{
		{-1, -1, -1}, {0, 0, 10}, {1, 1, 10}, {2, 2, 20}, {3, 2, 20},
		{4, 2, 20}, {5, 5, 30}, {6, 6, 42}, {7, -1, -1},
	}
	for _, test := range tests {
		if epoch, end := history.end(test.asked, 42); epoch != test.epoch || end != test.end {
			t.Errorf("epoch %d: got %d at %d, want %d at %d", test.asked, epoch, end, test.epoch, test.end)
		}
	}
	if epoch, end := (epochs{}).end(0, 0); epoch != -1 || end != -1 {
		t.Errorf("empty: got %d at %d", epoch, end)
	}
	if got, want := history.from(25), (epochs{{5, 25}, {6, 30}}); !slices.Equal(got, want) {
		t.Errorf("from 25: got %v, want %v", got, want)
	}
	if got, want := history.from(42).with(9, 42), (epochs{{9, 42}}); !slices.Equal(got, want) {
		t.Errorf("an epoch without records: got %v, want %v", got, want)
	}
	if history.at(9) != -1 || history.at(10) != 2 || history.at(29) != 5 || history.at(99) != 6 {
		t.Error("wrong epochs at offsets")
	}
}

func TestSearchesInsideEveryCodec(t *testing.T) {
	for codec := batch.Codec(0); codec <= batch.Zstd; codec++ {
		l := openLog(t, newMem(t), smallConfig(), nil, Boot)
		b := batch.Build(batch.Options{Codec: codec},
			batch.Record{Timestamp: 5}, batch.Record{Timestamp: 9}, batch.Record{Timestamp: 7})
		must(t, l.Append([]batch.Batch{b}))
		if offset, timestamp, _, _, err := l.View().ByTimestamp(6); offset != 1 || timestamp != 9 || err != nil {
			t.Errorf("%v: by timestamp: got %d at %d, %v", codec, timestamp, offset, err)
		}
		if offset, timestamp, _, _, err := l.View().MaxTimestamp(); offset != 1 || timestamp != 9 || err != nil {
			t.Errorf("%v: max timestamp: got %d at %d, %v", codec, timestamp, offset, err)
		}
	}
}

func TestLogAppendTimeCountsForTheWholeBatch(t *testing.T) {
	l := openLog(t, newMem(t), smallConfig(), nil, Boot)
	b := batch.Build(batch.Options{}, batch.Record{Timestamp: 5}, batch.Record{Timestamp: 7})
	b.SetLogAppendTime(100)
	must(t, l.Append([]batch.Batch{b}))
	if offset, timestamp, _, _, err := l.View().MaxTimestamp(); offset != 0 || timestamp != 100 || err != nil {
		t.Errorf("got %d at %d, %v", timestamp, offset, err)
	}
	if offset, timestamp, _, _, err := l.View().ByTimestamp(60); offset != 0 || timestamp != 100 || err != nil {
		t.Errorf("got %d at %d, %v", timestamp, offset, err)
	}
}
