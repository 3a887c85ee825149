package partitionlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/chronik-go/chronik/protocol"
)

// State is the durable state of a log at a checkpoint. To everybody else it is opaque bytes. Every copy of
// it in the write-ahead log costs room, so it holds only what the files do not say themselves:
//
//	version                 uint8    1
//	log start               varint   offsets and positions are never negative
//	end                     varint
//	first base              varint   base offset of the first segment
//	active base             varint   base offset of the active segment
//	active size             varint   bytes of its .log
//	offset entries, CRC     varint, uint32   of its .index
//	time entries, CRC       varint, uint32   of its .timeindex
//	bytes since entry       varint
//	first timestamp         zigzag varint    -1: none
//	max timestamp           zigzag varint    -1: none
//	max offset - base       varint
//	snapshot offset + 1     varint   of the producer snapshot, 0: no producers
//	number of epochs        varint
//	  epoch, start          varint, varint   each as the difference from the one before
//	end of the producers    varint   from version 2 on, see Log.producersEnd; in version 1 it is the end
//	aborted entries, CRC    varint, uint32   of its .txnindex; from version 3 on, as what follows
//	open transactions       varint   number of those at the end, if the producers are behind it; else 0
//	  producer id, first    varint, varint   in the order of the first offsets, each the difference from the
//	                                 one before
//	renewal                 uint8    from version 4 on: 1 or 2, the directory of a copy, see renewal.go
//	CRC-32C                 uint32   of everything before
//
// Version 2 is written only while the producer table is behind the log, that is when a Restore was
// interrupted, version 3 only where transactions have left something to tell, and version 4 only from when a
// log was copied anew until its next checkpoint, so that an older program can go on with the log at nearly
// all times.
type State []byte

// The versions of a State.
const (
	stateVersion             = 1
	stateVersionBehind       = 2
	stateVersionTransactions = 3
	stateVersionRenewal      = 4
)

// state is a decoded State.
type state struct {
	start, end     protocol.Offset
	first          protocol.Offset
	active         indexBuilder // without the entries
	producersEnd   protocol.Offset
	open           openTransactions // only if producersEnd is below end
	snapshotOffset protocol.Offset
	epochs         epochs
	renewal        renewal
}

// emptyState is that of a log to which nothing was ever appended.
func emptyState() state { return state{active: newIndexBuilder(0), snapshotOffset: noOffset} }

func (s *state) encode() State {
	a := &s.active
	data := make([]byte, 0, 96+8*len(s.epochs))
	version := s.version()
	data = append(data, version)
	for _, value := range []int64{int64(s.start), int64(s.end), int64(s.first), int64(a.base), a.size} {
		data = binary.AppendUvarint(data, uint64(value))
	}
	data = binary.AppendUvarint(data, uint64(a.current.offsetEntries))
	data = binary.BigEndian.AppendUint32(data, a.current.offsetCRC)
	data = binary.AppendUvarint(data, uint64(a.current.timeEntries))
	data = binary.BigEndian.AppendUint32(data, a.current.timeCRC)
	data = binary.AppendUvarint(data, uint64(a.sinceEntry))
	data = binary.AppendVarint(data, a.firstTimestamp)
	data = binary.AppendVarint(data, a.maxTimestamp)
	data = binary.AppendUvarint(data, uint64(a.maxOffset-a.base))
	data = binary.AppendUvarint(data, uint64(s.snapshotOffset+1))
	data = s.epochs.encode(data)
	if version >= stateVersionBehind {
		data = binary.AppendUvarint(data, uint64(s.producersEnd))
	}
	if version >= stateVersionTransactions {
		data = binary.AppendUvarint(data, uint64(a.current.abortedEntries))
		data = binary.BigEndian.AppendUint32(data, a.current.abortedCRC)
		data = s.open.encode(data)
	}
	if version >= stateVersionRenewal {
		data = append(data, byte(s.renewal))
	}
	return binary.BigEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
}

// version returns the first version that can tell what there is to tell.
func (s *state) version() byte {
	switch {
	case s.renewal != noRenewal:
		return stateVersionRenewal
	case len(s.open) > 0 || s.active.current.abortedEntries > 0:
		return stateVersionTransactions
	case s.producersEnd < s.end:
		return stateVersionBehind
	}
	return stateVersion
}

var errState = errors.New("no state of a partition log")

