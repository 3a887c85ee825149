package partitionlog

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// testDir is where the logs of tests live.
const testDir = "/data/topic-0"

// testTopic is the topic id of the logs of tests.
var testTopic = [16]byte{1, 2, 3, 15: 16}

// newMem returns a file system with the directory that the partitions' directories are made in.
func newMem(t testing.TB) *vfs.Mem {
	t.Helper()
	fs := vfs.NewMem()
	must(t, vfs.MkdirAllSync(fs, "/data"))
	return fs
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// smallConfig makes segments and index intervals of a few batches.
func smallConfig() Config {
	return Config{
		SegmentBytes: 1000, IndexIntervalBytes: 200, RetentionBytes: -1, RetentionMs: -1, TopicID: testTopic,
	}
}

func openLog(t testing.TB, fs vfs.FS, c Config, from State, how Mode) *Log {
	t.Helper()
	l, err := Open(fs, testDir, c, from, how)
	must(t, err)
	return l
}

// appendTo appends batches of one record each, with timestamps given, at the end of the log.
func appendTo(t testing.TB, l *Log, timestamps ...int64) {
	t.Helper()
	for _, timestamp := range timestamps {
		o := batch.Options{BaseOffset: l.View().End(), LeaderEpoch: max(l.View().LatestEpoch(), 0)}
		b := batch.Build(o, batch.Record{Timestamp: timestamp, Value: make([]byte, 40)})
		must(t, l.Append([]batch.Batch{b}))
	}
}

// checkpoint captures, flushes and checkpoints.
func checkpoint(t testing.TB, l *Log) State {
	t.Helper()
	flush, err := l.Capture()
	must(t, err)
	s, err := flush()
	must(t, err)
	must(t, l.Checkpointed(s))
	return s
}

// syncAll makes everything in the log's directory durable.
func syncAll(t testing.TB, fs vfs.FS) {
	t.Helper()
	names, err := fs.List(testDir)
	must(t, err)
	for _, name := range names {
		file, err := fs.OpenReadWrite(testDir + "/" + name)
		must(t, err)
		must(t, file.Sync())
		must(t, file.Close())
	}
	must(t, fs.SyncDir(testDir))
}

// readAll returns the batches that a reader gets from an offset on, reading at most maxBytes at a time.
func readAll(v *View, from protocol.Offset, maxBytes int) ([]batch.Batch, error) {
	var all []batch.Batch
	for from < v.End() {
		data, err := readRegion(v, from, maxBytes, true)
		if err != nil {
			return all, err
		}
		batches := wholeBatches(data)
		if len(batches) == 0 {
			return all, fmt.Errorf("read from %d: got %d bytes without a whole batch", from, len(data))
		}
		all = append(all, batches...)
		from = batches[len(batches)-1].NextOffset()
	}
	return all, nil
}

func readRegion(v *View, from protocol.Offset, maxBytes int, atLeastOne bool) ([]byte, error) {
	r, err := v.Read(from, maxBytes, atLeastOne)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	data := make([]byte, r.Length)
	if r.Length == 0 {
		return data, nil
	}
	_, err = r.ReadAt(data, 0)
	return data, err
}

// wholeBatches splits bytes into batches and leaves a partial one at the end out.
func wholeBatches(data []byte) []batch.Batch {
	var all []batch.Batch
	for {
		h, ok := batch.PeekHeader(data)
		if !ok || h.Size > len(data) {
			return all
		}
		all = append(all, batch.Batch(data[:h.Size]))
		data = data[h.Size:]
	}
}

func sameBatches(got, want []batch.Batch) error {
	for i := range min(len(got), len(want)) {
		if !bytes.Equal(got[i], want[i]) {
			return fmt.Errorf("batch %d: got offset %d (%d bytes), want %d (%d bytes)",
				i, got[i].BaseOffset(), len(got[i]), want[i].BaseOffset(), len(want[i]))
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("got %d batches, want %d", len(got), len(want))
	}
	return nil
}

// randomBatch returns a batch of up to four records.
func randomBatch(rng *rand.Rand, base protocol.Offset, epoch protocol.LeaderEpoch, now int64) batch.Batch {
	o := batch.Options{BaseOffset: base, LeaderEpoch: epoch}
	if rng.IntN(4) == 0 {
		o.Codec = batch.Snappy // the cheapest to set up; TestSearchesInsideEveryCodec has the others
	}
	if rng.IntN(2) == 0 {
		o.Producer = &batch.Producer{ID: rng.Int64N(12), Epoch: int16(rng.IntN(2)), Sequence: int32(rng.IntN(100))}
		o.Transactional = o.Producer.ID < 6
	}
	if o.Transactional && rng.IntN(3) == 0 {
		o.Codec, o.Control, o.Producer.Sequence = batch.NoCompression, true, batch.NoSequence
		return batch.Build(o, batch.Marker(rng.IntN(2) == 0, int32(rng.IntN(3)), now))
	}
	records := make([]batch.Record, 1+rng.IntN(4))
	for i := range records {
		records[i] = batch.Record{Timestamp: now + rng.Int64N(20) - 10, Value: make([]byte, rng.IntN(60))}
	}
	return batch.Build(o, records...)
}
