package partitionlog

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/vfs"
)

// sealSnapshot puts version and CRC before the body of a snapshot.
func sealSnapshot(body []byte) []byte {
	head := binary.BigEndian.AppendUint32([]byte{0, snapshotVersion}, crc32.Checksum(body, castagnoli))
	return append(head, body...)
}

// sealed appends the CRC that ends a state or a manifest.
func sealed(body []byte) []byte {
	return binary.BigEndian.AppendUint32(slices.Clone(body), crc32.Checksum(body, castagnoli))
}

func sampleState() state {
	s := state{start: 5, end: 90, first: 3, snapshotOffset: 80, epochs: epochs{{1, 5}, {4, 60}}}
	s.active = newIndexBuilder(70)
	s.active.size, s.active.sinceEntry = 4000, 17
	s.active.current = indexMark{
		offsetEntries: 3, timeEntries: 2, offsetCRC: 0xdeadbeef, timeCRC: 7,
	}
	s.active.firstTimestamp, s.active.maxTimestamp, s.active.maxOffset = 1000, -1, 71
	return s
}

func TestStateComesBack(t *testing.T) {
	behind, level, aborted := sampleState(), sampleState(), sampleState()
	behind.producersEnd, level.producersEnd, aborted.producersEnd = 77, level.end, aborted.end
	if behind.encode()[0] != stateVersionBehind || level.encode()[0] != stateVersion {
		t.Error("only a state whose producers are behind is of a version that older programs refuse")
	}
	aborted.active.current.abortedEntries, aborted.active.current.abortedCRC = 2, 0xcafe
	open := behind
	open.open = openTransactions{{7, 1 << 40}, {7, 3}, {88, 0}}
	copied := level
	copied.renewal = 2
	for _, want := range []state{behind, level, aborted, open, copied, emptyState()} {
		got, err := decodeState(want.encode())
		must(t, err)
		if !bytes.Equal(got.encode(), want.encode()) || got.end != want.end ||
			got.producersEnd != want.producersEnd || !slices.Equal(got.epochs, want.epochs) ||
			!slices.Equal(got.open, want.open) || got.renewal != want.renewal ||
			got.active.current != want.active.current ||
			got.active.maxOffset != want.active.maxOffset {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func FuzzState(f *testing.F) {
	s := sampleState()
	f.Add([]byte(s.encode()[:len(s.encode())-4]))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decodeState(sealed(body))
		if err != nil {
			return
		}
		again, err := decodeState(got.encode())
		if err != nil || !bytes.Equal(again.encode(), got.encode()) {
			t.Errorf("%+v does not come back: %v", got, err)
		}
	})
}

func sampleManifest() []manifestEntry {
	return []manifestEntry{
		{3, 9, sealedInfo{
			size: 500, maxTimestamp: 77, maxOffset: 8, known: true,
			mark: indexMark{offsetEntries: 1, timeEntries: 2, offsetCRC: 3, timeCRC: 4},
		}},
		{9, 20, sealedInfo{size: 600, maxTimestamp: -1, maxOffset: 9, known: true}},
	}
}

func FuzzManifest(f *testing.F) {
	data := encodeManifest(sampleManifest())
	f.Add(data[:len(data)-4])
	f.Add([]byte("\x02\x01\x03\x06\x09\x02\x05\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseManifest(sealed(body))
		if err != nil {
			return
		}
		again, err := parseManifest(encodeManifest(got))
		if err != nil || !slices.Equal(again, got) {
			t.Errorf("%+v does not come back: %v", got, err)
		}
	})
}

func TestManifestComesBack(t *testing.T) {
	aborted := sampleManifest()
	aborted[1].mark.abortedEntries, aborted[1].mark.abortedCRC = 5, 6
	for version, want := range map[byte][]manifestEntry{1: sampleManifest(), 2: aborted} {
		data := encodeManifest(want)
		got, err := parseManifest(data)
		if err != nil || !slices.Equal(got, want) || data[0] != version {
			t.Errorf("got %+v of version %d, %v", got, data[0], err)
		}
	}
}

func FuzzSnapshot(f *testing.F) {
	table := NewProducers(10)
	table.Update(sent(3, 1, 2, 3, 4))
	table.Update(sent(8, 2, 2, 3, 4))
	f.Add(encodeSnapshot(table)[6:])
	f.Add(kafkaSnapshot()[6:])
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseSnapshot(sealSnapshot(body), 1000)
		if err != nil {
			return
		}
		again, err := parseSnapshot(encodeSnapshot(got), 1000)
		if err != nil || !bytes.Equal(encodeSnapshot(again), encodeSnapshot(got)) {
			t.Errorf("does not come back: %v", err)
		}
	})
}

