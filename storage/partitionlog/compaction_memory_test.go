package partitionlog

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// TestMemoryDoesNotGrowWithTheKeys compacts a log whose keys fit into the map and one with ten times as
// many. The second takes as many passes and no more memory, and is left with each key once like the first.
func TestMemoryDoesNotGrowWithTheKeys(t *testing.T) {
	const keyBytes = 256 << 10
	fitting := newKeyMap(1<<30, keyBytes).limit
	few, fewPasses := peakOfCompaction(t, fitting, keyBytes)
	many, manyPasses := peakOfCompaction(t, 10*fitting, keyBytes)
	t.Logf("%d keys: %d passes, %d KiB; %d keys: %d passes, %d KiB", fitting, fewPasses, few>>10, 10*fitting,
		manyPasses, many>>10)
	if fewPasses != 1 || manyPasses < 10 {
		t.Errorf("got %d and %d passes, want 1 and 10 or more", fewPasses, manyPasses)
	}
	// Besides the map there are the buffers of a reader and of a writer, and a little for each segment. A map of
	// all keys would take ten times as much as this one.
	const slack = keyBytes
	if bound := int64(keyBytes + 4*readerChunk); few > bound || many > bound || many > few+slack {
		t.Errorf("got %d and %d bytes, want %d at most, and as much for both", few, many, bound)
	}
}

// peakOfCompaction writes each of so many keys twice, and returns how much more memory than before is in
// use while that is compacted, at most, and in how many passes it is.
func peakOfCompaction(t *testing.T, keys int, keyBytes int64) (bytes int64, passes int) {
	t.Helper()
	config := Config{SegmentBytes: 1 << 20, TopicID: testTopic, Compact: true}
	l, err := Open(vfs.OS(), t.TempDir()+"/topic-0", config, nil, Boot)
	must(t, err)
	defer func() { must(t, l.Close()) }()
	for range 2 {
		for key := 0; key < keys; {
			var records []batch.Record
			for range min(100, keys-key) {
				records = append(records, batch.Record{
					Timestamp: 1, Key: binary.BigEndian.AppendUint32(nil, uint32(key)), Value: make([]byte, 20),
				})
				key++
			}
			must(t, l.Append([]batch.Batch{batch.Build(batch.Options{BaseOffset: l.View().End()}, records...)}))
		}
	}
	closeSegment(t, l)
	before := inUse()
	c, err := l.Compact(1, keyBytes)
	must(t, err)
	for done := false; !done; {
		_, done, err = c.Step(256 << 10)
		must(t, err)
		bytes = max(bytes, inUse()-before)
	}
	if got := len(contents(t, l.View())); got != keys {
		t.Errorf("got %d records, want one for each of %d keys", got, keys)
	}
	return bytes, c.Passes
}

// inUse is the memory that is reachable.
func inUse() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
