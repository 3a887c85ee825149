package records

import (
	"encoding/binary"
	"errors"
)

// errShort says that a value ends too early or that a length in it cannot be.
var errShort = errors.New("the value is cut off")

// writer appends the parts of keys and of flexible values (KIP-482).
type writer struct{ data []byte }

func (w *writer) int8(v int8)   { w.data = append(w.data, byte(v)) }
func (w *writer) int16(v int16) { w.data = binary.BigEndian.AppendUint16(w.data, uint16(v)) }
func (w *writer) int32(v int32) { w.data = binary.BigEndian.AppendUint32(w.data, uint32(v)) }
func (w *writer) int64(v int64) { w.data = binary.BigEndian.AppendUint64(w.data, uint64(v)) }
func (w *writer) count(n int)   { w.data = binary.AppendUvarint(w.data, uint64(n)) }
func (w *writer) list(n int)    { w.count(n + 1) }
func (w *writer) noTags()       { w.count(0) }

// plain appends a string of a key.
func (w *writer) plain(text string) {
	w.int16(int16(len(text)))
	w.data = append(w.data, text...)
}

func (w *writer) text(text string) {
	w.list(len(text))
	w.data = append(w.data, text...)
}

func (w *writer) maybeText(text *string) {
	if text == nil {
		w.count(0)
		return
	}
	w.text(*text)
}

func (w *writer) texts(list []string) {
	w.list(len(list))
	for _, one := range list {
		w.text(one)
	}
}

func (w *writer) partitions(p Partitions) {
	w.list(len(p))
	for _, topic := range p.Topics() {
		w.data = append(w.data, topic[:]...)
		w.list(len(p[topic]))
		for _, index := range p[topic] {
			w.int32(index)
		}
		w.noTags()
	}
}

// reader takes them apart again. After the first mistake all that it returns is zero; failed tells.
type reader struct {
	data   []byte
	failed bool
}

// take returns the next n bytes, which are part of the value.
func (r *reader) take(n int) []byte {
	if r.failed || n < 0 || n > len(r.data) {
		r.failed = true
		return nil
	}
	taken := r.data[:n]
	r.data = r.data[n:]
	return taken
}

// number returns an integer of so many bytes.
func (r *reader) number(size int) int64 {
	var v int64
	for at, b := range r.take(size) {
		if at == 0 {
			v = int64(int8(b))
			continue
		}
		v = v<<8 | int64(b)
	}
	return v
}

func (r *reader) int8() int8   { return int8(r.number(1)) }
func (r *reader) int16() int16 { return int16(r.number(2)) }
func (r *reader) int32() int32 { return int32(r.number(4)) }
func (r *reader) int64() int64 { return r.number(8) }

func (r *reader) count() int {
	v, n := binary.Uvarint(r.data)
	if n <= 0 || v > 1<<31 {
		r.failed = true
		return 0
	}
	r.take(n)
	return int(v)
}

// list returns the number of elements that follow, -1 for null. None is smaller than a byte.
func (r *reader) list() int {
	n := r.count() - 1
	if n > len(r.data) {
		r.failed = true
	}
	if r.failed {
		return 0
	}
	return n
}

func (r *reader) plain() string { return string(r.take(int(r.int16()))) }

func (r *reader) text() string { return string(r.bytes()) }

func (r *reader) bytes() []byte { return r.take(max(r.list(), 0)) }

func (r *reader) maybeText() *string {
	n := r.list()
	if n < 0 {
		return nil
	}
	text := string(r.take(n))
	return &text
}

func (r *reader) texts() []string {
	var list []string
	for range r.list() {
		list = append(list, r.text())
	}
	return list
}

// tags passes over tagged fields. known takes the payload of each.
func (r *reader) tags(known func(tag int, payload []byte)) {
	for range r.count() {
		tag := r.count()
		payload := r.take(r.count())
		if r.failed {
			return
		}
		if known != nil {
			known(tag, payload)
		}
	}
}

func (r *reader) partitions() Partitions {
	lists := map[TopicID][]int32{}
	for range r.list() {
		var topic TopicID
		copy(topic[:], r.take(len(topic)))
		var list []int32
		for range r.list() {
			list = append(list, r.int32())
		}
		r.tags(nil)
		if r.failed {
			return nil
		}
		lists[topic] = list
	}
	return PartitionsOf(lists)
}

func (r *reader) err() error {
	if r.failed {
		return errShort
	}
	return nil
}
