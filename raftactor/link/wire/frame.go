package wire

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/mem"
)

// version is the first byte of each frame.
const version = 1

// errFrame says that a frame is not what this version writes.
var errFrame = errors.New("frame from a peer is damaged")

// Frame is a message of gRPC. A Frame that is received into again reuses the memory of its list, not that
// of its items.
type Frame struct {
	Items []Item
	Size  int // bytes, set when it is sent or received

	heads []byte
}

// small is the size up to which bodies are copied to stand together: to hand over a reference costs more.
const small = 1 << 10

// bodies gathers the bodies of a frame: references to large ones, copies of small ones.
type bodies struct {
	out     mem.BufferSlice
	pending []byte
	size    int
}

func (b *bodies) add(body []byte) {
	b.size += len(body)
	if len(body) <= small {
		b.pending = append(b.pending, body...)
		return
	}
	b.flush()
	b.out = append(b.out, mem.SliceBuffer(body))
}

func (b *bodies) flush() {
	if len(b.pending) > 0 {
		b.out = append(b.out, mem.SliceBuffer(b.pending))
		b.pending = nil
	}
}

// maxPrefix is the length of the version and of the longest length of heads.
const maxPrefix = 1 + 4

// encode returns the frame. Large bodies are not copied.
func (f *Frame) encode() (mem.BufferSlice, error) {
	room := maxPrefix
	for i := range f.Items {
		room += f.Items[i].heads()
	}
	b := make([]byte, maxPrefix, room)
	bodies := bodies{out: make(mem.BufferSlice, 1, 2+len(f.Items))}
	for i := range f.Items {
		b = appendItem(b, &bodies, &f.Items[i])
	}
	bodies.flush()
	heads := len(b) - maxPrefix
	if f.Size = len(b) + bodies.size; heads > maxHeads || f.Size > MaxFrame {
		return nil, fmt.Errorf("frame of %d bytes with %d of heads is too large", f.Size, heads)
	}
	// The length has always as many bytes as the longest, so that the heads can be written before it is known.
	b[0] = version
	for i := 1; i < maxPrefix; i++ {
		b[i] = byte(heads)&0x7f | 0x80
		heads >>= 7
	}
	b[maxPrefix-1] &= 0x7f
	bodies.out[0] = mem.SliceBuffer(b)
	return bodies.out, nil
}

// source hands out the bodies of a frame that is received.
type source struct {
	buffers mem.BufferSlice
	offset  int // into the first buffer
	rest    int // bytes in all
}

// read fills b.
func (s *source) read(b []byte) {
	s.rest -= len(b)
	for len(b) > 0 {
		n := copy(b, s.buffers[0].ReadOnlyData()[s.offset:])
		b = b[n:]
		if s.offset += n; s.offset == s.buffers[0].Len() {
			s.buffers, s.offset = s.buffers[1:], 0
		}
	}
}

// take returns the next n bytes in memory of their own. If they are not there r becomes bad.
func (s *source) take(r *reader, n uint64) []byte {
	if r.bad || n > uint64(s.rest) {
		r.fail()
		return nil
	}
	if n == 0 {
		return nil
	}
	b := make([]byte, n)
	s.read(b)
	return b
}

// decode reads a frame. No memory is taken for what the frame says it holds but does not.
func (f *Frame) decode(data mem.BufferSlice) error {
	f.Size, f.Items = data.Len(), f.Items[:0]
	if f.Size > MaxFrame {
		return fmt.Errorf("frame of %d bytes is too large", f.Size)
	}
	bodies := source{buffers: data, rest: f.Size}
	var prefix [maxPrefix]byte
	if f.Size < maxPrefix {
		return errFrame
	}
	bodies.read(prefix[:])
	if prefix[0] != version {
		return fmt.Errorf("frame from a peer has version %d, this build reads %d: run builds that fit together",
			prefix[0], version)
	}
	r := reader{rest: prefix[1:]}
	heads := r.uvarint()
	if r.bad || len(r.rest) > 0 || heads > maxHeads || heads > uint64(bodies.rest) {
		return errFrame
	}
	if uint64(cap(f.heads)) < heads {
		f.heads = make([]byte, heads)
	}
	r.rest = f.heads[:heads]
	bodies.read(r.rest)
	for len(r.rest) > 0 {
		f.Items = append(f.Items, decodeItem(&r, &bodies))
	}
	if r.bad || bodies.rest > 0 {
		f.Items = f.Items[:0]
		return errFrame
	}
	return nil
}
