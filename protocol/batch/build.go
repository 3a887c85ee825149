package batch

import (
	"bytes"
	"encoding/binary"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/chronik-go/chronik/protocol"
)

// Producer is who writes a batch idempotently.
type Producer struct {
	ID       int64
	Epoch    int16
	Sequence int32 // of the first record
}

// Options are the header fields of a batch to build. The zero value is what a plain producer sends.
type Options struct {
	Codec         Codec
	BaseOffset    protocol.Offset
	LeaderEpoch   protocol.LeaderEpoch
	Producer      *Producer // nil for none
	Transactional bool
	Control       bool
	AppendTime    bool // mark the timestamps as append times
}

// Build returns a batch of the given records, which get consecutive offsets from the base offset on; their
// own Offset does not count. It is for internal topics, transaction markers and tests: what clients send is
// never built anew. Without records, the batch is one that Check refuses.
func Build(o Options, records ...Record) Batch {
	b := make(Batch, HeaderSize, HeaderSize+64*len(records))
	base, newest := NoTimestamp, NoTimestamp
	if len(records) > 0 {
		base = records[0].Timestamp
	}
	var body []byte
	for i := range records {
		body = appendRecord(body, &records[i], base, int32(i))
		newest = max(newest, records[i].Timestamp)
	}
	b = append(b, compress(o.Codec, body)...)
	b.Stamp(o.BaseOffset, o.LeaderEpoch)
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-Overhead))
	b[atMagic] = Magic
	binary.BigEndian.PutUint16(b[atAttributes:], uint16(o.attributes()))
	binary.BigEndian.PutUint32(b[atLastOffsetDelta:], uint32(len(records)-1))
	binary.BigEndian.PutUint64(b[atBaseTimestamp:], uint64(base))
	p := Producer{NoProducerID, NoProducerEpoch, NoSequence}
	if o.Producer != nil {
		p = *o.Producer
	}
	binary.BigEndian.PutUint64(b[atProducerID:], uint64(p.ID))
	binary.BigEndian.PutUint16(b[atProducerEpoch:], uint16(p.Epoch))
	binary.BigEndian.PutUint32(b[atBaseSequence:], uint32(p.Sequence))
	binary.BigEndian.PutUint32(b[atCount:], uint32(len(records)))
	b.setMaxTimestamp(newest)
	return b
}

func (o Options) attributes() int16 {
	a := int16(o.Codec)
	if o.Transactional {
		a |= flagTransactional
	}
	if o.Control {
		a |= flagControl
	}
	if o.AppendTime {
		a |= flagLogAppendTime
	}
	return a
}

// Marker returns the record of a control batch that ends a transaction: key version 0 and type, value
// version 0 and the coordinator's epoch.
func Marker(commit bool, coordinatorEpoch int32, timestamp int64) Record {
	key := []byte{0, 0, 0, 0}
	if commit {
		key[3] = 1
	}
	value := binary.BigEndian.AppendUint32([]byte{0, 0}, uint32(coordinatorEpoch))
	return Record{Timestamp: timestamp, Key: key, Value: value}
}

// Ends tells whether a control batch ends a transaction, and whether it commits it. Other control records
// exist, and may be ignored.
func (b Batch) Ends() (commit, ends bool) {
	_ = b.Records(func(record Record) bool { // one that cannot be read ends nothing
		if len(record.Key) >= 4 {
			kind := binary.BigEndian.Uint16(record.Key[2:])
			commit, ends = kind == 1, kind <= 1
		}
		return false
	})
	return commit, ends
}

func appendRecord(to []byte, r *Record, base int64, delta int32) []byte {
	body := []byte{0}
	body = binary.AppendVarint(body, r.Timestamp-base)
	body = binary.AppendVarint(body, int64(delta))
	body = appendBytes(body, r.Key)
	body = appendBytes(body, r.Value)
	body = binary.AppendVarint(body, int64(len(r.Headers)))
	for _, h := range r.Headers {
		body = binary.AppendVarint(body, int64(len(h.Key)))
		body = append(body, h.Key...)
		body = appendBytes(body, h.Value)
	}
	to = binary.AppendVarint(to, int64(len(body)))
	return append(to, body...)
}

func appendBytes(to, value []byte) []byte {
	if value == nil {
		return binary.AppendVarint(to, -1)
	}
	to = binary.AppendVarint(to, int64(len(value)))
	return append(to, value...)
}

// zstdEncoders spares the megabytes that a new encoder takes.
var zstdEncoders = sync.Pool{New: func() any {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	must(err)
	return w
}}

// compress returns data under a codec, with the framing that Java clients use.
func compress(codec Codec, data []byte) []byte {
	var out bytes.Buffer
	switch codec {
	case NoCompression:
		return data
	case Gzip:
		w := gzip.NewWriter(&out)
		mustWrite(w.Write(data))
		must(w.Close())
	case Snappy:
		block := snappy.Encode(nil, data)
		framed := append([]byte(nil), xerialMagic...)
		framed = append(framed, 0, 0, 0, 1, 0, 0, 0, 1)
		framed = binary.BigEndian.AppendUint32(framed, uint32(len(block)))
		return append(framed, block...)
	case LZ4:
		w := lz4.NewWriter(&out)
		must(w.Apply(lz4.BlockSizeOption(lz4.Block64Kb))) // which is also what a reader needs a buffer of
		mustWrite(w.Write(data))
		must(w.Close())
	case Zstd:
		w := zstdEncoders.Get().(*zstd.Encoder)
		defer zstdEncoders.Put(w)
		return w.EncodeAll(data, nil)
	default:
		panic("BUG: got an unknown codec, want one of five")
	}
	return out.Bytes()
}

func mustWrite(_ int, err error) { must(err) }

// must holds because the writers above write to memory.
func must(err error) {
	if err != nil {
		panic("BUG: got a failing compression to memory: " + err.Error())
	}
}
