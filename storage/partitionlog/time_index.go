package partitionlog

import (
	"encoding/binary"
	"sort"
)

// timeEntrySize is the size of an entry of Kafka's time index.
const timeEntrySize = 12

// timeIndex holds the entries of a .timeindex file in the file's own form, ascending:
//
//	0  timestamp        int64  the largest timestamp up to here, milliseconds since the epoch
//	8  relative offset  int32  last offset of the batch that has it, minus the segment's base offset
//
// An entry is added together with an entry of the offset index, and only if the largest timestamp has grown
// since the entry before; one more is added when the segment is closed. Like offsetIndex it only grows.
type timeIndex []byte

func (x timeIndex) entries() int { return len(x) / timeEntrySize }

func (x timeIndex) timestamp(i int) int64 {
	return int64(binary.BigEndian.Uint64(x[i*timeEntrySize:]))
}

func (x timeIndex) relative(i int) int32 {
	return int32(binary.BigEndian.Uint32(x[i*timeEntrySize+8:]))
}

func (x timeIndex) with(timestamp int64, relative int32) timeIndex {
	x = binary.BigEndian.AppendUint64(x, uint64(timestamp))
	return binary.BigEndian.AppendUint32(x, uint32(relative))
}

// ceiling returns the number of the first entry whose timestamp is at least timestamp, or entries().
func (x timeIndex) ceiling(timestamp int64) int {
	return sort.Search(x.entries(), func(i int) bool { return x.timestamp(i) >= timestamp })
}

// lastTimestamp returns the timestamp of the last entry, -1 if there is none.
func (x timeIndex) lastTimestamp() int64 {
	if len(x) == 0 {
		return -1
	}
	return x.timestamp(x.entries() - 1)
}
