package wal

import (
	"errors"
	"fmt"
	"io"
)

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// readAhead is how much a walk reads at once.
const readAhead = 1 << 20

// walker reads the frames of one file one after the other.
type walker struct {
	file   *file
	size   int64
	buffer []byte
	at     int64 // position of buffer in the file
}

func newWalker(f *file) (*walker, error) {
	size, err := f.handle.Size()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.path, err)
	}
	return &walker{file: f, size: size}, nil
}

// bytes returns n bytes from position on, or fewer at the end of the file. They are valid until the next
// call.
func (w *walker) bytes(position, n int64) ([]byte, error) {
	if n = min(n, w.size-position); n <= 0 {
		return nil, nil
	}
	if position >= w.at && position+n <= w.at+int64(len(w.buffer)) {
		return w.buffer[position-w.at:][:n], nil
	}
	want := min(max(n, readAhead), w.size-position)
	if int64(cap(w.buffer)) < want {
		w.buffer = make([]byte, want)
	}
	w.buffer, w.at = w.buffer[:want], position
	read, err := w.file.handle.ReadAt(w.buffer, position)
	if err != nil && (!isEOF(err) || int64(read) < want) {
		w.buffer = w.buffer[:0]
		return nil, fmt.Errorf("read %s at %d: %w", w.file.path, position, err)
	}
	return w.buffer[:n], nil
}

// header returns the frame header at position if there is a valid one of this file's incarnation.
func (w *walker) header(position int64) (frameHeader, bool, error) {
	b, err := w.bytes(position, frameHeaderSize)
	if err != nil {
		return frameHeader{}, false, err
	}
	h, ok := decodeFrameHeader(b)
	return h, ok && h.incarnation == w.file.incarnation, nil
}

// record is one decoded record. The payload is valid during the visit only.
type record struct {
	recordHeader
	position int64
	payload  []byte
}

// frame reads the frame at position, which must be number sequence, and hands its records to visit once all
// of them have been checked. ok is false if it is damaged, missing or another one.
func (w *walker) frame(position int64, sequence uint64, visit func(record) error) (frameHeader, bool, error) {
	h, ok, err := w.header(position)
	if err != nil || !ok || h.sequence != sequence || h.length > uint64(w.size) || h.end(position) > w.size {
		return h, false, err
	}
	b, err := w.bytes(position+frameHeaderSize, int64(h.length))
	if err != nil {
		return h, false, err
	}
	if !checkRecords(h, b, w.file.seed) {
		return h, false, nil
	}
	at := 0
	for range h.records {
		r, payload, _ := parseRecord(b[at:])
		if err := visit(record{r, position + frameHeaderSize + int64(at), payload}); err != nil {
			return h, false, err
		}
		at += recordHeaderSize + len(payload)
	}
	return h, true, nil
}

// checkRecords tells whether b is exactly the records that the header promises.
func checkRecords(h frameHeader, b []byte, seed uint32) bool {
	for range h.records {
		r, payload, ok := decodeRecord(b, seed)
		if !ok || r.frame != uint32(h.sequence) {
			return false
		}
		b = b[recordHeaderSize+len(payload):]
	}
	return len(b) == 0
}

// provesDurable looks for a valid frame after position that was written when frame sequence was known to be
// durable.
func (w *walker) provesDurable(position int64, sequence uint64) (bool, error) {
	for at := position; at < w.size; at += alignment {
		h, ok, err := w.header(at)
		if err != nil {
			return false, err
		}
		if ok && h.durable >= sequence {
			return true, nil
		}
	}
	return false, nil
}
