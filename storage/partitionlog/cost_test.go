package partitionlog

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// counter counts operations by kind and the bytes read and written.
type counter struct {
	ops           map[vfs.OpKind]int
	read, written int
}

func (c *counter) count(op vfs.Op) error {
	if c.ops == nil {
		c.ops = map[vfs.OpKind]int{}
	}
	c.ops[op.Kind]++
	switch op.Kind {
	case vfs.OpRead:
		c.read += op.Length
	case vfs.OpWrite:
		c.written += op.Length
	}
	return nil
}

// TestOpeningCostsNothingPerByte compares the operations that opening takes for a log and for one eight times
// as large with the same number of segments: not one more, and no segment is read.
func TestOpeningCostsNothingPerByte(t *testing.T) {
	var seen []counter
	for _, factor := range []int{1, 8} {
		fs := newMem(t)
		c := Config{SegmentBytes: int64(factor) * 100_000, IndexIntervalBytes: 4096, TopicID: testTopic}
		l := openLog(t, fs, c, nil, Boot)
		for l.View().Segments() < 10 {
			b := batch.Build(batch.Options{BaseOffset: l.View().End()}, batch.Record{Value: make([]byte, 10_000)})
			must(t, l.Append([]batch.Batch{b}))
		}
		state := checkpoint(t, l)
		var ops counter
		l = openLog(t, vfs.NewFaulty(fs, ops.count), c, state, Boot)
		if ops.ops[vfs.OpWrite] > 0 || ops.ops[vfs.OpTruncate] > 0 {
			t.Errorf("opening a clean log changed it: %v", ops.ops)
		}
		if l.config.Handles.OpenFiles() != 0 || l.config.Handles.IndexBytes() != 0 {
			t.Error("opening a log opened segments or loaded indexes")
		}
		seen = append(seen, ops)
	}
	if fmt.Sprint(seen[0].ops) != fmt.Sprint(seen[1].ops) || seen[1].read > seen[0].read+64 {
		t.Errorf("got %v and %d bytes read, then for eight times the data %v and %d",
			seen[0].ops, seen[0].read, seen[1].ops, seen[1].read)
	}
}

// TestColdReadsVerifyWhatTheyNeed reads single batches of a log that another process wrote: each costs the
// chunk that the batch is in and no more, and nothing the second time.
func TestColdReadsVerifyWhatTheyNeed(t *testing.T) {
	fs := newMem(t)
	c := Config{SegmentBytes: 4 << 20, TopicID: testTopic}
	l := openLog(t, fs, c, nil, Boot)
	for range 5000 {
		b := batch.Build(batch.Options{BaseOffset: l.View().End()}, batch.Record{Value: make([]byte, 1000)})
		must(t, l.Append([]batch.Batch{b}))
	}
	state := checkpoint(t, l)
	var ops counter
	v := openLog(t, vfs.NewFaulty(fs, ops.count), c, state, Boot).View()
	for _, from := range []protocol.Offset{10, 2000, 4900} {
		_, err := v.segments[v.find(from)].readOnlySpan(v).indexes()
		must(t, err)
		ops = counter{}
		_, err = readRegion(v, from, 1, true)
		must(t, err)
		if ops.read > 2*chunkSize {
			t.Errorf("offset %d: read %d bytes, want a chunk of %d and a little", from, ops.read, chunkSize)
		}
		ops = counter{}
		_, err = readRegion(v, from, 1, true)
		must(t, err)
		if ops.read > 2*probeSize {
			t.Errorf("offset %d again: read %d bytes", from, ops.read)
		}
	}
}

