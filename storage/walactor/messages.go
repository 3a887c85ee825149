package walactor

import (
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/wal"
)

// ErrFailed is wrapped by all answers after a write or sync failed. The node is about to stop.
var ErrFailed = wal.ErrFailed

// Append asks to make an update durable. It is answered with Appended. The slices of the update must not be
// changed any more.
type Append struct {
	Update  wal.Update
	ReplyTo kit.Address
	Token   uint64 // comes back in the answer
	// Placer is that of the group, nil if it has none; Inline says that it may write nothing now.
	Placer Placer
	Inline bool
}

// Refuse implements kit.Refusable.
func (m Append) Refuse(err error) {
	m.ReplyTo.Tell(Appended{Group: m.Update.Group, Token: m.Token, Err: err})
}

// Appended answers Append: the update is durable if Err is nil. Otherwise it is wal.ErrNoSpace or a
// *wal.UpdateError (nothing of it was written; the group must Load before it appends again), ErrFailed, or
// kit.ErrStopped (unknown).
type Appended struct {
	Group wal.GroupID
	Token uint64
	Err   error
}

// IsReply implements kit.Reply.
func (Appended) IsReply() {}

// Load asks for the durable state of a group after all appends that were sent before. It is answered with
// Loaded.
type Load struct {
	Group   wal.GroupID
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m Load) Refuse(err error) { m.ReplyTo.Tell(Loaded{Group: m.Group, Token: m.Token, Err: err}) }

// Loaded answers Load. Found is false for a group that the log does not know. Err is a *wal.CorruptError if
// entries of this group cannot be read any more.
type Loaded struct {
	Group wal.GroupID
	State wal.State
	Found bool
	Err   error
	Token uint64
}

// IsReply implements kit.Reply.
func (Loaded) IsReply() {}

// Pins asks which groups must make checkpoints so that at most Keep bytes of the log stay needed. It is
// answered with Pinned.
type Pins struct {
	Keep    int64
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m Pins) Refuse(err error) { m.ReplyTo.Tell(Pinned{Token: m.Token, Err: err}) }

// Pinned answers Pins: the groups with the oldest entries first.
type Pinned struct {
	Groups []wal.GroupID
	Stats  wal.Stats
	Token  uint64
	Err    error
}

// IsReply implements kit.Reply.
func (Pinned) IsReply() {}

// Release asks to give files that nobody needs back to the file system. It is answered with Released.
type Release struct {
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m Release) Refuse(err error) { m.ReplyTo.Tell(Released{Token: m.Token, Err: err}) }

// Released answers Release.
type Released struct {
	Stats wal.Stats
	Token uint64
	Err   error
}

// IsReply implements kit.Reply.
func (Released) IsReply() {}

// Subscribe asks to be told with Grown, at once and then whenever the log starts a file or gets full.
type Subscribe struct{ Who kit.Address }

// Grown says how large the log is. Full is set when entries are refused for want of room.
type Grown struct {
	Stats wal.Stats
	Full  bool
}

// Failed tells the parent, once, that the log can no longer be written.
type Failed struct{ Err error }
