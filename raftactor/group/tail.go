package group

import (
	"fmt"
	"sync/atomic"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// entryOverhead is what an entry costs in memory besides its data.
const entryOverhead = 128

// tail is the durable end of the group's log in memory; it is the raft.Storage that raft reads from. It
// changes exactly when the wal says that an append is durable, in the order of the appends, so it is a
// picture of what Load would return after a restart, without what has been trimmed.
//
// Trimmed is what is applied and not needed by a peer. The identity of the last trimmed entry stays, since
// raft compares against the entry before the first one.
type tail struct {
	prevIndex, prevTerm uint64          // the entry before entries[0]
	entries             []*raftpb.Entry // contiguous; never changed in place while raft may hold a slice of it
	bytes               int64           // of entries, overhead included
	shared              *TailBudget     // of all groups of the node; nil: there is none

	// What a snapshot names: the newest applied entry, and the membership. Only a leader with peers is asked.
	applied func() *raftpb.Snapshot

	// What raft asks for once, when it starts. Dropped afterwards.
	hard *raftpb.HardState
	conf *raftpb.ConfState
}

var _ raft.Storage = (*tail)(nil)

func entryBytes(e *raftpb.Entry) int64 { return int64(len(e.GetData())) + entryOverhead }

// end returns the newest entry.
func (t *tail) end() (index, term uint64) {
	if n := len(t.entries); n > 0 {
		return t.last(), t.entries[n-1].GetTerm()
	}
	return t.prevIndex, t.prevTerm
}

func (t *tail) last() uint64 { return t.prevIndex + uint64(len(t.entries)) }

// InitialState implements raft.Storage.
func (t *tail) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	return t.hard, raftpb.EnsureConfState(t.conf), nil
}

// started drops what only a starting raft needs.
func (t *tail) started() { t.hard, t.conf = nil, nil }

// Entries implements raft.Storage. The slice is a copy: raft may append to it and hands it on in messages,
// while trim clears the tail's own.
func (t *tail) Entries(lo, hi, maxSize uint64) ([]*raftpb.Entry, error) {
	if lo <= t.prevIndex {
		return nil, raft.ErrCompacted
	}
	if hi > t.last()+1 {
		return nil, raft.ErrUnavailable
	}
	run := t.entries[lo-t.prevIndex-1 : hi-t.prevIndex-1]
	size, n := uint64(0), 0
	for n < len(run) {
		size += uint64(entryBytes(run[n]))
		if size > maxSize && n > 0 { // at least one, or a large entry would block the log for ever
			break
		}
		n++
	}
	return append(make([]*raftpb.Entry, 0, n), run[:n]...), nil
}

// Term implements raft.Storage.
func (t *tail) Term(i uint64) (uint64, error) {
	switch {
	case i < t.prevIndex:
		return 0, raft.ErrCompacted
	case i == t.prevIndex:
		return t.prevTerm, nil
	case i > t.last():
		return 0, raft.ErrUnavailable
	}
	return t.entries[i-t.prevIndex-1].GetTerm(), nil
}

// LastIndex implements raft.Storage.
func (t *tail) LastIndex() (uint64, error) { return t.last(), nil }

// FirstIndex implements raft.Storage.
func (t *tail) FirstIndex() (uint64, error) { return t.prevIndex + 1, nil }

// Snapshot implements raft.Storage. Raft asks when a peer needs entries that have been trimmed. What it gets
// names a state; the peer fetches the state itself, see install.
func (t *tail) Snapshot() (*raftpb.Snapshot, error) {
	if s := t.applied(); s != nil {
		return s, nil
	}
	return nil, raft.ErrSnapshotTemporarilyUnavailable
}

// restart begins the log anew after an entry that a state installed stands for.
func (t *tail) restart(index, term uint64) {
	t.count(-t.bytes)
	t.entries, t.prevIndex, t.prevTerm = nil, index, term
}

// count notes that the tail has grown.
func (t *tail) count(bytes int64) {
	t.bytes += bytes
	if t.shared != nil {
		t.shared.used.Add(bytes)
	}
}

// most is how much a leader keeps for peers that lag.
func (t *tail) most() int64 {
	if t.shared != nil && t.shared.used.Load() > t.shared.limit {
		return keepTailBytes
	}
	return maxTailBytes
}

// TailBudget bounds what all groups of a node keep in memory for peers that lag. Beyond it a group keeps
// little, and its peers are brought up to date from the machine instead. The groups share it.
type TailBudget struct {
	limit int64
	used  atomic.Int64
}

// NewTailBudget returns a budget of so many bytes.
func NewTailBudget(bytes int64) *TailBudget { return &TailBudget{limit: bytes} }

// Used returns how many bytes all tails together hold.
func (b *TailBudget) Used() int64 { return b.used.Load() }

// append adds durable entries; those that the tail has at the first one's index and after are dropped, as
// the wal drops them.
func (t *tail) append(entries []*raftpb.Entry) {
	if len(entries) == 0 {
		return
	}
	first := entries[0].GetIndex()
	if first <= t.prevIndex || first > t.last()+1 {
		panic(fmt.Sprintf("BUG: got append at %d, want it in [%d, %d]", first, t.prevIndex+1, t.last()+1))
	}
	keep := int(first - t.prevIndex - 1)
	grown := int64(0)
	for _, e := range t.entries[keep:] {
		grown -= entryBytes(e)
	}
	clear(t.entries[keep:])
	t.entries = append(t.entries[:keep], entries...)
	for _, e := range entries {
		grown += entryBytes(e)
	}
	t.count(grown)
}

// trim drops the entries up to and including index and keeps the identity of the last one dropped.
func (t *tail) trim(index uint64) {
	if index <= t.prevIndex {
		return
	}
	if index > t.last() {
		panic(fmt.Sprintf("BUG: got trim to %d, want at most %d", index, t.last()))
	}
	n := int(index - t.prevIndex)
	freed := int64(0)
	for _, e := range t.entries[:n] {
		freed += entryBytes(e)
	}
	t.count(-freed)
	t.prevIndex, t.prevTerm = index, t.entries[n-1].GetTerm()
	if n == len(t.entries) && cap(t.entries) > smallTail {
		t.entries = nil // an idle group keeps no large array
		return
	}
	clear(t.entries[:n])
	t.entries = t.entries[n:] // append makes room at the front when it runs out of it at the end
}

// excess returns the index up to which entries would have to be trimmed so that at most limit bytes are
// left, but no further than upTo.
func (t *tail) excess(limit int64, upTo uint64) uint64 {
	index, left := t.prevIndex, t.bytes
	for _, e := range t.entries {
		if left <= limit || index >= upTo {
			break
		}
		index++
		left -= entryBytes(e)
	}
	return index
}

// smallTail is how many entries' worth of pointers an idle group may keep.
const smallTail = 4
