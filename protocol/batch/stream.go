package batch

import (
	"errors"
	"io"
	"sync"

	"github.com/chronik-go/chronik/protocol"
)

// MaxDecompressedBytes is how much the records of one batch may decompress to. Decompression runs through
// a window, so what it costs in memory is the largest record, not the whole.
const MaxDecompressedBytes = 256 << 20

// firstWindow is the room that a decompressing stream starts with, largestPooled the most that is kept for
// the next one.
const (
	firstWindow   = 32 << 10
	largestPooled = 128 << 10
)

var (
	errTruncated = errors.New("the data ends within a record")
	errTooLarge  = errors.New("the records decompress to more than is allowed")
	errLength    = errors.New("impossible length")
	errBroken    = errors.New("its fields do not fit its length")
	errLeftOver  = errors.New("there is more data")
)

// stream hands out the records of a batch one by one, from a window that slides over the decompressed
// data. Without compression the window is the data and there is no decoder.
type stream struct {
	window  []byte // holds window[start:end] of what has been decompressed
	start   int
	end     int
	total   int // decompressed so far
	decoder decoder
	pooled  *[]byte
}

var windows = sync.Pool{New: func() any { w := make([]byte, firstWindow); return &w }}

// openStream starts reading data. A codec that is not known gives UNSUPPORTED_COMPRESSION_TYPE.
func openStream(codec Codec, data []byte) (stream, error) {
	if codec == NoCompression {
		return stream{window: data, end: len(data)}, nil
	}
	if codec < NoCompression || codec > Zstd {
		return stream{}, protocol.Errorf(protocol.UnsupportedCompressionType, "unknown compression %d", int8(codec))
	}
	d, err := openDecoder(codec, data)
	if err != nil {
		return stream{}, protocol.Errorf(protocol.InvalidRecord, "cannot read %s data: %v", codec, err)
	}
	pooled := windows.Get().(*[]byte)
	return stream{window: *pooled, decoder: d, pooled: pooled}, nil
}

// close gives decoder and window back to their pools.
func (s *stream) close() {
	if s.decoder == nil {
		return
	}
	s.decoder.release()
	if len(s.window) <= largestPooled { // a window that grew for one large record is left to the collector
		*s.pooled = s.window
		windows.Put(s.pooled)
	}
}

// nextRecord reads the next record, which is valid until the following call.
func (s *stream) nextRecord(one *raw) error {
	body, err := s.next()
	if err != nil {
		return err
	}
	if !one.parse(body) {
		return errBroken
	}
	return nil
}

// next returns the body of the next record, valid until the following call.
func (s *stream) next() ([]byte, error) {
	length, n := varint(s.window[s.start:s.end])
	for n == 0 {
		if s.end-s.start >= 5 {
			return nil, errLength
		}
		if err := s.more(s.end - s.start + 1); err != nil {
			return nil, err
		}
		length, n = varint(s.window[s.start:s.end])
	}
	if length < minRecord {
		return nil, errLength
	}
	if int(length) > MaxDecompressedBytes {
		return nil, errTooLarge
	}
	if err := s.more(n + int(length)); err != nil {
		return nil, err
	}
	body := s.window[s.start+n : s.start+n+int(length)]
	s.start += n + int(length)
	return body, nil
}

// more makes the window hold at least need bytes. The window doubles only when it is full of data, so a
// record that lies about its length takes no more memory than it has bytes, twice.
func (s *stream) more(need int) error {
	for s.end-s.start < need {
		if s.decoder == nil {
			return errTruncated
		}
		if s.end == len(s.window) {
			s.makeRoom()
		}
		n, err := s.decoder.Read(s.window[s.end:])
		s.end += n
		s.total += n
		switch {
		case s.total > MaxDecompressedBytes:
			return errTooLarge
		case n == 0 && err == io.EOF:
			return errTruncated
		case n == 0 && err != nil:
			return err
		}
	}
	return nil
}

// makeRoom moves what is left to the front of the window, or doubles a window that is full.
func (s *stream) makeRoom() {
	to := s.window
	if s.start == 0 {
		to = make([]byte, 2*len(s.window))
	}
	s.end = copy(to, s.window[s.start:s.end])
	s.start, s.window = 0, to
}

// finished returns an error unless everything has been read.
func (s *stream) finished() error {
	switch err := s.more(1); {
	case s.end > s.start:
		return errLeftOver
	case s.decoder == nil || s.start == s.end && errors.Is(err, errTruncated):
		return nil
	default:
		return err
	}
}
