package batch

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"runtime"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/chronik-go/chronik/protocol"
)

func TestRecordsComeBackFromEveryCodec(t *testing.T) {
	r := newRand(t)
	for _, codec := range codecs {
		for i := 0; i < 30; i++ {
			want := randomRecords(r)
			b := Build(Options{Codec: codec, BaseOffset: 500}, want...)
			for i := range want {
				want[i].Offset = 500 + protocol.Offset(i)
			}
			sameRecords(t, recordsOf(t, b), want)
		}
	}
}

// randomRecords includes records that are larger than the window of the decompression.
func randomRecords(r *rand.Rand) []Record {
	blob := func(most int) []byte {
		if r.Intn(5) == 0 {
			return nil
		}
		b := make([]byte, r.Intn(most))
		r.Read(b[:len(b)/2])
		return b
	}
	records := make([]Record, 1+r.Intn(50))
	for i := range records {
		records[i] = Record{Timestamp: r.Int63n(1 << 41), Key: blob(50), Value: blob(2000)}
		if r.Intn(20) == 0 {
			records[i].Value = blob(200_000)
		}
		for h := r.Intn(4); h > 0; h-- {
			records[i].Headers = append(records[i].Headers, RecordHeader{string(blob(10)), blob(10)})
		}
	}
	return records
}

// Kafka's clients frame snappy and lz4 in more than one way.
func TestOtherFramingsAreRead(t *testing.T) {
	want := three()
	plain := Build(Options{}, want...)[HeaderSize:]
	half := len(plain) / 2
	xerial := append(bytes.Clone(xerialMagic), 0, 0, 0, 1, 0, 0, 0, 1)
	for _, part := range [][]byte{plain[:half], plain[half:]} { // the Java client cuts blocks of 32 KB
		block := snappy.Encode(nil, part)
		xerial = append(binary.BigEndian.AppendUint32(xerial, uint32(len(block))), block...)
	}
	lz4With := func(options ...lz4.Option) []byte {
		var out bytes.Buffer
		w := lz4.NewWriter(&out)
		must(w.Apply(options...))
		mustWrite(w.Write(plain))
		must(w.Close())
		return out.Bytes()
	}
	zstdStream := func() []byte { // the Java client streams: no content size in the frame
		var out bytes.Buffer
		w, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		must(err)
		mustWrite(w.Write(plain[:half]))
		must(w.Flush())
		mustWrite(w.Write(plain[half:]))
		must(w.Close())
		return out.Bytes()
	}
	for i := range want {
		want[i].Timestamp -= 1000 - NoTimestamp // withRecords has no base timestamp
		want[i].Offset = protocol.Offset(i)
	}
	small := lz4With(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false))
	gzips := append(compress(Gzip, plain[:half]), compress(Gzip, plain[half:])...)
	frames := append(compress(Zstd, plain[:half]), compress(Zstd, plain[half:])...)
	for name, b := range map[string]Batch{
		"raw snappy":                withRecords(Snappy, 3, snappy.Encode(nil, plain)),
		"xerial in two blocks":      withRecords(Snappy, 3, xerial),
		"lz4 of the Java client":    withRecords(LZ4, 3, small),
		"lz4 with block checksums":  withRecords(LZ4, 3, lz4With(lz4.BlockChecksumOption(true))),
		"lz4 with content size":     withRecords(LZ4, 3, lz4With(lz4.SizeOption(uint64(len(plain))))),
		"zstd as a stream":          withRecords(Zstd, 3, zstdStream()),
		"gzip of two members":       withRecords(Gzip, 3, gzips),
		"zstd of two frames":        withRecords(Zstd, 3, frames),
		"nothing but uncompressed ": withRecords(NoCompression, 3, plain),
	} {
		t.Run(name, func(t *testing.T) { sameRecords(t, recordsOf(t, b), want) })
	}
}

func TestVisitStops(t *testing.T) {
	for _, codec := range codecs {
		var seen int
		err := Build(Options{Codec: codec}, three()...).Records(func(Record) bool { seen++; return seen < 2 })
		if err != nil || seen != 2 {
			t.Errorf("%s: got %d visits, %v", codec, seen, err)
		}
	}
}

// Decoders and windows are used again; what one batch leaves behind must not reach the next.
func TestABrokenBatchDoesNotSpoilThePools(t *testing.T) {
	for _, codec := range codecs[1:] {
		good := Build(Options{Codec: codec}, three()...)
		want := recordsOf(t, good)
		for cut := HeaderSize; cut < len(good); cut++ {
			err := Batch(good[:cut]).Records(func(Record) bool { return true })
			if err != nil && protocol.CodeOf(err) != protocol.InvalidRecord {
				t.Fatalf("%s cut at %d: got %v", codec, cut, err)
			}
			sameRecords(t, recordsOf(t, good), want)
		}
	}
}

