package partitionlog

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// scanBufferSize is what a scanner reads at once at most: a chunk, what lies between it and the index entry
// before, and the end of its last batch, if batches are small.
const scanBufferSize = chunkSize + 16<<10

// probeSize is what a scanner that looks for one batch reads at once: an index interval and a header.
const probeSize = 4096 + 512

var scanBuffers = sync.Pool{New: func() any { return new([scanBufferSize]byte) }}

// scanner reads a segment file piece by piece.
type scanner struct {
	file   vfs.File
	limit  SegmentPosition // nothing is read beyond
	ahead  SegmentPosition // nothing is read that was not asked for beyond
	fill   int             // how much to read at once up to there
	buffer *[scanBufferSize]byte
	at     SegmentPosition // of buffer[0]
	n      int
}

// scan returns a scanner of the segment. It must be closed.
func (sp *span) scan(file vfs.File, fill int) scanner {
	buffer := scanBuffers.Get().(*[scanBufferSize]byte)
	return scanner{file: file, limit: sp.size, ahead: sp.size, fill: fill, buffer: buffer}
}

func (r *scanner) close() { scanBuffers.Put(r.buffer) }

var errShortFile = errors.New("the file ends too early")

// bytes returns n bytes at position, valid until the next call; n is at most scanBufferSize.
func (r *scanner) bytes(position SegmentPosition, n int) ([]byte, error) {
	if position >= r.at && position+int64(n) <= r.at+int64(r.n) {
		return r.buffer[position-r.at:][:n], nil
	}
	if position+int64(n) > r.limit {
		return nil, errShortFile
	}
	want := max(n, int(min(int64(r.fill), r.ahead-position)))
	r.at, r.n = position, 0
	got, err := r.file.ReadAt(r.buffer[:want], position)
	if got < n {
		if err == nil || err == io.EOF {
			err = errShortFile
		}
		return nil, err
	}
	r.n = got
	return r.buffer[:n], nil
}

// crc returns the CRC-32C of the batch at position as its header defines it: from the attributes on.
func (r *scanner) crc(position SegmentPosition, size int) (uint32, error) {
	sum := uint32(0)
	for done := crcStart; done < size; {
		n := min(size-done, scanBufferSize)
		piece, err := r.bytes(position+int64(done), n)
		if err != nil {
			return 0, err
		}
		sum = crc32.Update(sum, castagnoli, piece)
		done += n
	}
	return sum, nil
}

// crcStart is where the bytes begin that the CRC of a batch covers.
const crcStart = 21

// damaged returns the error for bytes that are not what was written, or passes on a failed read.
func (s *Segment) damaged(position SegmentPosition, cause error) error {
	if !errors.Is(cause, errShortFile) {
		return fmt.Errorf("read %s at %d: %w", s.Name(), position, cause)
	}
	return s.corrupt(position, "%v", cause)
}

func (s *Segment) corrupt(position SegmentPosition, format string, args ...any) error {
	return &CorruptError{File: s.Name(), Position: position, Reason: fmt.Sprintf(format, args...)}
}

// header reads the header of the batch at position and checks what its CRC does not cover: the batch must
// begin with offset want (NoOffset: not known), lie within the segment and carry the leader epoch that the
// history has for it.
func (sp *span) header(r *scanner, position SegmentPosition, want protocol.Offset) (batch.Header, error) {
	data, err := r.bytes(position, batch.HeaderSize)
	if err != nil {
		return batch.Header{}, sp.damaged(position, err)
	}
	h, ok := batch.PeekHeader(data)
	switch {
	case !ok:
		return h, sp.corrupt(position, "no batch header")
	case position+int64(h.Size) > sp.size:
		return h, sp.corrupt(position, "a batch of %d bytes does not fit", h.Size)
	case want != protocol.NoOffset && h.BaseOffset != want:
		return h, sp.corrupt(position, "got base offset %d, want %d", h.BaseOffset, want)
	case h.BaseOffset < sp.base || h.LastOffset >= sp.end:
		return h, sp.corrupt(position, "offsets %d to %d are outside the segment", h.BaseOffset, h.LastOffset)
	}
	if h.LastOffset >= sp.view.start {
		// Below the log start the history is forgotten, except for the epoch of the batch that it cuts.
		if epoch := sp.view.epochs.at(max(h.BaseOffset, sp.view.start)); epoch != h.LeaderEpoch {
			return h, sp.corrupt(position, "got leader epoch %d, want %d", h.LeaderEpoch, epoch)
		}
	}
	return h, nil
}

// entry reads the header of the batch that offset entry i names; i -1 is the first batch of the segment.
func (sp *span) entry(r *scanner, x offsetIndex, i int) (batch.Header, SegmentPosition, error) {
	if i < 0 {
		h, err := sp.header(r, 0, sp.base)
		return h, 0, err
	}
	position := x.position(i)
	h, err := sp.header(r, position, protocol.NoOffset)
	if want := sp.base + protocol.Offset(x.relative(i)); err == nil && h.LastOffset != want {
		err = sp.corrupt(position, "got last offset %d, want %d", h.LastOffset, want)
	}
	return h, position, err
}

// visitor is shown the header of a batch and where the batch starts, and says whether to go on.
type visitor func(h *batch.Header, at SegmentPosition) (more bool, err error)

// walk visits the headers of the batches from offset entry i on, after making sure that each was written by
// this process or verified. It ends at the end of the segment or when visit returns false.
func (sp *span) walk(r *scanner, x offsetIndex, i int, visit visitor) error {
	if sp.size == 0 {
		return nil
	}
	at := SegmentPosition(0)
	if i >= 0 {
		at = x.position(i)
	}
	if err := sp.trust(r.file, at); err != nil {
		return err
	}
	h, at, err := sp.entry(r, x, i)
	for err == nil {
		more, visitErr := visit(&h, at)
		if visitErr != nil || !more {
			return visitErr
		}
		at += SegmentPosition(h.Size)
		if at == sp.size {
			break
		}
		if err = sp.trust(r.file, at); err == nil {
			h, err = sp.header(r, at, h.NextOffset())
		}
	}
	if err == nil && h.NextOffset() != sp.end {
		err = sp.corrupt(at, "the segment ends at offset %d, want %d", h.NextOffset(), sp.end)
	}
	return err
}
