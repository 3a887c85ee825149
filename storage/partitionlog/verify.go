package partitionlog

import (
	"errors"
	"sync/atomic"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/vfs"
)

// chunkSize is the unit of verification: a cold read verifies what it needs plus at most two chunks.
const chunkSize = 64 << 10

// verifier remembers which bytes of a segment have been compared with their checksums. Only bytes below
// limit need it: the rest was written by this process from memory that had been checked.
//
// Chunk k stands for the batches that start in [k, k+1) * chunkSize; they are verified whole, even where
// the last one reaches into the next chunk.
type verifier struct {
	limit  SegmentPosition // set before the segment is shared
	marks  atomic.Pointer[[]atomic.Uint32]
	damage atomic.Pointer[[]damage]
}

// damage is a chunk that failed. It is never looked at again: a disk that gives other bytes the second time
// is not to be believed either.
type damage struct {
	chunk int64
	err   *CorruptError
}

func (c *verifier) done(chunk int64) bool {
	marks := c.marks.Load()
	return marks != nil && (*marks)[chunk/32].Load()&(1<<(chunk%32)) != 0
}

// mark notes a verified chunk. The bitmap is made by the first one: segments that nobody reads have none.
func (c *verifier) mark(chunk int64) {
	marks := c.marks.Load()
	if marks == nil {
		chunks := (c.limit + chunkSize - 1) / chunkSize
		fresh := make([]atomic.Uint32, (chunks+31)/32)
		c.marks.CompareAndSwap(nil, &fresh)
		marks = c.marks.Load()
	}
	(*marks)[chunk/32].Or(1 << (chunk % 32))
}

// markAll notes that everything was verified.
func (c *verifier) markAll() {
	for at := SegmentPosition(0); at < c.limit; at += chunkSize {
		c.mark(at / chunkSize)
	}
}

// found returns the damage that is known of a chunk.
func (c *verifier) found(chunk int64) *CorruptError {
	if list := c.damage.Load(); list != nil {
		for _, d := range *list {
			if d.chunk == chunk {
				return d.err
			}
		}
	}
	return nil
}

func (c *verifier) condemn(chunk int64, err *CorruptError) {
	for {
		old := c.damage.Load()
		var list []damage
		if old != nil {
			list = append(list, *old...)
		}
		list = append(list, damage{chunk, err})
		if c.damage.CompareAndSwap(old, &list) {
			return
		}
	}
}

// trust makes sure that the batch that starts at a position may be believed.
func (sp *span) trust(file vfs.File, at SegmentPosition) error {
	if at >= sp.checked.limit {
		return nil
	}
	good, err := sp.ensure(file, at, at+1)
	if good > at {
		return nil
	}
	return err
}

// ensure verifies the batches that start in [from, to), where from is the start of one. It returns the
// position up to which everything is good, which is to when err is nil; err says what is wrong there.
func (sp *span) ensure(file vfs.File, from, to SegmentPosition) (SegmentPosition, error) {
	c := &sp.checked
	for chunk := from / chunkSize; chunk*chunkSize < min(to, c.limit); chunk++ {
		if c.done(chunk) {
			continue
		}
		if known := c.found(chunk); known != nil {
			return known.Position, known
		}
		err := sp.verifyChunk(file, chunk)
		var broken *CorruptError
		if errors.As(err, &broken) {
			c.condemn(chunk, broken)
			return broken.Position, broken
		}
		if err != nil {
			return chunk * chunkSize, err
		}
	}
	return to, nil
}

// verifyChunk checks the batches of one chunk: the CRC over what it covers, and the chain of offsets and
// epochs from the index entry before the chunk for what it does not.
func (sp *span) verifyChunk(file vfs.File, chunk int64) error {
	x, err := sp.indexes()
	if err != nil || sp.checked.done(chunk) { // rebuilding an index verifies everything
		return err
	}
	r := sp.scan(file, scanBufferSize)
	defer r.close()
	from, to := chunk*chunkSize, min((chunk+1)*chunkSize, sp.checked.limit)
	r.ahead = min(to+probeSize, sp.size)
	h, at, err := sp.entry(&r, x.offsets, x.offsets.floorPosition(from))
	for err == nil {
		if at >= from {
			if err = sp.verifyBatch(&r, at, h.Size, h.CRC); err != nil {
				return err
			}
		}
		at += SegmentPosition(h.Size)
		if at >= to {
			break
		}
		h, err = sp.header(&r, at, h.NextOffset())
	}
	if err == nil && at == sp.size && h.NextOffset() != sp.end {
		err = sp.corrupt(at-SegmentPosition(h.Size), "the segment ends at offset %d, want %d",
			h.NextOffset(), sp.end)
	}
	if err == nil {
		sp.checked.mark(chunk)
	}
	return err
}

func (sp *span) verifyBatch(r *scanner, at SegmentPosition, size int, want uint32) error {
	got, err := r.crc(at, size)
	if err != nil {
		return sp.damaged(at, err)
	}
	if got != want {
		return sp.corrupt(at, "got CRC %08x, want %08x", got, want)
	}
	return nil
}

// rebuild reads the whole segment as the view shows it, verifies what needs it and returns the indexes that
// Kafka's rules give.
func (sp *span) rebuild(interval int) (indexBuilder, error) {
	b := newIndexBuilder(sp.base)
	file, err := sp.acquire()
	if err != nil {
		return b, err
	}
	defer file.release()
	r := sp.scan(file.file, scanBufferSize)
	defer r.close()
	want, ends := sp.base, false
	for b.size < sp.size {
		h, err := sp.header(&r, b.size, want)
		if err != nil {
			return b, err
		}
		if b.size < sp.checked.limit {
			if err := sp.verifyBatch(&r, b.size, h.Size, h.CRC); err != nil {
				return b, err
			}
		}
		want = h.NextOffset()
		b.addHeader(&h, interval)
		ends = ends || h.IsControl()
	}
	if want != sp.end {
		return b, sp.corrupt(b.size, "the segment ends at offset %d, want %d", want, protocol.Offset(sp.end))
	}
	if !sp.active {
		b.maybeAddTime()
	}
	sp.checked.markAll()
	if !ends {
		return b, nil
	}
	aborted, err := sp.scanAborted()
	for i := range aborted.entries() {
		b.addAborted(aborted.entry(i))
	}
	return b, err
}
