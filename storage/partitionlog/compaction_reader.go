package partitionlog

import (
	"fmt"
	"io"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// readerChunk is what a batchReader reads at once, unless a batch is larger.
const readerChunk = 256 << 10

// batchReader reads the batches of a segment. It checks all of them, also those that this process has
// written: compaction computes checksums anew, and must not do so for what is damaged.
type batchReader struct {
	sp     span
	handle *handle
	at     SegmentPosition // of buffer[used]
	want   protocol.Offset // of the next batch, NoOffset if only its last one is known
	last   protocol.Offset // of the next batch, only if want is NoOffset
	buffer []byte
	used   int
}

func (r *batchReader) open() bool { return r.handle != nil }

// begin opens a segment and goes to a batch from which on all that hold an offset of at least from come.
func (r *batchReader) begin(sp span, from protocol.Offset) error {
	at, last := SegmentPosition(0), protocol.NoOffset
	if from > sp.base {
		x, err := sp.indexes()
		if err != nil {
			return err
		}
		if i := x.offsets.below(int32(from - sp.base)); i >= 0 {
			at, last = x.offsets.position(i), sp.base+protocol.Offset(x.offsets.relative(i))
		}
	}
	h, err := sp.acquire()
	if err != nil {
		return err
	}
	r.sp, r.handle, r.at, r.want, r.used, r.buffer = sp, h, at, sp.base, 0, r.buffer[:0]
	if at > 0 {
		r.want, r.last = protocol.NoOffset, last
	}
	return nil
}

func (r *batchReader) close() {
	if r.handle != nil {
		r.handle.release()
		r.handle = nil
	}
}

// next returns the next batch, valid until the call after; io.EOF at the end of the segment.
func (r *batchReader) next() (batch.Batch, error) {
	if r.at >= r.sp.size {
		if r.want != r.sp.end {
			return nil, r.sp.corrupt(r.at, "the segment ends at offset %d, want %d", r.want, r.sp.end)
		}
		return nil, io.EOF
	}
	if err := r.fill(batch.HeaderSize); err != nil {
		return nil, err
	}
	h, ok := batch.PeekHeader(r.buffer[r.used:])
	if !ok || !r.wanted(&h) {
		return nil, r.sp.corrupt(r.at, "no batch at offset %d", r.want)
	}
	if err := r.fill(h.Size); err != nil {
		return nil, err
	}
	b := batch.Batch(r.buffer[r.used : r.used+h.Size])
	if !b.VerifyCRC() {
		return nil, r.sp.corrupt(r.at, "a batch fails its checksum")
	}
	start := r.sp.view.start
	if epoch := r.sp.view.epochs.at(max(h.BaseOffset, start)); h.LastOffset >= start && epoch != h.LeaderEpoch {
		return nil, r.sp.corrupt(r.at, "got leader epoch %d, want %d", h.LeaderEpoch, epoch)
	}
	r.used += h.Size
	r.at += SegmentPosition(h.Size)
	r.want = h.NextOffset()
	return b, nil
}

// wanted tells whether a batch is the next one.
func (r *batchReader) wanted(h *batch.Header) bool {
	if r.want == protocol.NoOffset {
		return h.LastOffset == r.last
	}
	return h.BaseOffset == r.want && h.LastOffset < r.sp.end
}

// fill makes sure that the buffer holds n bytes from r.at on.
func (r *batchReader) fill(n int) error {
	if len(r.buffer)-r.used >= n {
		return nil
	}
	if r.at+int64(n) > r.sp.size {
		return r.sp.corrupt(r.at, "a batch of %d bytes does not fit", n)
	}
	size := int(min(int64(max(n, readerChunk)), r.sp.size-r.at))
	if cap(r.buffer) < size {
		r.buffer = make([]byte, size)
	}
	r.buffer, r.used = r.buffer[:size], 0
	if got, err := r.handle.file.ReadAt(r.buffer, r.at); got < size {
		r.buffer = r.buffer[:0]
		return fmt.Errorf("read %s at %d: %w", r.sp.Name(), r.at, err)
	}
	return nil
}