// A few kilobytes that decompress to gigabytes end at the bound, and a record that claims to be large
// takes no more memory than it has bytes.
func TestBombsAreBounded(t *testing.T) {
	if testing.Short() || !measured {
		t.Skip("decompresses 256 MB six times")
	}
	huge := binary.AppendVarint(nil, MaxDecompressedBytes+100) // the length of a record that never ends
	for _, codec := range []Codec{Gzip, LZ4, Zstd} {
		bomb := bombOf(codec, huge)
		if err := withRecords(codec, 1, bomb).Records(func(Record) bool { return true }); protocol.CodeOf(err) !=
			protocol.InvalidRecord {
			t.Errorf("%s, too large a record: got %v", codec, err)
		}
	}
	many := bytes.Repeat([]byte{12, 0, 0, 0, 1, 1, 0}, 1000) // small records without end
	for _, codec := range []Codec{Gzip, LZ4, Zstd} {
		bomb := bombOf(codec, many)
		before := allocated()
		err := withRecords(codec, 1<<31-1, bomb).Records(func(Record) bool { return true })
		if protocol.CodeOf(err) != protocol.InvalidRecord {
			t.Errorf("%s: got %v", codec, err)
		}
		if taken := allocated() - before; taken > 20<<20 {
			t.Errorf("%s: a bomb of %d bytes took %d", codec, len(bomb), taken)
		}
	}
}

// bombOf compresses start and then MaxDecompressedBytes of its repetition.
func bombOf(codec Codec, start []byte) []byte {
	var out bytes.Buffer
	var w interface {
		Write([]byte) (int, error)
		Close() error
	}
	switch codec {
	case Gzip:
		w = gzip.NewWriter(&out)
	case LZ4:
		w = lz4.NewWriter(&out)
	default:
		encoder, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
		must(err)
		w = encoder
	}
	block := bytes.Repeat(start, 1+(1<<20)/len(start))
	for written := 0; written <= MaxDecompressedBytes; written += len(block) {
		mustWrite(w.Write(block))
	}
	must(w.Close())
	return out.Bytes()
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestSnappyBlocksThatLieAreRefused(t *testing.T) {
	if !measured {
		t.Skip("the race detector allocates too")
	}
	frame := func(block []byte) []byte {
		framed := append(bytes.Clone(xerialMagic), 0, 0, 0, 1, 0, 0, 0, 1)
		return append(binary.BigEndian.AppendUint32(framed, uint32(len(block))), block...)
	}
	lie := binary.AppendUvarint(nil, 1<<31)
	for name, data := range map[string][]byte{
		"raw block of 2 GB":       lie,
		"framed block of 2 GB":    frame(lie),
		"block beyond the end":    frame([]byte{1, 2, 3})[:20],
		"block length alone":      frame(nil)[:18],
		"block of no bytes":       frame(nil),
		"negative block length":   append(frame(nil)[:16], 0xff, 0xff, 0xff, 0xff),
		"header without a block":  frame(nil)[:16],
		"raw block of no content": {},
	} {
		before := allocated()
		err := withRecords(Snappy, 1, data).Records(func(Record) bool { return true })
		if protocol.CodeOf(err) != protocol.InvalidRecord {
			t.Errorf("%s: got %v", name, err)
		}
		if taken := allocated() - before; taken > 1<<20 {
			t.Errorf("%s: took %d bytes", name, taken)
		}
	}
}

// zstdFrame returns a frame of one raw block that asks for a window of 1 KB << exponent.
func zstdFrame(exponent byte, block []byte) []byte {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3}
	last := uint32(len(block))<<3 | 1
	return append(append(frame, byte(last), byte(last>>8), byte(last>>16)), block...)
}

// The decoder takes the window at once, so only few batches may have a large one at the same time, and none
// of them leaves it in a pool.
func TestZstdWindowsAreBounded(t *testing.T) {
	if !measured {
		t.Skip("the race detector allocates too")
	}
	record := []byte{12, 0, 0, 0, 1, 1, 0}
	read := func(exponent byte) (uint64, error) {
		before := allocated()
		err := withRecords(Zstd, 1, zstdFrame(exponent, record)).Records(func(Record) bool {
			if exponent > 13 && len(largeTurns) == 0 {
				t.Error("a large window is open without a turn")
			}
			return true
		})
		return allocated() - before, err
	}
	if taken, err := read(13); err != nil || taken > 2*commonWindow { // 8 MB
		t.Errorf("8 MB: took %d, %v", taken, err)
	}
	if taken, err := read(17); err != nil || taken > 2*maxWindow { // 128 MB
		t.Errorf("128 MB: took %d, %v", taken, err)
	}
	if taken, err := read(18); protocol.CodeOf(err) != protocol.InvalidRecord || taken > 1<<20 {
		t.Errorf("256 MB: took %d, %v", taken, err)
	}
	if len(largeTurns) != 0 {
		t.Error("a turn was not given back")
	}
}

func TestAnUnknownCodecIsUnsupported(t *testing.T) {
	b := withRecords(6, 1, []byte{12, 0, 0, 0, 1, 1, 0})
	err := b.Records(func(Record) bool { return true })
	if protocol.CodeOf(err) != protocol.UnsupportedCompressionType {
		t.Errorf("got %v", err)
	}
}

func BenchmarkRecords(b *testing.B) {
	records := make([]Record, 160)
	for i := range records {
		records[i] = Record{Timestamp: 1000, Key: []byte("key"), Value: bytes.Repeat([]byte("0123456789"), 10)}
	}
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			batch := Build(Options{Codec: codec}, records...)
			b.ReportAllocs()
			for b.Loop() {
				if err := batch.Records(func(Record) bool { return true }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
