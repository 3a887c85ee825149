package wire

import "encoding/binary"

// reader reads the heads of a frame. The first thing that is wrong makes it bad, and from then on all it
// returns is zero.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) fail() { r.bad, r.rest = true, nil }

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 {
		b := r.rest[0]
		r.rest = r.rest[1:]
		return uint64(b)
	}
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) int32() int32 {
	n := r.uvarint()
	if n > 1<<32-1 {
		r.fail()
		return 0
	}
	return int32(uint32(n))
}

// bytes returns the bytes of a string, still in the memory of the heads.
func (r *reader) bytes(limit int) []byte {
	n := r.uvarint()
	if n > uint64(limit) || n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) string(limit int) string { return string(r.bytes(limit)) }

func appendUvarint(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }

func appendInt32(b []byte, n int32) []byte { return binary.AppendUvarint(b, uint64(uint32(n))) }

func appendString[S string | []byte](b []byte, s S) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