// TestIdlePartitionsCostLittle opens many partitions: no descriptors, and about 2 KB each.
func TestIdlePartitionsCostLittle(t *testing.T) {
	const partitions = 1000
	fs := vfs.NewMem()
	must(t, vfs.MkdirAllSync(fs, "/data"))
	c := smallConfig()
	c.Handles = NewHandleCache(0, 0)
	var states []State
	for i := range partitions {
		l, err := Open(fs, fmt.Sprintf("/data/t-%d", i), c, nil, Boot)
		must(t, err)
		for j := range 20 {
			b := batch.Build(batch.Options{BaseOffset: protocol.Offset(j)}, batch.Record{Value: make([]byte, 50)})
			must(t, l.Append([]batch.Batch{b}))
		}
		states = append(states, checkpoint(t, l))
		if l.config.Handles.OpenFiles() > 2 {
			// The closed segments of this log may stay open; the idle active one may not.
			for _, s := range l.segments[:len(l.segments)-1] {
				s.closeFile()
			}
		}
	}
	before := heap()
	logs := make([]*Log, partitions)
	for i := range logs {
		l, err := Open(fs, fmt.Sprintf("/data/t-%d", i), c, states[i], Boot)
		must(t, err)
		logs[i] = l
	}
	each := (heap() - before) / partitions
	t.Logf("%d bytes per idle partition of %d segments", each, logs[0].View().Segments())
	if each > 3000 {
		t.Errorf("got %d bytes for each idle partition, want about 2 KB", each)
	}
	if n := c.Handles.OpenFiles(); n > 2 {
		t.Errorf("got %d open files", n)
	}
	runtime.KeepAlive(logs)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestIdleLogRestsAndAwakes(t *testing.T) {
	fs := newMem(t)
	c := Config{IndexIntervalBytes: 100, TopicID: testTopic}
	l := openLog(t, fs, c, nil, Boot)
	appendTo(t, l, 1, 2, 3, 4, 5)
	entries := l.active.current
	checkpoint(t, l)
	if l.loaded || l.tail != nil || l.config.Handles.OpenFiles() != 0 {
		t.Errorf("an idle log holds %v, %v, %d open files", l.loaded, l.tail, l.config.Handles.OpenFiles())
	}
	if batches, err := readAll(l.View(), 0, 1); err != nil || len(batches) != 5 {
		t.Errorf("read while idle: got %d batches, %v", len(batches), err)
	}
	if available := l.View().Available(2); available <= 0 || available >= int(l.View().Size()) {
		t.Errorf("available while idle: got %d of %d", available, l.View().Size())
	}
	appendTo(t, l, 6, 7)
	if l.active.current.offsetEntries <= entries.offsetEntries {
		t.Errorf("got %+v after %+v", l.active.current, entries)
	}
	state := checkpoint(t, l)
	if batches, err := readAll(openLog(t, fs, c, state, Boot).View(), 0, 1); err != nil || len(batches) != 7 {
		t.Errorf("read after a boot: got %d batches, %v", len(batches), err)
	}
}

// TestFlushOfAnUnchangedLogWritesNothing is what makes checkpoints of many idle partitions cheap.
func TestFlushOfAnUnchangedLogWritesNothing(t *testing.T) {
	var ops counter
	fs := vfs.NewFaulty(newMem(t), ops.count)
	l := fiveSegments(t, fs)
	must(t, l.Append([]batch.Batch{sent(l.View().End(), 1, 0, 0, 1)}))
	checkpoint(t, l)
	ops = counter{}
	checkpoint(t, l)
	if len(ops.ops) > 1 || ops.ops[vfs.OpSyncDir] > 1 { // names that the first checkpoint removed
		t.Errorf("got %v", ops.ops)
	}
}

func TestFailedSyncIsFinal(t *testing.T) {
	syncs := 0
	fail := false
	fs := vfs.NewFaulty(newMem(t), func(op vfs.Op) error {
		if op.Kind != vfs.OpSync {
			return nil
		}
		syncs++
		if fail {
			return vfs.ErrInjected
		}
		return nil
	})
	l := openLog(t, fs, smallConfig(), nil, Boot)
	appendTo(t, l, 1)
	flush, err := l.Capture()
	must(t, err)
	fail = true
	if _, err := flush(); !errors.Is(err, vfs.ErrInjected) {
		t.Fatalf("got %v", err)
	}
	fail, syncs = false, 0
	if _, err := flush(); !errors.Is(err, vfs.ErrInjected) {
		t.Errorf("the flush again: got %v", err)
	}
	if _, err := l.Capture(); !errors.Is(err, vfs.ErrInjected) {
		t.Errorf("capture: got %v", err)
	}
	if err := l.AdvanceStart(1); !errors.Is(err, vfs.ErrInjected) {
		t.Errorf("advance: got %v", err)
	}
	if syncs > 0 {
		t.Errorf("got %d syncs after a failed one", syncs)
	}
}

func TestOpenFilesAndIndexesAreBounded(t *testing.T) {
	fs := newMem(t)
	c := smallConfig()
	c.SegmentBytes, c.IndexIntervalBytes = 300, 1
	c.Handles = NewHandleCache(3, 400)
	l := openLog(t, fs, c, nil, Boot)
	for i := range int64(60) {
		appendTo(t, l, i)
	}
	state := checkpoint(t, l)
	l = openLog(t, fs, c, state, Boot)
	var held []Region
	for offset := l.View().Start(); offset < l.View().End(); offset++ {
		r, err := l.View().Read(offset, 1, true)
		must(t, err)
		if offset%7 == 0 {
			held = append(held, r)
			continue
		}
		r.Release()
		if n, bytes := c.Handles.OpenFiles(), c.Handles.IndexBytes(); n > 3 || bytes > 400 {
			t.Fatalf("got %d open files and %d bytes of indexes", n, bytes)
		}
	}
	for _, r := range held { // their files were closed out of the cache, but not under their readers
		if n, err := r.ReadAt(make([]byte, r.Length), 0); int64(n) != r.Length {
			t.Errorf("read of a held region: got %d, %v", n, err)
		}
		r.Release()
	}
	must(t, l.Close())
	if n := c.Handles.OpenFiles(); n != 0 {
		t.Errorf("got %d open files after Close", n)
	}
}

// TestEveryFlushMakesItsNamesDurable has flushes that add nothing but a producer snapshot.
func TestEveryFlushMakesItsNamesDurable(t *testing.T) {
	fs := newMem(t)
	l := openLog(t, fs, Config{TopicID: testTopic}, nil, Boot)
	for i := range int32(4) {
		must(t, l.Append([]batch.Batch{sent(l.View().End(), 1, 0, i, 1)}))
		flush, err := l.Capture()
		must(t, err)
		state, err := flush()
		must(t, err)
		back := openLog(t, fs.DurableClone(), Config{TopicID: testTopic}, state, Boot)
		if back.View().End() != l.View().End() || back.producers.find(1).lastSequence() != i {
			t.Errorf("flush %d: got end %d", i, back.View().End())
		}
	}
}

// TestRebuiltIndexUnderAnotherIntervalIsKept loses the index of an active segment and rebuilds it with another
// interval: the new entries go to the file, and the next start reads them instead of scanning again.
func TestRebuiltIndexUnderAnotherIntervalIsKept(t *testing.T) {
	fs := newMem(t)
	c := Config{IndexIntervalBytes: 100, TopicID: testTopic}
	l := openLog(t, fs, c, nil, Boot)
	appendTo(t, l, 1, 2, 3, 4, 5, 6, 7, 8)
	state := checkpoint(t, l)
	must(t, fs.Remove(testDir+"/"+fileName(0, suffixIndex)))
	c.IndexIntervalBytes = 300
	l = openLog(t, fs, c, state, Boot)
	appendTo(t, l, 9)
	state = checkpoint(t, l)
	var ops counter
	l = openLog(t, vfs.NewFaulty(fs, ops.count), c, state, Boot)
	size := int(l.View().Size())
	ops = counter{}
	appendTo(t, l, 10)
	if ops.read > size/2 {
		t.Errorf("read %d bytes of a log of %d, want the index files", ops.read, size)
	}
	if batches, err := readAll(l.View(), 0, 1); err != nil || len(batches) != 10 {
		t.Errorf("got %d batches, %v", len(batches), err)
	}
}