// decodeState reads what encode writes.
func decodeState(data State) (state, error) {
	n := len(data) - 4
	if n < 1 || crc32.Checksum(data[:n], castagnoli) != binary.BigEndian.Uint32(data[n:]) {
		return state{}, errState
	}
	if data[0] < stateVersion || data[0] > stateVersionRenewal {
		return state{}, fmt.Errorf("%w that this version can read: it is of version %d, written by a newer one",
			errState, data[0])
	}
	d := decoder{data: data[1:n]}
	s := state{start: d.offset(), end: d.offset(), first: d.offset()}
	s.active = newIndexBuilder(d.offset())
	a := &s.active
	a.size = int64(d.offset())
	a.current.offsetEntries, a.current.offsetCRC = d.count(), d.uint32()
	a.current.timeEntries, a.current.timeCRC = d.count(), d.uint32()
	a.sinceEntry = int(d.count())
	a.firstTimestamp, a.maxTimestamp = d.signed(), d.signed()
	a.maxOffset = a.base + d.offset()
	s.snapshotOffset = d.offset() - 1
	s.epochs = d.epochs()
	s.producersEnd = s.end
	if data[0] >= stateVersionBehind {
		s.producersEnd = d.offset()
	}
	if data[0] >= stateVersionTransactions {
		a.current.abortedEntries, a.current.abortedCRC = d.count(), d.uint32()
		s.open = d.transactions()
	}
	if data[0] >= stateVersionRenewal {
		s.renewal = d.renewal()
	}
	if d.failed || len(d.data) > 0 || !s.sound() {
		return state{}, errState
	}
	return s, nil
}

// sound tells whether the parts of a state agree with each other.
func (s *state) sound() bool {
	a := &s.active
	if a.size > maxSegmentBytes || (a.size == 0) != (a.base == s.end) || !s.epochs.sound() {
		return false
	}
	if n := len(s.epochs); n > 0 && s.epochs[n-1].Start > s.end {
		return false
	}
	if n := len(s.open); n > 0 && s.open[n-1].first >= s.end {
		return false
	}
	return s.producersEnd <= s.end && s.start <= s.end && s.first <= s.start && s.first <= a.base &&
		a.base <= s.end && a.maxOffset <= s.end
}

// decoder takes bytes apart and remembers whether one was missing.
type decoder struct {
	data   []byte
	failed bool
}

func (d *decoder) unsigned() uint64 {
	value, n := binary.Uvarint(d.data)
	if n <= 0 {
		d.failed, d.data = true, nil
		return 0
	}
	d.data = d.data[n:]
	return value
}

func (d *decoder) signed() int64 {
	value, n := binary.Varint(d.data)
	if n <= 0 {
		d.failed, d.data = true, nil
		return 0
	}
	d.data = d.data[n:]
	return value
}

// offset reads a number that must not be negative as an int64.
func (d *decoder) offset() protocol.Offset {
	value := d.unsigned()
	if value > 1<<63-1 {
		d.failed = true
		return 0
	}
	return protocol.Offset(value)
}

// count reads a number that must not be negative as an int32.
func (d *decoder) count() int32 {
	value := d.unsigned()
	if value > 1<<31-1 {
		d.failed = true
		return 0
	}
	return int32(value)
}

// renewal reads which of the two directories there may be.
func (d *decoder) renewal() renewal {
	value := d.unsigned()
	if value == 0 || value > uint64(len(renewalNames)) {
		d.failed = true
		return noRenewal
	}
	return renewal(value)
}

func (d *decoder) uint32() uint32 {
	if len(d.data) < 4 {
		d.failed, d.data = true, nil
		return 0
	}
	value := binary.BigEndian.Uint32(d.data)
	d.data = d.data[4:]
	return value
}

// encode appends the history to data in the form that decoder.epochs reads.
func (e epochs) encode(data []byte) []byte {
	data = binary.AppendUvarint(data, uint64(len(e)))
	before := epochStart{}
	for _, entry := range e {
		data = binary.AppendUvarint(data, uint64(entry.Epoch-before.Epoch))
		data = binary.AppendUvarint(data, uint64(entry.Start-before.Start))
		before = entry
	}
	return data
}

// epochs reads the history. Each entry takes two bytes at least, which bounds what is taken on trust.
func (d *decoder) epochs() epochs {
	n := d.unsigned()
	if n > uint64(len(d.data)/2) {
		d.failed = true
		return nil
	}
	var history epochs
	last := epochStart{}
	for ; n > 0 && !d.failed; n-- {
		epoch, start := int64(last.Epoch)+int64(d.count()), last.Start+d.offset()
		if epoch > 1<<31-1 || start < 0 {
			d.failed = true
			return nil
		}
		last = epochStart{protocol.LeaderEpoch(epoch), start}
		history = append(history, last)
	}
	return history
}

// encode appends the transactions to data in the form that decoder.transactions reads.
func (o openTransactions) encode(data []byte) []byte {
	data = binary.AppendUvarint(data, uint64(len(o)))
	before := protocol.Offset(0)
	for _, one := range o {
		data = binary.AppendUvarint(data, uint64(one.producer))
		data = binary.AppendUvarint(data, uint64(one.first-before))
		before = one.first
	}
	return data
}

// transactions reads open transactions, each two bytes at least.
func (d *decoder) transactions() (open openTransactions) {
	n := d.unsigned()
	if n > uint64(len(d.data)/2) {
		d.failed = true
		return nil
	}
	first := protocol.Offset(0)
	for ; n > 0 && !d.failed; n-- {
		producer := int64(d.offset())
		if first += d.offset(); first < 0 {
			d.failed = true
		}
		open = append(open, openTransaction{first, producer})
	}
	return open
}
