package partitionlog

import (
	"encoding/binary"
	"errors"
	"sort"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// abortedEntrySize is the size of an entry of Kafka's transaction index.
const abortedEntrySize = 34

// abortedIndex holds the entries of a .txnindex file in the file's own form. There is one for each
// transaction whose abort marker lies in the segment, in the order of the markers:
//
//	 0  version             int16  0
//	 2  producer id         int64
//	10  first offset        int64  of the transaction, which may lie in an earlier segment
//	18  last offset         int64  of the marker
//	26  last stable offset  int64  of the log when the marker was there
//
// It only ever grows at its end, so a shorter slice of it may be read while the owner appends.
type abortedIndex []byte

// abortedEntry is one entry.
type abortedEntry struct {
	producer    int64
	first, last protocol.Offset
	stable      protocol.Offset
}

func (x abortedIndex) entries() int { return len(x) / abortedEntrySize }

func (x abortedIndex) entry(i int) abortedEntry {
	data := x[i*abortedEntrySize:]
	offset := func(at int) protocol.Offset { return protocol.Offset(binary.BigEndian.Uint64(data[at:])) }
	return abortedEntry{int64(binary.BigEndian.Uint64(data[2:])), offset(10), offset(18), offset(26)}
}

func (x abortedIndex) with(e abortedEntry) abortedIndex {
	x = binary.BigEndian.AppendUint16(x, 0)
	for _, value := range [...]int64{e.producer, int64(e.first), int64(e.last), int64(e.stable)} {
		x = binary.BigEndian.AppendUint64(x, uint64(value))
	}
	return x
}

// reaching returns the number of the first entry whose marker is at or after an offset.
func (x abortedIndex) reaching(offset protocol.Offset) int {
	return sort.Search(x.entries(), func(i int) bool { return x.entry(i).last >= offset })
}

// AbortedTransaction is what a reader of committed records has to leave out: what the producer wrote from the
// offset on, up to its abort marker.
type AbortedTransaction struct {
	ProducerID  int64
	FirstOffset protocol.Offset
}

// Aborted returns the aborted transactions that have records in the batches of a region which was read from
// an offset on, those that the region may end in the middle of included; some that have none may be among
// them. They are in the order of their markers. It needs no file unless there are such transactions.
//
// Errors: those of Read.
func (v *View) Aborted(from protocol.Offset, r Region) ([]AbortedTransaction, error) {
	if r.Length == 0 {
		return nil, nil
	}
	found, err := v.aborted(from, r)
	for newer := v.newer(err); newer != nil; newer = newer.newer(err) {
		found, err = newer.aborted(from, r)
	}
	return found, err
}

func (v *View) aborted(from protocol.Offset, r Region) (found []AbortedTransaction, err error) {
	if from < v.start || from >= v.end {
		return nil, ErrOffsetOutOfRange
	}
	to := protocol.NoOffset // not known yet: only who has aborted transactions wants to know
	for i := v.find(from); i < len(v.segments); i++ {
		sp := v.span(i)
		if aborts, err := sp.aborts(); err != nil {
			return nil, err
		} else if !aborts {
			continue
		}
		if to == protocol.NoOffset {
			if to, err = v.upperBound(from, r); err != nil {
				return nil, err
			}
		}
		x, err := sp.indexes()
		if err != nil {
			return nil, err
		}
		for n := x.aborted.reaching(from); n < x.aborted.entries(); n++ {
			e := x.aborted.entry(n)
			if e.first < to {
				found = append(found, AbortedTransaction{e.producer, e.first})
			}
			if e.stable >= to {
				return found, nil
			}
		}
	}
	return found, nil
}

// aborts tells whether the segment holds the end of an aborted transaction.
func (sp *span) aborts() (bool, error) {
	if sp.active {
		return sp.view.active.mark.abortedEntries > 0, nil
	}
	if _, err := sp.summary(); err != nil {
		return false, err
	}
	return sp.info.Load().mark.abortedEntries > 0, nil
}

// upperBound returns an offset that is above those of all batches in a region.
func (v *View) upperBound(from protocol.Offset, r Region) (protocol.Offset, error) {
	sp := v.span(v.find(from))
	if sp.Segment != r.Segment {
		return sp.end, nil // compacted meanwhile: positions are others
	}
	x, err := sp.indexes()
	if err != nil {
		return 0, err
	}
	if next := x.offsets.floorPosition(r.Position+r.Length-1) + 1; next < x.offsets.entries() {
		return sp.base + protocol.Offset(x.offsets.relative(next)) + 1, nil
	}
	return sp.end, nil
}

// scanAborted finds the entries of the segment out of the log itself. A transaction may have begun in an
// earlier segment, so it goes over all of them.
func (sp *span) scanAborted() (abortedIndex, error) {
	v := sp.view
	scan, err := v.scanBelow(sp.base)
	for newer := v.newer(err); newer != nil; newer = v.newer(err) {
		v = newer
		scan, err = v.scanBelow(sp.base)
	}
	if err != nil {
		return nil, err
	}
	scan.found = nil
	err = scan.segment(sp)
	return scan.found, err
}

// scanBelow follows the transactions up to the segment that begins at an offset.
func (v *View) scanBelow(base protocol.Offset) (scan abortedScan, err error) {
	for i := range v.segments {
		sp := v.span(i)
		if sp.base >= base {
			break
		}
		err := scan.segment(&sp)
		if errors.Is(err, ErrOffsetOutOfRange) {
			scan, err = abortedScan{}, nil // retention has removed it: what began there is deleted too
		}
		if err != nil {
			return scan, err
		}
	}
	return scan, nil
}

// abortedScan follows the transactions of a log.
type abortedScan struct {
	open  openTransactions
	found abortedIndex
}

func (a *abortedScan) segment(sp *span) error {
	file, err := sp.acquire()
	if err != nil {
		return err
	}
	defer file.release()
	r := sp.scan(file.file, scanBufferSize)
	defer r.close()
	return sp.walk(&r, nil, -1, func(h *batch.Header, at SegmentPosition) (bool, error) {
		if !h.IsTransactional() {
			return true, nil
		}
		kind := markerNone
		if h.IsControl() && h.Size <= scanBufferSize {
			data, err := r.bytes(at, h.Size)
			if err != nil {
				return false, sp.damaged(at, err)
			}
			kind = markerOf(batch.Batch(data))
		}
		a.take(h, kind)
		return true, nil
	})
}

// take goes over one transactional batch.
func (a *abortedScan) take(h *batch.Header, kind int16) {
	if e, aborted := a.open.follow(h, kind); aborted {
		a.found = a.found.with(e)
	}
}
