package partitionlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// compactConfig is smallConfig for a compacted topic.
func compactConfig() Config {
	c := smallConfig()
	c.Compact, c.DeleteRetentionMs = true, 100
	return c
}

// compactAll runs one compaction to its end.
func compactAll(t testing.TB, l *Log, now, keyBytes int64) *Compaction {
	t.Helper()
	c, err := l.Compact(now, keyBytes)
	must(t, err)
	for done := false; !done; {
		_, done, err = c.Step(1 << 20)
		must(t, err)
	}
	return c
}

// keyed appends one batch per call of records "key=value", "key" being a tombstone.
func keyed(t testing.TB, l *Log, o batch.Options, pairs ...string) {
	t.Helper()
	var records []batch.Record
	for i := 0; i < len(pairs); i += 2 {
		r := batch.Record{Timestamp: 10, Key: []byte(pairs[i]), Value: []byte(pairs[i+1])}
		if pairs[i+1] == "" {
			r.Value = nil
		}
		records = append(records, r)
	}
	o.BaseOffset = l.View().End()
	must(t, l.Append([]batch.Batch{batch.Build(o, records...)}))
}

// closeSegment closes the active segment and makes a checkpoint, so that all before can be compacted.
func closeSegment(t testing.TB, l *Log) {
	t.Helper()
	l.mu.Lock()
	must(t, l.load())
	must(t, l.roll())
	l.mu.Unlock()
	checkpoint(t, l)
}

// contents returns "offset key=value" of all records.
func contents(t testing.TB, v *View) (all []string) {
	t.Helper()
	batches, err := readAll(v, v.Start(), 1<<20)
	must(t, err)
	for _, b := range batches {
		must(t, b.Records(func(r batch.Record) bool {
			all = append(all, fmt.Sprintf("%d %s=%s", r.Offset, r.Key, r.Value))
			return true
		}))
	}
	return all
}

