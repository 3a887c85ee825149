package protocol

import "encoding/binary"

// Bounds of one request. The decoder allocates arrays by their declared count, and an element that takes
// two bytes on the wire takes up to 80 in memory, so a count that fits the frame is not bound enough.
const (
	// MaxArrayElements is how many elements one array of a request may have.
	MaxArrayElements = 1_000_000
	// MaxTaggedFields is how many tagged fields a request may have, all structures together. The decoder
	// makes a map for each structure that has unknown ones.
	MaxTaggedFields = 10_000
	// MaxDecodedBytes is how much memory the decoded arrays, structures and strings of one request may take
	// beside its frame. A fetch of 800,000 partitions fits.
	MaxDecodedBytes = 64 << 20
)

// Memory that the decoder takes beside array elements, in bytes.
const (
	nullableStringCost = 16  // a string header of its own
	taggedFieldCost    = 400 // a map with one group of slots
)

// maxString is the longest string the protocol allows in either encoding.
const maxString = 1<<15 - 1

// checkBody walks a request body along its schema, without decoding it, and refuses what the decoder must
// not see.
func checkBody(key, version int16, body []byte) (decoded int, err error) {
	s := schemaOf(key)
	w := walker{rest: body, version: version, flexible: version >= s.flexibleFrom}
	w.structure(s.fields, s.tagged, true)
	if w.problem != "" {
		return 0, malformed(key, version, w.problem)
	}
	return w.memory, nil
}

// walker reads a body along a schema. After the first problem it holds no more bytes, so everything that
// follows fails too and loops end.
type walker struct {
	rest     []byte
	version  int16
	flexible bool
	memory   int // bytes that the decoder would take so far
	tagCount int
	problem  string // the first problem, empty while there is none
}

func (w *walker) fail(problem string) {
	if w.problem == "" {
		w.problem = problem
	}
	w.rest = nil
}

// structure walks the fields of one structure, and the tagged fields at its end if it has a place for them.
func (w *walker) structure(fields []field, tagged []tag, ends bool) {
	for i := range fields {
		f := &fields[i]
		if w.version >= f.first && w.version <= f.last {
			w.field(f)
		}
	}
	if ends && w.flexible {
		w.taggedFields(tagged)
	}
}

func (w *walker) field(f *field) {
	null := w.version >= f.nullableFrom
	switch f.kind {
	case kindFixed:
		w.take(f.width)
	case kindString:
		if f.nullableFrom != never { // decodes to a pointer in every version
			w.charge(nullableStringCost)
		}
		w.charge(len(w.sized(w.stringLength(), null)))
	case kindBytes:
		w.sized(w.longLength(), null)
	case kindArray:
		w.array(f, null)
	case kindObject:
		w.object(f)
	}
}

// take consumes n bytes.
func (w *walker) take(n int) []byte {
	if n > len(w.rest) {
		w.fail("it ends too early")
		return nil
	}
	taken := w.rest[:n]
	w.rest = w.rest[n:]
	return taken
}

// sized consumes what has a length in front of it; a negative length is null.
func (w *walker) sized(length int, null bool) []byte {
	if length >= 0 {
		return w.take(length)
	}
	if !null {
		w.fail("a field that must have a value is null")
	}
	return nil
}

func (w *walker) array(f *field, null bool) {
	count := w.longLength()
	switch {
	case count < 0:
		w.sized(count, null)
		return
	case count > MaxArrayElements:
		w.fail("an array has too many elements")
		return
	case count > len(w.rest):
		w.fail("an array has more elements than there are bytes")
		return
	}
	w.charge(count * f.element)
	if w.problem != "" {
		return
	}
	if one := &f.fields[0]; !f.structure && one.kind == kindFixed {
		w.take(count * one.width)
		return
	}
	for ; count > 0 && w.problem == ""; count-- {
		w.structure(f.fields, f.tagged, f.structure)
	}
}

func (w *walker) object(f *field) {
	present := w.take(1)
	if w.problem != "" || present[0] == 0xff {
		return
	}
	w.charge(f.element)
	w.structure(f.fields, f.tagged, f.structure)
}

// charge counts memory that the decoder would take.
func (w *walker) charge(bytes int) {
	w.memory += bytes
	if w.memory > MaxDecodedBytes {
		w.fail("it takes too much memory")
	}
}

// taggedFields walks the tagged fields of one structure: opaque ones are skipped, known ones walked within
// their own bytes, since the decoder looks into them.
//
//	| count uvarint | { number uvarint | size uvarint | payload } ... |
func (w *walker) taggedFields(known []tag) {
	count := int(w.uvarint())
	if count == 0 {
		return
	}
	w.tagCount += count
	if w.tagCount > MaxTaggedFields {
		w.fail("it has too many tagged fields")
		return
	}
	w.charge(count * taggedFieldCost)
	for ; count > 0 && w.problem == ""; count-- {
		number := w.uvarint()
		payload := w.take(int(w.uvarint()))
		for i := range known {
			if known[i].number == number && w.problem == "" {
				w.payload(&known[i], payload)
			}
		}
	}
}

// payload walks a known tagged field within its own bytes.
func (w *walker) payload(t *tag, payload []byte) {
	after := w.rest
	w.rest = payload
	w.structure(t.fields, nil, t.object)
	if w.problem == "" {
		w.rest = after
	}
}

// stringLength returns the length of a string, negative for null.
func (w *walker) stringLength() int {
	if w.flexible {
		length := int(w.uvarint()) - 1
		if length > maxString {
			w.fail("a string is too long")
		}
		return length
	}
	if b := w.take(2); b != nil {
		return int(int16(binary.BigEndian.Uint16(b)))
	}
	return 0
}

// longLength returns the length of a byte array or the count of an array, negative for null.
func (w *walker) longLength() int {
	if w.flexible {
		return int(w.uvarint()) - 1
	}
	if b := w.take(4); b != nil {
		return int(int32(binary.BigEndian.Uint32(b)))
	}
	return 0
}

// uvarint returns an unsigned variable-length integer of at most 32 bits.
func (w *walker) uvarint() uint32 {
	var value uint32
	for i, b := range w.rest {
		if i == 4 && b > 0x0f {
			w.fail("a variable-length integer is too long")
			return 0
		}
		value |= uint32(b&0x7f) << (7 * i)
		if b < 0x80 {
			w.rest = w.rest[i+1:]
			return value
		}
	}
	w.fail("it ends too early")
	return 0
}