func FuzzEpochs(f *testing.F) {
	f.Add([]byte("0\n2\n0 0\n3 17\n"))
	f.Add([]byte("0\n0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseEpochs(text)
		if err != nil {
			return
		}
		again, err := parseEpochs(got.format())
		if err != nil || !slices.Equal(again, got) {
			t.Errorf("%v does not come back: %v", got, err)
		}
		for epoch := protocol.LeaderEpoch(-1); epoch < 5; epoch++ {
			got.end(epoch, 100)
			got.at(protocol.Offset(epoch))
		}
	})
}

func TestEpochsFileIsKafkas(t *testing.T) {
	history := epochs{{0, 0}, {3, 17}}
	if got := string(history.format()); got != "0\n2\n0 0\n3 17\n" {
		t.Errorf("got %q", got)
	}
	for _, text := range []string{
		"", "0", "0\n", "1\n0\n", "0\n1\n", "0\n1\n0 0\n3 17\n", "0\n2\n3 17\n0 0\n", "0\n1\n0 -1\n", "0\n1\n00\n",
	} {
		if got, err := parseEpochs([]byte(text)); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte("version: 0\ntopic_id: AQIDAAAAAAAAAAAAAAAAEA\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		id, err := parseMetadata(text)
		if err != nil {
			return
		}
		if again, err := parseMetadata(formatMetadata(id)); err != nil || again != id {
			t.Errorf("%x does not come back: %x, %v", id, again, err)
		}
	})
}

// FuzzIndexFiles puts arbitrary bytes where the index files of a log should be: every read is right anyway.
func FuzzIndexFiles(f *testing.F) {
	sample := newFixture(f)
	index, err := vfs.ReadFile(sample.fs, testDir+"/"+fileName(0, suffixIndex), 1<<20)
	must(f, err)
	times, err := vfs.ReadFile(sample.fs, testDir+"/"+fileName(0, suffixTime), 1<<20)
	must(f, err)
	f.Add(index, times)
	f.Add(index[:8], times[12:])
	f.Fuzz(func(t *testing.T, index, times []byte) {
		fs := sample.fs.DurableClone()
		for suffix, data := range map[string][]byte{suffixIndex: index, suffixTime: times} {
			file, err := fs.Create(testDir + "/" + fileName(0, suffix))
			must(t, err)
			_, err = file.WriteAt(data, 0)
			must(t, err)
		}
		l := openLog(t, fs, smallConfig(), sample.state, Boot)
		if refused, wrong := sample.check(l.View()); refused != nil || wrong != nil {
			t.Error(refused, wrong)
		}
	})
}

// FuzzSegment puts arbitrary bytes where a closed segment should be: they are refused or right, and never
// take a reader down.
func FuzzSegment(f *testing.F) {
	sample := newFixture(f)
	name := testDir + "/" + fileName(0, suffixLog)
	data, err := vfs.ReadFile(sample.fs, name, 1<<20)
	must(f, err)
	f.Add(data)
	f.Add(append(slices.Clone(data[:300]), data...))
	f.Fuzz(func(t *testing.T, data []byte) {
		fs := sample.fs.DurableClone()
		file, err := fs.Create(name)
		must(t, err)
		_, err = file.WriteAt(data, 0)
		must(t, err)
		must(t, fs.Remove(testDir+"/"+nameManifest)) // else the size alone gives it away
		l, err := Open(fs, testDir, smallConfig(), sample.state, Boot)
		if err != nil {
			return
		}
		if _, wrong := sample.check(l.View()); wrong != nil {
			t.Error(wrong)
		}
	})
}

func TestNamesAreParsedStrictly(t *testing.T) {
	if base, suffix, ok := parseName(fileName(42, suffixTime)); base != 42 || suffix != suffixTime || !ok {
		t.Errorf("got %d, %q, %v", base, suffix, ok)
	}
	for _, name := range []string{
		"", ".log", "42.log", "000000000000000000042.log", "0000000000000000004x.log", "+0000000000000000042.log",
		"00000000000000000042.LOG", "00000000000000000042.log.deleted", "99999999999999999999.log",
	} {
		if _, _, ok := parseName(name); ok {
			t.Errorf("%q was taken for ours", name)
		}
	}
}