func wantContents(t testing.TB, v *View, want ...string) {
	t.Helper()
	if got := contents(t, v); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTombstonesGoAfterTheirHorizon: a first compaction sets the delete horizon, one after it drops them
// (KIP-534).
func TestTombstonesGoAfterTheirHorizon(t *testing.T) {
	l := openLog(t, newMem(t), compactConfig(), nil, Boot)
	keyed(t, l, batch.Options{}, "a", "1", "b", "1")
	keyed(t, l, batch.Options{}, "a", "", "c", "1")
	closeSegment(t, l)
	compactAll(t, l, 1000, 0)
	wantContents(t, l.View(), "1 b=1", "2 a=", "3 c=1")

	keyed(t, l, batch.Options{}, "c", "2")
	closeSegment(t, l)
	compactAll(t, l, 1099, 0)
	wantContents(t, l.View(), "1 b=1", "2 a=", "4 c=2")

	keyed(t, l, batch.Options{}, "c", "3")
	closeSegment(t, l)
	compactAll(t, l, 1100, 0)
	wantContents(t, l.View(), "1 b=1", "5 c=3")
}

// TestTransactionsUnderCompaction: aborted records go and supersede nothing, an open transaction is not
// touched nor anything after it, and markers go after their records, a horizon later.
func TestTransactionsUnderCompaction(t *testing.T) {
	l := openLog(t, newMem(t), compactConfig(), nil, Boot)
	txn := func(id int64) batch.Options {
		return batch.Options{Producer: &batch.Producer{ID: id}, Transactional: true}
	}
	end := func(id int64, commit bool) {
		o := txn(id)
		o.Control, o.BaseOffset = true, l.View().End()
		must(t, l.Append([]batch.Batch{batch.Build(o, batch.Marker(commit, 0, 10))}))
	}
	keyed(t, l, batch.Options{}, "a", "old", "b", "old")
	keyed(t, l, txn(1), "a", "aborted") // 2
	keyed(t, l, txn(2), "b", "new")     // 3
	end(2, true)                        // 4
	end(1, false)                       // 5
	keyed(t, l, txn(3), "a", "open")    // 6
	keyed(t, l, batch.Options{}, "b", "newest")
	closeSegment(t, l)
	compactAll(t, l, 1000, 0)
	got := fmt.Sprint(contents(t, l.View()))
	want := fmt.Sprint([]string{"0 a=old", "3 b=new", "4 \x00\x00\x00\x01=\x00\x00\x00\x00\x00\x00",
		"5 \x00\x00\x00\x00=\x00\x00\x00\x00\x00\x00", "6 a=open", "7 b=newest"})
	if got != want {
		t.Fatalf("got %q, want %q", got, want)
	}

	end(3, true) // 8
	for _, id := range []int64{1, 2, 3} {
		keyed(t, l, batch.Options{Producer: &batch.Producer{ID: id, Epoch: 1}}, "z", fmt.Sprint(id))
	}
	closeSegment(t, l)
	compactAll(t, l, 2000, 0) // the records of 2 go, the marker of 1 gets its horizon
	keyed(t, l, batch.Options{}, "y", "1")
	closeSegment(t, l)
	compactAll(t, l, 3000, 0) // the marker of 1 goes, that of 2 gets its horizon
	keyed(t, l, batch.Options{}, "y", "2")
	closeSegment(t, l)
	compactAll(t, l, 4000, 0)
	wantContents(t, l.View(), "6 a=open", "7 b=newest", "8 \x00\x00\x00\x01=\x00\x00\x00\x00\x00\x00", "11 z=3", "13 y=2")
}

// TestTheLastBatchOfAProducerStays: who rebuilds the producers from the files finds the last sequence numbers.
func TestTheLastBatchOfAProducerStays(t *testing.T) {
	l := openLog(t, newMem(t), compactConfig(), nil, Boot)
	for sequence := range int32(3) {
		keyed(t, l, batch.Options{Producer: &batch.Producer{ID: 7, Sequence: 10 + sequence}}, "a", "1")
	}
	keyed(t, l, batch.Options{}, "a", "2")
	closeSegment(t, l)
	compactAll(t, l, 1000, 0)
	batches, err := readAll(l.View(), 0, 1<<20)
	must(t, err)
	if len(batches) != 3 || !batches[0].Header().IsFiller() || batches[0].LastOffset() != 1 ||
		batches[1].ProducerID() != 7 || batches[1].LastSequence() != 12 || batches[1].Count() != 0 ||
		batches[2].BaseOffset() != 3 {
		t.Errorf("got %d batches: %v", len(batches), batches)
	}
	wantContents(t, l.View(), "3 a=2")
}

// TestDirtAsksForCompaction goes through the configs that decide when.
func TestDirtAsksForCompaction(t *testing.T) {
	c := compactConfig()
	c.MinCleanableRatio = 0.5
	l := openLog(t, newMem(t), c, nil, Boot)
	keyed(t, l, batch.Options{}, "a", "1", "b", "1", "c", "1", "d", "1")
	if d := l.Dirt(1000); d.Due || d.Bytes != 0 {
		t.Errorf("active segment: got %+v", d)
	}
	closeSegment(t, l)
	if d := l.Dirt(1000); !d.Due || d.Ratio != 1 {
		t.Errorf("all dirty: got %+v", d)
	}
	c.MinCompactionLagMs = 100
	must(t, l.Reconfigure(c))
	if d := l.Dirt(109); d.Due || d.Bytes != 0 {
		t.Errorf("too young: got %+v", d)
	}
	if _, err := l.Compact(109, 0); !errors.Is(err, ErrNothingToCompact) {
		t.Errorf("too young: got %v", err)
	}
	compactAll(t, l, 110, 0)
	keyed(t, l, batch.Options{}, "e", "1")
	closeSegment(t, l)
	if d := l.Dirt(1000); d.Due || d.Ratio >= 0.5 || d.Bytes == 0 {
		t.Errorf("mostly clean: got %+v", d)
	}
	c.MaxCompactionLagMs = 500
	must(t, l.Reconfigure(c))
	if d := l.Dirt(511); !d.Due {
		t.Errorf("too old: got %+v", d)
	}
	c.Compact = false
	must(t, l.Reconfigure(c))
	if d := l.Dirt(511); d.Due {
		t.Errorf("not compacted: got %+v", d)
	}
}

// TestKeysDoNotCollide fills a map beyond its limit.
func TestKeysDoNotCollide(t *testing.T) {
	m := newKeyMap(1<<16, 1<<20)
	if len(m.slots)*keySlotBytes > 1<<20 {
		t.Fatalf("got %d bytes, want at most %d", len(m.slots)*keySlotBytes, 1<<20)
	}
	n := 0
	for m.put(strconv.AppendInt(nil, int64(n), 10), protocol.Offset(n)) {
		n++
	}
	if n != m.limit {
		t.Errorf("got full at %d keys, want %d", n, m.limit)
	}
	for i := range n {
		key := strconv.AppendInt(nil, int64(i), 10)
		if m.superseded(key, protocol.Offset(i)) || i > 0 && !m.superseded(key, protocol.Offset(i-1)) {
			t.Fatalf("key %d: got another one's offset", i)
		}
	}
}

// updates is how large TestManyUpdatesOfManyKeys is: 10,000,000/1,000,000 in its full form.
const updates = "CHRONIK_COMPACTION_UPDATES"

// TestManyUpdatesOfManyKeys writes updates of a tenth as many keys to two replicas, one of which is compacted
// now and then with little memory and the other at the end, and reads back exactly the last value of each key
// from both.
func TestManyUpdatesOfManyKeys(t *testing.T) {
	n := 200_000
	if testing.Short() {
		n = 50_000
	}
	if text := os.Getenv(updates); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		must(t, err)
	}
	last := make([]int64, n/10)
	var replicas [2]*Log
	for i := range replicas {
		fs := vfs.OS()
		dir := t.TempDir() + "/topic-0"
		l, err := Open(fs, dir, Config{SegmentBytes: int64(max(n, 1<<18)), TopicID: testTopic, Compact: true}, nil, Boot)
		must(t, err)
		replicas[i] = l
	}
	rng := rand.New(rand.NewPCG(3, 3))
	keyBytes := int64(len(last)) * keySlotBytes // too little for all keys
	for sent := 0; sent < n; {
		sent = sendUpdates(t, rng, sent, min(sent+n/50, n), last, replicas[:])
		if sent%(n/5) == 0 {
			checkpoint(t, replicas[0])
			compactAll(t, replicas[0], 1, keyBytes)
		}
	}
	var hashes [2]uint64
	for i, l := range replicas {
		closeSegment(t, l)
		before, begun := l.View().Size(), time.Now()
		c := compactAll(t, l, 1, keyBytes)
		took := time.Since(begun)
		t.Logf("replica %d: %d to %d MB in %d passes, %v, %.0f MB/s read and written", i, before>>20,
			l.View().Size()>>20, c.Passes, took.Round(time.Millisecond),
			float64(c.Read+c.Written)/1e6/took.Seconds())
		hashes[i] = checkUpdates(t, l.View(), last)
	}
	if hashes[0] != hashes[1] {
		t.Error("the replicas differ")
	}
}

