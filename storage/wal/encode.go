package wal

import "fmt"

const (
	voteSize      = 8
	hardStateSize = recordHeaderSize + voteSize

	// inlineLimit is up to which size a payload is copied next to its header: below it another vector costs
	// the kernel more than the copy costs us.
	inlineLimit = 1024

	// keepEncoder is how much buffer is kept from one Append to the next.
	keepEncoder = 4 << 20
)

func checkpointSize(c *Checkpoint) int64 {
	return recordHeaderSize + 4 + int64(len(c.ConfState)) + int64(len(c.Machine))
}

// encoder builds the vectors of a frame: headers and small payloads in one buffer, large payloads where
// they are.
type encoder struct {
	buffer  []byte   // never moves during a frame: the plan has measured it
	vectors [][]byte // parts of buffer and large payloads, in order
	from    int      // where the part of buffer begins that is in no vector yet
	seed    uint32
	frame   uint32
}

// writeFrame writes the updates that were planned last at the end of the current file. There must be room.
func (w *WAL) writeFrame(updates []Update) error {
	f, e := w.current, &w.encoder
	header := frameHeader{
		incarnation: f.incarnation,
		sequence:    w.frame + 1,
		durable:     w.durable,
		length:      uint64(w.plan.bytes - frameHeaderSize),
		records:     w.plan.records,
	}
	e.begin(header, f.seed, w.plan.inline)
	for i := range updates {
		e.update(w, &updates[i])
	}
	if got := e.bytes(); got != w.plan.bytes || f.end+got >= 1<<32 {
		panic(fmt.Sprintf("BUG: got a frame of %d bytes at %d, want %d before 4 GiB",
			got, f.end, w.plan.bytes))
	}
	e.finish(f.end + w.plan.bytes)
	_, err := f.handle.WritevAt(e.vectors, f.end)
	e.release()
	if err != nil {
		return fmt.Errorf("write %d bytes to %s at %d: %w", w.plan.bytes, f.path, f.end, err)
	}
	f.end = alignUp(f.end+w.plan.bytes, alignment)
	w.frame++
	w.written += w.plan.bytes
	return nil
}

// begin starts a frame whose headers and small payloads take inline bytes.
func (e *encoder) begin(header frameHeader, seed uint32, inline int64) {
	if need := int(inline) + pageSize; cap(e.buffer) < need {
		e.buffer = make([]byte, 0, need)
	}
	e.buffer, e.vectors, e.from = e.buffer[:frameHeaderSize], e.vectors[:0], 0
	header.encode(e.buffer)
	e.seed, e.frame = seed, uint32(header.sequence)
}

func (e *encoder) update(w *WAL, u *Update) {
	if u.Remove {
		e.record(recordHeader{kind: kindRemove, group: u.Group}, nil)
	}
	if u.Hard != nil {
		var vote [voteSize]byte
		little.PutUint64(vote[:], u.Hard.Vote)
		h := recordHeader{kind: kindHardState, group: u.Group, term: u.Hard.Term, index: u.Hard.Commit}
		e.small(h, vote[:])
	}
	if u.ConfState != nil {
		e.record(recordHeader{kind: kindConfState, group: u.Group}, u.ConfState)
	}
	if u.Checkpoint != nil {
		c := u.Checkpoint
		h := recordHeader{kind: kindCheckpoint, group: u.Group, term: c.Term, index: c.Index}
		e.record(h, encodeCheckpoint(c))
	}
	for i := range u.Entries {
		n := &u.Entries[i]
		h := recordHeader{kind: kindEntry, typ: n.Type, group: u.Group, term: n.Term, index: n.Index}
		if n.At != nil {
			h.kind = kindReference
			e.record(h, w.referenceTo(n))
			continue
		}
		e.summed(h, n.Data, n.Sum)
	}
}

func (e *encoder) record(h recordHeader, payload []byte) { e.summed(h, payload, Sum{}) }

// summed is record for a payload of which something is known.
func (e *encoder) summed(h recordHeader, payload []byte, known Sum) {
	if len(payload) <= inlineLimit {
		e.small(h, payload)
		return
	}
	e.header(h, payload, known)
	e.vectors = append(e.vectors, e.buffer[e.from:], payload)
	e.from = len(e.buffer)
}

// small writes a record whose payload is copied. It is apart from record so that payloads on the stack stay
// there.
func (e *encoder) small(h recordHeader, payload []byte) {
	e.header(h, payload, Sum{})
	e.buffer = append(e.buffer, payload...)
}

func (e *encoder) header(h recordHeader, payload []byte, known Sum) {
	h.length, h.frame = uint32(len(payload)), e.frame
	at := len(e.buffer)
	e.buffer = e.buffer[:at+recordHeaderSize]
	h.encode(e.buffer[at:], e.seed, payload, known)
}

// bytes returns the length of the frame so far.
func (e *encoder) bytes() int64 {
	n := len(e.buffer) - e.from
	for _, v := range e.vectors {
		n += len(v)
	}
	return int64(n)
}

// finish fills up with zeros from end to the end of the page.
func (e *encoder) finish(end int64) {
	at := len(e.buffer)
	e.buffer = e.buffer[:at+int(alignUp(end, pageSize)-end)]
	clear(e.buffer[at:])
	e.vectors = append(e.vectors, e.buffer[e.from:])
}

// release lets go of the payloads, and of a buffer that was needed once.
func (e *encoder) release() {
	clear(e.vectors)
	if cap(e.buffer) > keepEncoder {
		e.buffer = nil
	}
}

func encodeCheckpoint(c *Checkpoint) []byte {
	b := make([]byte, 0, 4+len(c.ConfState)+len(c.Machine))
	b = little.AppendUint32(b, uint32(len(c.ConfState)))
	b = append(b, c.ConfState...)
	return append(b, c.Machine...)
}

// decodeCheckpoint copies the payload of a checkpoint.
func decodeCheckpoint(h recordHeader, payload []byte) (Checkpoint, bool) {
	if len(payload) < 4 || int64(little.Uint32(payload)) > int64(len(payload)-4) {
		return Checkpoint{}, false
	}
	conf := int(little.Uint32(payload))
	rest := payload[4:]
	c := Checkpoint{Index: h.index, Term: h.term, ConfState: clone(rest[:conf]), Machine: clone(rest[conf:])}
	return c, true
}

// clone copies b; nothing becomes nil.
func clone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}
