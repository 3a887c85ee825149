package wire

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// Flags of a message: which of its fields are there. raft tells a field that is absent from one that is zero
// in few places, but it does, so presence is kept.
const (
	hasTerm = 1 << iota
	hasLogTerm
	hasIndex
	hasCommit
	hasVote
	hasRejectHint
	hasContext
	hasSnapshot
	hasReject
	isReject
	hasEntries
)

// Flags of an entry.
const (
	entryType = 3 // mask
	sameTerm  = 4
	nextIndex = 8
)

// maxContext bounds the context of a message. raft's own are the kind of a campaign and ids of reads.
const maxContext = 64 << 10

// smallestEntry is how many bytes the head of an entry has at least.
const smallestEntry = 2

// messageHeads returns at most how many bytes the head of a message takes.
func messageHeads(m *raftpb.Message) int {
	const fixed, entry = 96, 26
	return fixed + len(m.Context) + entry*len(m.Entries)
}

// messageSize returns at most how many bytes a message takes, with its bodies.
func messageSize(m *raftpb.Message) int {
	n := messageHeads(m)
	for _, e := range m.Entries {
		n += len(e.Data)
	}
	if m.Snapshot != nil {
		n += proto.Size(m.Snapshot)
	}
	return n
}

func flagsOf(m *raftpb.Message) uint16 {
	flags := uint16(0)
	for bit, field := range [...]*uint64{m.Term, m.LogTerm, m.Index, m.Commit, m.Vote, m.RejectHint} {
		if field != nil {
			flags |= 1 << bit
		}
	}
	if m.Context != nil {
		flags |= hasContext
	}
	if m.Snapshot != nil {
		flags |= hasSnapshot
	}
	if m.Reject != nil {
		flags |= hasReject
		if *m.Reject {
			flags |= isReject
		}
	}
	if len(m.Entries) > 0 {
		flags |= hasEntries
	}
	return flags
}

func appendMessage(b []byte, bodies *bodies, m *raftpb.Message) []byte {
	if len(m.Responses) > 0 {
		panic(fmt.Sprintf("BUG: got a message %v with responses, which are for storage only", m.GetType()))
	}
	flags := flagsOf(m)
	b = appendUvarint(b, uint64(m.GetType()))
	b = appendUvarint(appendUvarint(b, m.GetTo()), m.GetFrom())
	b = append(b, byte(flags), byte(flags>>8))
	for _, field := range [...]*uint64{m.Term, m.LogTerm, m.Index, m.Commit, m.Vote, m.RejectHint} {
		if field != nil {
			b = appendUvarint(b, *field)
		}
	}
	if m.Context != nil {
		b = appendString(b, m.Context)
	}
	if m.Snapshot != nil {
		data, err := proto.Marshal(m.Snapshot)
		if err != nil {
			panic(fmt.Sprintf("BUG: got %v from a snapshot, which has no required fields", err))
		}
		bodies.add(data)
		b = appendUvarint(b, uint64(len(data)))
	}
	if len(m.Entries) > 0 {
		b = appendEntries(b, bodies, m)
	}
	return b
}

func appendEntries(b []byte, bodies *bodies, m *raftpb.Message) []byte {
	b = appendUvarint(b, uint64(len(m.Entries)))
	term, index := m.GetLogTerm(), m.GetIndex()
	for _, e := range m.Entries {
		flags := byte(e.GetType()) & entryType
		if e.GetTerm() == term {
			flags |= sameTerm
		}
		if e.GetIndex() == index+1 {
			flags |= nextIndex
		}
		b = append(b, flags)
		term, index = e.GetTerm(), e.GetIndex()
		if flags&sameTerm == 0 {
			b = appendUvarint(b, term)
		}
		if flags&nextIndex == 0 {
			b = appendUvarint(b, index)
		}
		b = appendUvarint(b, uint64(len(e.Data)))
		bodies.add(e.Data)
	}
	return b
}

// message is a message together with what its fields point to: one allocation instead of ten.
type message struct {
	raftpb.Message
	kind     raftpb.MessageType
	to, from uint64
	fields   [6]uint64
	reject   bool
}

// entry is an entry together with what its fields point to.
type entry struct {
	raftpb.Entry
	kind        raftpb.EntryType
	term, index uint64
}

func decodeMessage(r *reader, bodies *source) *raftpb.Message {
	m := new(message)
	m.kind = raftpb.MessageType(r.int32())
	m.to, m.from = r.uvarint(), r.uvarint()
	m.Type, m.To, m.From = &m.kind, &m.to, &m.from
	flags := uint16(r.byte()) | uint16(r.byte())<<8
	for bit, field := range [...]**uint64{&m.Term, &m.LogTerm, &m.Index, &m.Commit, &m.Vote, &m.RejectHint} {
		if flags&(1<<bit) != 0 {
			m.fields[bit] = r.uvarint()
			*field = &m.fields[bit]
		}
	}
	if flags&hasContext != 0 {
		m.Context = append([]byte{}, r.bytes(maxContext)...)
	}
	if flags&hasSnapshot != 0 {
		m.Snapshot = new(raftpb.Snapshot)
		if err := proto.Unmarshal(bodies.take(r, r.uvarint()), m.Snapshot); err != nil {
			r.fail()
		}
	}
	if flags&hasReject != 0 {
		m.reject = flags&isReject != 0
		m.Reject = &m.reject
	}
	if flags&hasEntries != 0 {
		decodeEntries(r, bodies, m)
	}
	return &m.Message
}

func decodeEntries(r *reader, bodies *source, m *message) {
	count := r.uvarint()
	if count == 0 || count > uint64(len(r.rest)/smallestEntry) {
		r.fail()
		return
	}
	entries := make([]entry, count)
	m.Entries = make([]*raftpb.Entry, count)
	lengths := make([]int, count)
	term, index, total := m.GetLogTerm(), m.GetIndex(), uint64(0)
	for i := range entries {
		e := &entries[i]
		flags := r.byte()
		index++
		if flags&sameTerm == 0 {
			term = r.uvarint()
		}
		if flags&nextIndex == 0 {
			index = r.uvarint()
		}
		e.kind, e.term, e.index = raftpb.EntryType(flags&entryType), term, index
		e.Type, e.Term, e.Index = &e.kind, &e.term, &e.index
		m.Entries[i] = &e.Entry
		length := r.uvarint()
		if length > MaxFrame {
			r.fail()
			return
		}
		lengths[i] = int(length)
		total += length
	}
	data := bodies.take(r, total)
	if r.bad {
		return
	}
	for i, length := range lengths {
		if length > 0 {
			m.Entries[i].Data = data[:length:length]
		}
		data = data[length:]
	}
}