// sendUpdates appends updates from one number to another, in batches of up to 100.
func sendUpdates(t *testing.T, rng *rand.Rand, from, to int, last []int64, replicas []*Log) int {
	for from < to {
		var records []batch.Record
		for range min(1+rng.IntN(100), to-from) {
			key := rng.IntN(len(last))
			from++
			last[key] = int64(from)
			records = append(records, batch.Record{
				Timestamp: int64(from), Key: binary.BigEndian.AppendUint32(nil, uint32(key)),
				Value: binary.BigEndian.AppendUint64(make([]byte, 40, 48), uint64(from)),
			})
		}
		for _, l := range replicas {
			b := batch.Build(batch.Options{BaseOffset: l.View().End()}, records...)
			must(t, l.Append([]batch.Batch{b}))
		}
	}
	return from
}

// checkUpdates reads a compacted log, which must hold each key's last value and no other, and returns a hash
// over both.
func checkUpdates(t *testing.T, v *View, last []int64) uint64 {
	t.Helper()
	var hash maphash.Hash
	hash.SetSeed(firstSeed)
	found := 0
	for from := v.Start(); from < v.End(); {
		data, err := readRegion(v, from, 1<<20, true)
		must(t, err)
		for _, b := range wholeBatches(data) {
			from = b.NextOffset()
			must(t, b.Records(func(r batch.Record) bool {
				key, value := binary.BigEndian.Uint32(r.Key), int64(binary.BigEndian.Uint64(r.Value[40:]))
				if last[key] != value || int64(r.Offset) != value-1 {
					t.Fatalf("offset %d: got value %d of key %d, want %d", r.Offset, value, key, last[key])
				}
				_, _ = hash.Write(r.Key)   // never fails
				_, _ = hash.Write(r.Value) // never fails
				found++
				return true
			}))
		}
	}
	want := 0
	for _, one := range last {
		if one > 0 {
			want++
		}
	}
	if found != want {
		t.Errorf("got %d keys, want %d", found, want)
	}
	return hash.Sum64()
}

// BenchmarkCompaction compacts a log of 100-byte records in which each key is there ten times. It reports how
// fast bytes are read and written together.
func BenchmarkCompaction(b *testing.B) {
	for _, codec := range []batch.Codec{batch.NoCompression, batch.LZ4, batch.Zstd} {
		b.Run(codec.String(), func(b *testing.B) {
			b.ReportAllocs()
			total := int64(0)
			for range b.N {
				b.StopTimer()
				l := dirtyLog(b, codec)
				b.StartTimer()
				c := compactAll(b, l, 1, 64<<20)
				total += c.Read + c.Written
				b.StopTimer()
				must(b, l.Close())
				b.StartTimer()
			}
			b.SetBytes(total / int64(b.N))
		})
	}
}

func dirtyLog(b *testing.B, codec batch.Codec) *Log {
	rng := rand.New(rand.NewPCG(4, 4))
	l, err := Open(vfs.OS(), b.TempDir()+"/topic-0", Config{SegmentBytes: 16 << 20, Compact: true}, nil, Boot)
	must(b, err)
	for range 5000 {
		records := make([]batch.Record, 100)
		for i := range records {
			value := make([]byte, 90)
			for j := 0; j < 45; j += 8 {
				binary.BigEndian.PutUint64(value[j:], rng.Uint64())
			}
			records[i] = batch.Record{Key: binary.BigEndian.AppendUint32(nil, rng.Uint32N(50_000)), Value: value}
		}
		o := batch.Options{BaseOffset: l.View().End(), Codec: codec}
		must(b, l.Append([]batch.Batch{batch.Build(o, records...)}))
	}
	closeSegment(b, l)
	return l
}
