package partitionlog

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/vfs"
)

// fiveSegments returns a log of five segments of two batches each, the last one active, with timestamps 0,
// 10, ... 90.
func fiveSegments(t testing.TB, fs vfs.FS) *Log {
	t.Helper()
	c := smallConfig()
	c.SegmentBytes = 240
	l := openLog(t, fs, c, nil, Boot)
	appendTo(t, l, 0, 10, 20, 30, 40, 50, 60, 70, 80, 90)
	if n := l.View().Segments(); n != 5 {
		t.Fatalf("got %d segments, want 5", n)
	}
	return l
}

func TestRetentionAsKafkaDoesIt(t *testing.T) {
	l := fiveSegments(t, newMem(t))
	one := l.View().Size() / 5
	tests := []struct {
		name      string
		bytes, ms int64
		now       int64
		want      protocol.Offset
	}{
		{"no limits", -1, -1, 1 << 40, 0},
		{"nothing is old", -1, 100, 110, 0},
		{"the youngest record decides", -1, 100, 111, 2},
		{"several segments", -1, 100, 171, 8},
		{"the active segment too", -1, 100, 191, 10},
		{"a byte too much is not a segment too much", 5*one - 1, -1, 0, 0},
		{"a segment too much", 4 * one, -1, 0, 2},
		{"keeps what would be missed", 2*one + 1, -1, 0, 4},
		{"nothing is to be kept", 0, -1, 0, 10},
		{"whichever takes more", 4 * one, 100, 131, 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			start, ok := l.View().Expired(test.now, Config{RetentionBytes: test.bytes, RetentionMs: test.ms})
			if start != test.want || ok != (test.want > 0) {
				t.Errorf("got %d, %v, want %d", start, ok, test.want)
			}
		})
	}
	must(t, l.AdvanceStart(10))
	if start, ok := l.View().Expired(1<<40, Config{RetentionBytes: 0, RetentionMs: 0}); ok {
		t.Errorf("an empty log: got %d", start)
	}
	if v := l.View(); v.Size() != 0 || v.Start() != 10 || v.End() != 10 || v.Segments() != 1 {
		t.Errorf("got %+v", v)
	}
}

func TestSegmentsWithoutTimestampsGoByTheirFiles(t *testing.T) {
	fs := newMem(t)
	l := openLog(t, fs, smallConfig(), nil, Boot)
	appendTo(t, l, -1, -1)
	info, err := fs.Stat(l.View().segments[0].Name())
	must(t, err)
	written := info.ModTime.UnixMilli()
	if _, ok := l.View().Expired(written+50, Config{RetentionBytes: -1, RetentionMs: 50}); ok {
		t.Error("expired too early")
	}
	if _, ok := l.View().Expired(written+51, Config{RetentionBytes: -1, RetentionMs: 50}); !ok {
		t.Error("did not expire")
	}
}

func TestStartInTheMiddleOfASegment(t *testing.T) {
	l := fiveSegments(t, newMem(t))
	must(t, l.AdvanceStart(5))
	v := l.View()
	if v.Start() != 5 || v.Segments() != 3 {
		t.Fatalf("got start %d, %d segments", v.Start(), v.Segments())
	}
	if _, err := v.Read(4, 100, true); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Errorf("below the start: got %v", err)
	}
	if offset, _, _, _, err := v.ByTimestamp(0); offset != 5 || err != nil {
		t.Errorf("by timestamp: got %d, %v", offset, err)
	}
	must(t, l.AdvanceStart(3))
	if l.View().Start() != 5 {
		t.Error("the start went back")
	}
	if err := l.AdvanceStart(11); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Errorf("above the end: got %v", err)
	}
}

func TestRemovedFilesStayUntilTheCheckpointAndWhileTheyAreRead(t *testing.T) {
	fs := newMem(t)
	l := fiveSegments(t, fs)
	state := checkpoint(t, l)
	old := l.View()
	sending, err := old.Read(0, 1<<20, true)
	must(t, err)
	must(t, l.AdvanceStart(4))
	if names := list(t, fs); !slices.Contains(names, fileName(0, suffixLog)) {
		t.Errorf("the file is gone before the checkpoint: %v", names)
	}
	// A crash now goes back to where the segments were part of the log.
	back := openLog(t, fs.DurableClone(), smallConfig(), state, Boot)
	if v := back.View(); v.Start() != 0 || v.Segments() != 5 {
		t.Errorf("after a crash: got start %d, %d segments", v.Start(), v.Segments())
	}
	checkpoint(t, l)
	for _, name := range list(t, fs) {
		if base, suffix, ok := parseName(name); ok && suffix != suffixSnapshot && base < 4 {
			t.Errorf("%s is still there after the checkpoint", name)
		}
	}
	data := make([]byte, sending.Length)
	if _, err := sending.ReadAt(data, 0); err != nil || len(wholeBatches(data)) != 2 {
		t.Errorf("read of the removed segment: got %v", err)
	}
	sending.Release()
	if _, err := old.Read(0, 100, true); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Errorf("new read through an old view: got %v", err)
	}
}

