package batch

// minRecord is the smallest body of a record: attributes, two deltas, two lengths, header count.
const minRecord = 6

// raw is one record as it lies in its batch; the slices alias the bytes it was parsed from. A nil key or
// value is null, an empty one is not.
type raw struct {
	timestampDelta int64
	offsetDelta    int32
	key, value     []byte
	headerCount    int32
	headers        []byte
}

// cutRecord cuts one record, length and body, off data and returns the body. It fails if the length is not
// there, is impossible, or is more than what is left.
func cutRecord(data []byte) (body, rest []byte, ok bool) {
	length, n := varint(data)
	if n == 0 || length < minRecord || int(length) > len(data)-n {
		return nil, nil, false
	}
	end := n + int(length)
	return data[n:end], data[end:], true
}

// parse reads the body of a record, which it must fill exactly.
func (r *raw) parse(body []byte) bool {
	if len(body) < minRecord {
		return false
	}
	rest := body[1:] // no attribute of a record is in use
	delta, n := varlong(rest)
	if n == 0 {
		return false
	}
	r.timestampDelta, rest = delta, rest[n:]
	if r.offsetDelta, n = varint(rest); n == 0 {
		return false
	}
	var ok bool
	if r.key, rest, ok = cutBytes(rest[n:]); !ok {
		return false
	}
	if r.value, rest, ok = cutBytes(rest); !ok {
		return false
	}
	if r.headerCount, n = varint(rest); n == 0 || r.headerCount < 0 {
		return false
	}
	r.headers = rest[n:]
	return r.headersFit()
}

// headersFit reports whether the headers fill their bytes exactly.
func (r *raw) headersFit() bool {
	if r.headerCount == 0 {
		return len(r.headers) == 0
	}
	rest := r.headers
	for i := int32(0); i < r.headerCount; i++ {
		key, after, ok := cutBytes(rest)
		if !ok || key == nil {
			return false
		}
		if _, rest, ok = cutBytes(after); !ok {
			return false
		}
	}
	return len(rest) == 0
}

// empty is what a value of length 0 is, so that it differs from null.
var empty = []byte{}

// cutBytes cuts a byte string with its length off data; a negative length is null.
func cutBytes(data []byte) (value, rest []byte, ok bool) {
	length, n := varint(data)
	switch {
	case n == 0:
		return nil, nil, false
	case length < 0:
		return nil, data[n:], true
	case length == 0:
		return empty, data[n:], true
	case int(length) > len(data)-n:
		return nil, nil, false
	}
	end := n + int(length)
	return data[n:end:end], data[end:], true
}

// varint reads a zigzag integer of at most 32 bits and returns it with its length, 0 if there is none.
func varint(data []byte) (int32, int) {
	if len(data) > 0 && data[0] < 0x80 {
		u := uint32(data[0])
		return int32(u>>1) ^ -int32(u&1), 1
	}
	value, n := uvarint(data, 5)
	if value > 1<<32-1 {
		return 0, 0
	}
	u := uint32(value)
	return int32(u>>1) ^ -int32(u&1), n
}

// varlong reads a zigzag integer of at most 64 bits and returns it with its length, 0 if there is none.
func varlong(data []byte) (int64, int) {
	value, n := uvarint(data, 10)
	return int64(value>>1) ^ -int64(value&1), n
}

// uvarint reads at most limit bytes of an unsigned integer.
func uvarint(data []byte, limit int) (uint64, int) {
	var value uint64
	for i := 0; i < limit && i < len(data); i++ {
		b := data[i]
		if i == 9 && b > 1 {
			return 0, 0
		}
		value |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return value, i + 1
		}
	}
	return 0, 0
}
