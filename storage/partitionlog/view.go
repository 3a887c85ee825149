package partitionlog

import (
	"sort"
	"sync/atomic"

	"github.com/chronik-go/chronik/protocol"
)

// View is what can be read of a log at one moment. It is immutable and may be used by any goroutine for as
// long as it likes; the files of segments that retention removed meanwhile answer ErrOffsetOutOfRange.
type View struct {
	segments   []*Segment // ascending, never empty; the last one is the active segment
	start, end protocol.Offset
	stable     protocol.Offset
	producers  int
	sealed     int64 // bytes of all segments but the active one
	epochs     epochs
	active     activeView
	current    *atomic.Pointer[View] // of the same Log, for who finds a segment replaced
}

// activeView is the part of the active segment that a view shows.
type activeView struct {
	size         SegmentPosition
	maxTimestamp int64
	maxOffset    protocol.Offset
	mark         indexMark
	index        indexes // empty while mark is not: load it
	tail         tail
}

// newer returns the view to go on with after a segment was found replaced, nil if there is none. The exchange
// of segments is published before it is to be seen, so a view that has come meanwhile has the new one.
func (v *View) newer(err error) *View {
	if err != errReplaced {
		return nil
	}
	if current := v.current.Load(); current != v {
		return current
	}
	return nil
}

// Start returns the log start offset: records below it are deleted.
func (v *View) Start() protocol.Offset { return v.start }

// End returns the offset after the last record. It is the high watermark: views show only what is
// committed.
func (v *View) End() protocol.Offset { return v.end }

// LastStable returns the offset before which no transaction is open: the first record of the oldest open one,
// else the end.
func (v *View) LastStable() protocol.Offset { return v.stable }

// Producers returns how many producers the log remembers.
func (v *View) Producers() int { return v.producers }

// Size returns the bytes of all segments, including what lies below the log start in the first one.
func (v *View) Size() int64 { return v.sealed + v.active.size }

// Segments returns the number of segments.
func (v *View) Segments() int { return len(v.segments) }

// LatestEpoch returns the leader epoch of the last record, NoLeaderEpoch while there was none.
func (v *View) LatestEpoch() protocol.LeaderEpoch { return v.epochs.latest() }

// EpochAt returns the leader epoch in which the record at offset was written, NoLeaderEpoch if that is not
// known.
func (v *View) EpochAt(offset protocol.Offset) protocol.LeaderEpoch { return v.epochs.at(offset) }

// EpochEnd answers OffsetsForLeaderEpoch: the largest epoch that is not above the asked one and the offset
// at which it ends; NoLeaderEpoch and NoOffset if the epoch is not known here (KIP-101, KIP-279).
func (v *View) EpochEnd(epoch protocol.LeaderEpoch) (protocol.LeaderEpoch, protocol.Offset) {
	return v.epochs.end(epoch, v.end)
}

// span is one segment as a view shows it.
type span struct {
	*Segment
	view   *View
	size   SegmentPosition
	end    protocol.Offset // offset after the segment's last record
	active bool
}

// span returns segment number i.
func (v *View) span(i int) span {
	s := v.segments[i]
	if i == len(v.segments)-1 {
		return span{Segment: s, view: v, size: v.active.size, end: v.end, active: true}
	}
	return span{Segment: s, view: v, size: s.info.Load().size, end: v.segments[i+1].base}
}

// find returns the number of the segment that holds offset, which lies between start and end.
func (v *View) find(offset protocol.Offset) int {
	return sort.Search(len(v.segments), func(i int) bool { return v.segments[i].base > offset }) - 1
}

// Available returns about how many bytes lie between offset and the end: exactly for the recent batches of
// the active segment, within an index interval for its older ones, in proportion for closed segments. It is
// 0 only where there is nothing, and it never touches a file.
func (v *View) Available(from protocol.Offset) int {
	if from < v.start || from >= v.end {
		return 0
	}
	i := v.find(from)
	if i == len(v.segments)-1 {
		return int(v.active.size - v.activePosition(from))
	}
	bytes := v.active.size
	for j := len(v.segments) - 2; j > i; j-- {
		bytes += v.segments[j].info.Load().size
	}
	sp := v.span(i)
	return int(bytes + max(1, share(sp.size, sp.end-from, sp.end-sp.base)))
}

// activePosition returns where the batch with an offset of the active segment starts, at most an index
// interval too low.
func (v *View) activePosition(from protocol.Offset) SegmentPosition {
	base := v.segments[len(v.segments)-1].base
	relative := int32(from - base)
	if i := v.active.tail.find(relative); i >= 0 {
		return v.active.tail.position(i)
	}
	if !v.active.index.covers(v.active.mark) {
		return v.active.size - max(1, share(v.active.size, v.end-from, v.end-base))
	}
	if i := v.active.index.offsets.floor(relative); i >= 0 {
		return v.active.index.offsets.position(i)
	}
	return 0
}

// share returns part/whole of size.
func share(size SegmentPosition, part, whole protocol.Offset) SegmentPosition {
	return SegmentPosition(float64(size) * float64(part) / float64(whole))
}

// tail locates the most recent batches of the active segment without a look at the file.
type tail []tailEntry

type tailEntry struct {
	relative int32 // base offset of the batch minus that of the segment
	start    int32 // position in the .log file
}

// The tail grows to tailMax batches and then goes on with the newer half.
const (
	tailMin = 16
	tailMax = 512
)

// with adds a batch. The result may share memory with t, whose own entries never change.
func (t tail) with(relative int32, position SegmentPosition) tail {
	if len(t) == cap(t) {
		kept := t
		if len(t) >= tailMax {
			kept = t[len(t)-tailMax/2:]
		}
		t = append(make(tail, 0, min(max(2*len(t), tailMin), tailMax)), kept...)
	}
	return append(t, tailEntry{relative, int32(position)})
}

// find returns the number of the entry whose batch holds the offset, -1 if it is older than the tail.
func (t tail) find(relative int32) int {
	return sort.Search(len(t), func(i int) bool { return t[i].relative > relative }) - 1
}

func (t tail) position(i int) SegmentPosition { return SegmentPosition(t[i].start) }

// size returns how long batch i is in a segment of that size.
func (t tail) size(i int, segment SegmentPosition) int {
	if i+1 < len(t) {
		segment = t.position(i + 1)
	}
	return int(segment - t.position(i))
}
