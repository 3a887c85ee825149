package partitionlog

import (
	"encoding/binary"
	"sort"
)

// SegmentPosition is a byte position within a segment's log file.
type SegmentPosition = int64

// offsetEntrySize is the size of an entry of Kafka's offset index.
const offsetEntrySize = 8

// offsetIndex holds the entries of a .index file in the file's own form, ascending:
//
//	0  relative offset  int32  last offset of a batch minus the segment's base offset
//	4  position         int32  where that batch starts in the .log file
//
// It only ever grows at its end, so a shorter slice of it may be read while the owner appends.
type offsetIndex []byte

func (x offsetIndex) entries() int { return len(x) / offsetEntrySize }

func (x offsetIndex) relative(i int) int32 {
	return int32(binary.BigEndian.Uint32(x[i*offsetEntrySize:]))
}

func (x offsetIndex) position(i int) SegmentPosition {
	return SegmentPosition(int32(binary.BigEndian.Uint32(x[i*offsetEntrySize+4:])))
}

func (x offsetIndex) with(relative int32, position SegmentPosition) offsetIndex {
	x = binary.BigEndian.AppendUint32(x, uint32(relative))
	return binary.BigEndian.AppendUint32(x, uint32(int32(position)))
}

// floor returns the number of the last entry whose offset is at most relative, -1 if there is none.
func (x offsetIndex) floor(relative int32) int {
	return sort.Search(x.entries(), func(i int) bool { return x.relative(i) > relative }) - 1
}

// below returns the number of the last entry whose offset is under relative, -1 if there is none.
func (x offsetIndex) below(relative int32) int {
	return sort.Search(x.entries(), func(i int) bool { return x.relative(i) >= relative }) - 1
}

// floorPosition returns the number of the last entry whose batch starts at or before position, -1 if none.
func (x offsetIndex) floorPosition(position SegmentPosition) int {
	return sort.Search(x.entries(), func(i int) bool { return x.position(i) > position }) - 1
}
