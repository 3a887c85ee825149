package partitionlog

import (
	"hash/crc32"
	"math"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// indexes are the three indexes of one segment. The value is immutable; a longer one may share its memory.
type indexes struct {
	offsets offsetIndex
	times   timeIndex
	aborted abortedIndex
}

// indexMark says how much of a segment's index files belongs to the segment, and what it must look like.
// Kafka's index files carry no checksum, so it is kept beside them, in the state or in the manifest.
type indexMark struct {
	offsetEntries, timeEntries, abortedEntries int32
	offsetCRC, timeCRC, abortedCRC             uint32
}

// mark returns the mark that describes x.
func (x indexes) mark() indexMark {
	return indexMark{
		offsetEntries:  int32(x.offsets.entries()),
		timeEntries:    int32(x.times.entries()),
		abortedEntries: int32(x.aborted.entries()),
		offsetCRC:      crc32.Checksum(x.offsets, castagnoli),
		timeCRC:        crc32.Checksum(x.times, castagnoli),
		abortedCRC:     crc32.Checksum(x.aborted, castagnoli),
	}
}

// bytes returns how long the three files are.
func (m indexMark) bytes() (offsets, times, aborted int) {
	return int(m.offsetEntries) * offsetEntrySize, int(m.timeEntries) * timeEntrySize,
		int(m.abortedEntries) * abortedEntrySize
}

// covers tells whether x holds at least what m describes.
func (x indexes) covers(m indexMark) bool {
	offsets, times, aborted := m.bytes()
	return len(x.offsets) >= offsets && len(x.times) >= times && len(x.aborted) >= aborted
}

// indexBuilder follows the batches of one segment and writes its indexes by Kafka's rules. It is what the
// owner of the log knows of the active segment beyond its bytes.
type indexBuilder struct {
	indexes
	current indexMark
	base    protocol.Offset
	size    SegmentPosition
	// sinceEntry counts the bytes after the start of the batch that the last offset entry names.
	sinceEntry int
	// firstTimestamp is the MaxTimestamp of the first batch, which time-based rolling goes by.
	firstTimestamp int64
	// maxTimestamp is the largest timestamp so far, -1 if there is none; maxOffset is the last offset of the
	// first batch that has it.
	maxTimestamp int64
	maxOffset    protocol.Offset
}

// newIndexBuilder returns the builder of an empty segment.
func newIndexBuilder(base protocol.Offset) indexBuilder {
	return indexBuilder{base: base, firstTimestamp: -1, maxTimestamp: -1, maxOffset: base}
}

// add takes up one batch that lies at the end of the segment.
func (b *indexBuilder) add(last protocol.Offset, maxTimestamp int64, size, interval int) {
	if b.size == 0 {
		b.firstTimestamp = maxTimestamp
	}
	if maxTimestamp > b.maxTimestamp {
		b.maxTimestamp, b.maxOffset = maxTimestamp, last
	}
	if b.sinceEntry > interval {
		b.addOffset(last)
		b.maybeAddTime()
		b.sinceEntry = 0
	}
	b.sinceEntry += size
	b.size += SegmentPosition(size)
}

func (b *indexBuilder) addOffset(last protocol.Offset) {
	n := len(b.offsets)
	b.offsets = b.offsets.with(int32(last-b.base), b.size)
	b.current.offsetEntries++
	b.current.offsetCRC = crc32.Update(b.current.offsetCRC, castagnoli, b.offsets[n:])
}

// maybeAddTime adds an entry if the largest timestamp has grown since the last one.
func (b *indexBuilder) maybeAddTime() {
	if b.maxTimestamp <= b.times.lastTimestamp() {
		return
	}
	n := len(b.times)
	b.times = b.times.with(b.maxTimestamp, int32(b.maxOffset-b.base))
	b.current.timeEntries++
	b.current.timeCRC = crc32.Update(b.current.timeCRC, castagnoli, b.times[n:])
}

// addAborted adds the entry of an aborted transaction.
func (b *indexBuilder) addAborted(e abortedEntry) {
	n := len(b.aborted)
	b.aborted = b.aborted.with(e)
	b.current.abortedEntries++
	b.current.abortedCRC = crc32.Update(b.current.abortedCRC, castagnoli, b.aborted[n:])
}

// full tells whether one more entry would take an index file over its size. The time index keeps room for
// the entry that closes it. Kafka does not bound the index of aborted transactions; here it is held in memory
// as a whole while it is used.
func (b *indexBuilder) full(maxBytes int) bool {
	return b.offsets.entries() >= maxBytes/offsetEntrySize || b.times.entries() >= maxBytes/timeEntrySize-1 ||
		len(b.aborted) > 0 && len(b.aborted)+abortedEntrySize > maxBytes
}

// fits tells whether an offset can be stored relative to the base.
func (b *indexBuilder) fits(last protocol.Offset) bool { return last-b.base <= math.MaxInt32 }

// addHeader is add for a batch that was read from a file.
func (b *indexBuilder) addHeader(h *batch.Header, interval int) {
	b.add(h.LastOffset, h.MaxTimestamp, h.Size, interval)
}
