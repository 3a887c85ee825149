package wal

// GroupID names a Raft group on this node.
type GroupID uint64

// Entry is a Raft entry. Type is a raftpb.EntryType.
type Entry struct {
	Term, Index uint64
	Type        uint8
	Data        []byte
	Sum         Sum // of the end of Data; only Append looks at it
	// At says that Data lies there, durable, so that the log only refers to it. Nobody may change it there until
	// the entry is dropped. nil: the log holds Data itself.
	At *Location
}

// HardState is what Raft must remember of its votes and of the commit index.
type HardState struct{ Term, Vote, Commit uint64 }

// Checkpoint says that everything up to and including Index is in the durable files of the group's machine.
type Checkpoint struct {
	Index, Term uint64
	ConfState   []byte // membership as of Index, opaque here
	Machine     []byte // what the machine needs to open its files again, opaque here
}

// Update is what one group wants to have in the log. Its parts take effect in the order Remove, Hard,
// ConfState, Checkpoint, Entries. The log keeps ConfState and the slices of Checkpoint; nobody may change
// them afterwards. Data of entries is only read during Append.
type Update struct {
	Group     GroupID
	Hard      *HardState // nil: unchanged
	ConfState []byte     // nil: unchanged
	Entries   []Entry    // contiguous; the first drops what the group has at its index and after
	// Checkpoint drops the entries up to its index, or all if they belong to another history. An older one
	// than the present is ignored.
	Checkpoint *Checkpoint
	// Compaction says that Checkpoint was made from entries in the log. It is refused with an *UpdateError
	// if it was not, for instance because the group was removed meanwhile: a checkpoint that comes late
	// must not bring it back.
	Compaction bool
	Remove     bool // forgets all the group had before this update
}

// State is what the log knows of a group. Entries are those after Checkpoint.Index.
type State struct {
	Group      GroupID
	Hard       HardState
	ConfState  []byte
	Checkpoint Checkpoint
	Entries    []Entry
}

// MaxEntryBytes bounds Data of one entry.
const MaxEntryBytes = 1 << 30

// MaxAppendBytes bounds the sum of an Append; positions in a file are kept in 32 bits.
const MaxAppendBytes = 2 << 30
