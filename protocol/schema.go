package protocol

import "unsafe"

// kind says how a field is laid out on the wire.
type kind uint8

const (
	kindFixed  kind = iota // width bytes
	kindString             // int16 length, or compact: uvarint length + 1
	kindBytes              // int32 length, or compact: uvarint length + 1
	kindArray              // int32 count, or compact: uvarint count + 1
	kindObject             // one structure behind a presence byte, -1 for null
)

// never is a version no request reaches.
const never int16 = 1<<15 - 1

// field is one field of a message, in wire order.
type field struct {
	kind         kind
	width        int     // kindFixed: bytes on the wire
	element      int     // kindArray and kindObject: bytes that one decoded element takes in memory
	first, last  int16   // versions that have the field
	nullableFrom int16   // first version in which null is allowed
	fields       []field // kindArray and kindObject: one element
	tagged       []tag   // kindArray and kindObject: the known tagged fields of an element
	structure    bool    // an element is a structure and so ends with tagged fields
}

// tag is a tagged field that the decoder looks into. Any other tag is opaque.
type tag struct {
	number uint32
	fields []field
	object bool // the payload is a structure and ends with tagged fields of its own
}

// schema is what the walker knows about the requests of one key.
type schema struct {
	flexibleFrom int16
	fields       []field
	tagged       []tag
}

func fixed(width int) field {
	return field{kind: kindFixed, width: width, last: never, nullableFrom: never}
}

// The wire types. A text is a string; a blob is a byte array.
var (
	boolean  = fixed(1)
	int8Of   = fixed(1)
	int16Of  = fixed(2)
	int32Of  = fixed(4)
	int64Of  = fixed(8)
	uuid     = fixed(16)
	text     = field{kind: kindString, last: never, nullableFrom: never}
	nullText = text.nullable(0)
	nullBlob = field{kind: kindBytes, last: never}
)

// from returns the field for versions from first on.
func (f field) from(first int16) field { f.first = first; return f }

// until returns the field for versions up to last.
func (f field) until(last int16) field { f.last = last; return f }

// nullable returns the field with null allowed from a version on.
func (f field) nullable(from int16) field { f.nullableFrom = from; return f }

// with returns the field with known tagged fields in its elements.
func (f field) with(tagged ...tag) field { f.tagged = tagged; return f }

// listOf returns an array of structures that decode to T.
func listOf[T any](fields ...field) field {
	return field{
		kind: kindArray, element: sizeOf[T](), last: never, nullableFrom: never, fields: fields, structure: true,
	}
}

// plain returns an array of a plain wire type that decodes to T.
func plain[T any](of field) field {
	return field{kind: kindArray, element: sizeOf[T](), last: never, nullableFrom: never, fields: []field{of}}
}

// maybe returns a structure that may be null and decodes to *T.
func maybe[T any](fields ...field) field {
	return field{kind: kindObject, element: sizeOf[T](), last: never, fields: fields, structure: true}
}

func sizeOf[T any]() int {
	var zero T
	return int(unsafe.Sizeof(zero))
}
