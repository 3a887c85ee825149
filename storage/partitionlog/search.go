package partitionlog

import (
	"fmt"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// ByTimestamp finds the first record whose timestamp is at least ms (milliseconds since the epoch) and
// returns its offset, its timestamp and its leader epoch. It reads one index interval of headers and
// decompresses one batch. found is false if all records are older.
func (v *View) ByTimestamp(ms int64) (
	offset protocol.Offset, timestamp int64, epoch protocol.LeaderEpoch, found bool, err error,
) {
	offset, timestamp, epoch, found, err = v.byTimestamp(ms)
	for newer := v.newer(err); newer != nil; newer = newer.newer(err) {
		offset, timestamp, epoch, found, err = newer.byTimestamp(ms)
	}
	return offset, timestamp, epoch, found, err
}

func (v *View) byTimestamp(ms int64) (
	offset protocol.Offset, timestamp int64, epoch protocol.LeaderEpoch, found bool, err error,
) {
	for i := range v.segments {
		sp := v.span(i)
		info, err := sp.summary()
		if err != nil {
			return notFound(err)
		}
		if info.maxTimestamp < ms || sp.end <= v.start {
			continue
		}
		at, ok, err := sp.byTimestamp(ms)
		if err != nil {
			return notFound(err)
		}
		if ok {
			return at.offset, at.timestamp, at.epoch, true, nil
		}
	}
	return notFound(nil)
}

func notFound(err error) (protocol.Offset, int64, protocol.LeaderEpoch, bool, error) {
	return protocol.NoOffset, batch.NoTimestamp, protocol.NoLeaderEpoch, false, err
}

// recordAt is a record that a search found.
type recordAt struct {
	offset    protocol.Offset
	timestamp int64
	epoch     protocol.LeaderEpoch
}

// byTimestamp searches one segment.
//
// The first time entry that is not below ms names, roughly, the batch that crosses ms: had an earlier index
// interval crossed it, the entry of that interval would be the first. So the search starts at the last
// offset entry below the named batch and ends within an interval.
func (sp *span) byTimestamp(ms int64) (result recordAt, found bool, err error) {
	x, err := sp.indexes()
	if err != nil {
		return result, false, err
	}
	first := x.offsets.entries() - 1
	if i := x.times.ceiling(ms); i < x.times.entries() {
		first = x.offsets.below(x.times.relative(i))
	}
	if start := sp.view.start; start > sp.base {
		first = max(first, x.offsets.floor(int32(start-sp.base)))
	}
	file, err := sp.acquire()
	if err != nil {
		return result, false, err
	}
	defer file.release()
	r := sp.scan(file.file, probeSize)
	defer r.close()
	err = sp.walk(&r, x.offsets, first, func(h *batch.Header, at SegmentPosition) (bool, error) {
		if h.MaxTimestamp < ms || h.LastOffset < sp.view.start {
			return true, nil
		}
		err := sp.records(&r, h, at, func(one batch.Record) bool {
			found = one.Timestamp >= ms
			result = recordAt{one.Offset, one.Timestamp, h.LeaderEpoch}
			return !found
		})
		return !found, err
	})
	return result, found, err
}

// records visits the records of a batch from the log start on.
func (sp *span) records(
	r *scanner, h *batch.Header, at SegmentPosition, visit func(batch.Record) bool,
) error {
	data := make([]byte, h.Size)
	if n, err := r.file.ReadAt(data, at); n < h.Size {
		return fmt.Errorf("read %s at %d: %w", sp.Name(), at, err)
	}
	err := batch.Batch(data).Records(func(one batch.Record) bool {
		return one.Offset < sp.view.start || visit(one)
	})
	if err != nil {
		return fmt.Errorf("records of %s at %d: %w", sp.Name(), at, err)
	}
	return nil
}

// MaxTimestamp finds the record with the largest timestamp, the first of them if there are several (KIP-734).
// found is false for a log without records or without timestamps.
func (v *View) MaxTimestamp() (
	offset protocol.Offset, timestamp int64, epoch protocol.LeaderEpoch, found bool, err error,
) {
	offset, timestamp, epoch, found, err = v.maxTimestamp()
	for newer := v.newer(err); newer != nil; newer = newer.newer(err) {
		offset, timestamp, epoch, found, err = newer.maxTimestamp()
	}
	return offset, timestamp, epoch, found, err
}

func (v *View) maxTimestamp() (
	offset protocol.Offset, timestamp int64, epoch protocol.LeaderEpoch, found bool, err error,
) {
	best := recordAt{timestamp: batch.NoTimestamp}
	for i := range v.segments {
		sp := v.span(i)
		info, err := sp.summary()
		if err != nil {
			return notFound(err)
		}
		if info.maxTimestamp <= best.timestamp {
			continue
		}
		at, ok, err := sp.maxTimestamp(info)
		if err != nil {
			return notFound(err)
		}
		if ok && at.timestamp > best.timestamp {
			best, found = at, true
		}
	}
	if !found {
		return notFound(nil)
	}
	return best.offset, best.timestamp, best.epoch, true, nil
}

// maxTimestamp searches one segment whose summary is given. Where the log start has cut the segment, the
// summary may speak of records that are gone, and the headers of the rest are read.
func (sp *span) maxTimestamp(info sealedInfo) (best recordAt, found bool, err error) {
	x, err := sp.indexes()
	if err != nil {
		return best, false, err
	}
	file, err := sp.acquire()
	if err != nil {
		return best, false, err
	}
	defer file.release()
	r := sp.scan(file.file, probeSize)
	defer r.close()
	from, cut := info.maxOffset, sp.view.start > sp.base
	if cut {
		from = sp.view.start
	}
	best.timestamp = batch.NoTimestamp
	err = sp.walk(&r, x.offsets, x.offsets.floor(int32(from-sp.base)),
		func(h *batch.Header, at SegmentPosition) (bool, error) {
			if h.LastOffset < from || h.MaxTimestamp <= best.timestamp {
				return true, nil
			}
			err := sp.records(&r, h, at, func(one batch.Record) bool {
				if one.Timestamp > best.timestamp {
					best, found = recordAt{one.Offset, one.Timestamp, h.LeaderEpoch}, true
				}
				return true
			})
			return cut, err
		})
	return best, found, err
}