func TestRegionIsAReader(t *testing.T) {
	l := fiveSegments(t, newMem(t))
	r, err := l.View().Read(0, 1<<20, true)
	must(t, err)
	r.Retain()
	r.Release()
	defer r.Release()
	all, err := io.ReadAll(io.NewSectionReader(r, 0, r.Length))
	if err != nil || len(wholeBatches(all)) != 2 {
		t.Errorf("got %d bytes, %v", len(all), err)
	}
	if n, err := r.ReadAt(make([]byte, 10), r.Length-4); n != 4 || err != io.EOF {
		t.Errorf("at the end: got %d, %v", n, err)
	}
	if _, err := r.ReadAt(make([]byte, 1), r.Length); err != io.EOF {
		t.Errorf("behind the end: got %v", err)
	}
	if _, ok := r.Fd(); ok {
		t.Error("got a descriptor of a file in memory")
	}
}

func TestDeleteIsFinishedAfterACrash(t *testing.T) {
	mem := newMem(t)
	removed := 0
	fs := vfs.NewFaulty(mem, func(op vfs.Op) error {
		if op.Kind == vfs.OpRemove {
			if removed++; removed > 4 {
				return vfs.ErrInjected
			}
		}
		return nil
	})
	l := fiveSegments(t, fs)
	flush, err := l.Capture()
	must(t, err)
	_, err = flush()
	must(t, err)
	if err := l.Delete(); !errors.Is(err, vfs.ErrInjected) {
		t.Fatalf("got %v", err)
	}
	names, err := mem.List("/data")
	must(t, err)
	if len(names) != 1 || !strings.HasPrefix(names[0], "topic-0.") || !strings.HasSuffix(names[0], "-delete") {
		t.Fatalf("got %v", names)
	}
	must(t, RemoveDeleted(mem, "/data"))
	if names, _ = mem.List("/data"); len(names) != 0 {
		t.Errorf("got %v", names)
	}
	if _, err := l.View().Read(0, 1, true); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Errorf("read of a deleted log: got %v", err)
	}
	if err := l.AdvanceStart(1); !errors.Is(err, ErrClosed) {
		t.Errorf("use of a deleted log: got %v", err)
	}
	must(t, Remove(mem, testDir, testTopic))
}

// TestDeletedDirectoryIsRenamedForGoodFirst: files that are gone under the old name would leave a directory
// behind of which nobody can tell whose it is.
func TestDeletedDirectoryIsRenamedForGoodFirst(t *testing.T) {
	mem := newMem(t)
	fs := vfs.NewFaulty(mem, func(op vfs.Op) error {
		if op.Kind == vfs.OpRemove {
			return vfs.ErrInjected
		}
		return nil
	})
	l := fiveSegments(t, fs)
	flush, err := l.Capture()
	must(t, err)
	_, err = flush()
	must(t, err)
	if err := l.Delete(); !errors.Is(err, vfs.ErrInjected) {
		t.Fatalf("got %v", err)
	}
	if _, err := mem.DurableClone().Stat(testDir); !vfs.IsNotExist(err) {
		t.Errorf("the old name may come back after a crash: got %v", err)
	}
}

// TestDirectoryIsRemovedBesideWhatAnEarlierRemovalLeft: a file of somebody else keeps the first directory there,
// under the name that the second one would get.
func TestDirectoryIsRemovedBesideWhatAnEarlierRemovalLeft(t *testing.T) {
	mem := newMem(t)
	for _, foreign := range []string{"notes.txt", "more.txt"} {
		must(t, fiveSegments(t, mem).Close())
		must(t, vfs.WriteFileSync(mem, testDir+"/"+foreign, []byte("mine")))
		must(t, Remove(mem, testDir, testTopic))
		if _, err := mem.Stat(testDir); !vfs.IsNotExist(err) {
			t.Errorf("the directory is still there: got %v", err)
		}
	}
	names, err := mem.List("/data")
	must(t, err)
	if len(names) != 2 {
		t.Errorf("got %v, want what is not ours to stay", names)
	}
}

func TestTopicIDIsDurableWithTheFirstCheckpoint(t *testing.T) {
	mem := newMem(t)
	l := fiveSegments(t, mem)
	flush, err := l.Capture()
	must(t, err)
	_, err = flush()
	must(t, err)
	if id, err := TopicIDOf(mem.DurableClone(), testDir); err != nil || id != testTopic {
		t.Errorf("got id %x, %v", id, err)
	}
	must(t, l.Close())
}
