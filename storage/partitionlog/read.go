package partitionlog

import (
	"io"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// Region is a piece of a segment file that can be sent as it is. Read hands it out with one reference: the
// file stays open, whatever retention does, until Release was called once for Read and once for every
// Retain. A region of length 0 has no file and needs no Release.
//
// It begins with a whole batch. It may end in the middle of one, as Kafka's fetch responses do; whoever
// sends less than all of it may shorten Length.
type Region struct {
	Segment  *Segment
	Position int64
	Length   int64
	handle   *handle
}

// Retain adds a reference.
func (r Region) Retain() {
	if r.handle != nil && !r.handle.retain() {
		panic("BUG: got a retain of a released region, want one that is held")
	}
}

// Release gives up one reference.
func (r Region) Release() {
	if r.handle != nil {
		r.handle.release()
	}
}

// ReadAt reads from the region; offset 0 is its first byte. It implements io.ReaderAt.
func (r Region) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 || offset >= r.Length {
		return 0, io.EOF
	}
	short := int64(len(p)) > r.Length-offset
	if short {
		p = p[:r.Length-offset]
	}
	n, err := r.handle.file.ReadAt(p, r.Position+offset)
	if n == len(p) {
		err = nil
		if short {
			err = io.EOF
		}
	}
	return n, err
}

// Fd returns the descriptor of the file for sendfile from Position on, false where there is none.
func (r Region) Fd() (uintptr, bool) {
	if r.handle == nil {
		return 0, false
	}
	return r.handle.file.Fd()
}

// Read returns the bytes from the batch that holds from on: up to the end of its segment, at most maxBytes,
// but with atLeastOne the first batch whole even if it is larger. If the first batch does not fit and
// atLeastOne is not set, or from is the end of the log, the region is empty.
//
// Errors: ErrOffsetOutOfRange; a *CorruptError if the batch is damaged; a failed read. A damaged batch
// further on ends the region before it.
func (v *View) Read(from protocol.Offset, maxBytes int, atLeastOne bool) (Region, error) {
	return v.readBelow(v.end, from, maxBytes, atLeastOne)
}

// ReadCommitted is Read for a reader that must not see transactions which are open: it gets what lies below
// the last stable offset. What was aborted is among it, see Aborted.
func (v *View) ReadCommitted(from protocol.Offset, maxBytes int, atLeastOne bool) (Region, error) {
	return v.readBelow(v.stable, from, maxBytes, atLeastOne)
}

func (v *View) readBelow(to, from protocol.Offset, maxBytes int, atLeastOne bool) (Region, error) {
	if from < v.start || from > v.end {
		return Region{}, ErrOffsetOutOfRange
	}
	if from >= to {
		return Region{}, nil
	}
	r, err := v.read(from, to, maxBytes, atLeastOne)
	for newer := v.newer(err); newer != nil; newer = newer.newer(err) {
		r, err = newer.read(from, to, maxBytes, atLeastOne)
	}
	return r, err
}

// read is Read up to an offset that may lie below the end of the view.
func (v *View) read(from, to protocol.Offset, maxBytes int, atLeastOne bool) (Region, error) {
	if from < v.start {
		return Region{}, ErrOffsetOutOfRange
	}
	sp := v.span(v.find(from))
	h, err := sp.acquire()
	if err != nil {
		return Region{}, err
	}
	at, size, err := sp.locate(h.file, from)
	if err != nil || (size > maxBytes && !atLeastOne) {
		h.release()
		return Region{}, err
	}
	end := min(at+int64(max(maxBytes, size)), sp.size)
	if to < sp.end {
		cut, _, err := sp.locate(h.file, to)
		if err != nil {
			h.release()
			return Region{}, err
		}
		end = min(end, max(cut, at+int64(size)))
	}
	if at < sp.checked.limit {
		good, err := sp.ensure(h.file, at, end)
		if good < at+int64(size) {
			h.release()
			return Region{}, err
		}
		end = min(end, good)
	}
	return Region{Segment: sp.Segment, Position: at, Length: end - at, handle: h}, nil
}

// locate returns where the batch that holds the offset starts and how long it is.
func (sp *span) locate(file vfs.File, offset protocol.Offset) (at SegmentPosition, size int, err error) {
	if sp.active {
		t := sp.view.active.tail
		if i := t.find(int32(offset - sp.base)); i >= 0 {
			return t.position(i), t.size(i, sp.size), nil
		}
	}
	x, err := sp.indexes()
	if err != nil {
		return 0, 0, err
	}
	r := sp.scan(file, probeSize)
	defer r.close()
	err = sp.walk(&r, x.offsets, x.offsets.floor(int32(offset-sp.base)),
		func(h *batch.Header, position SegmentPosition) (bool, error) {
			at, size = position, h.Size
			return h.LastOffset < offset, nil
		})
	return at, size, err
}
