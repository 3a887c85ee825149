package janitor

import (
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/wal"
)

// Register says that a group runs and who answers Capture for it. A group that was rebuilt registers again;
// a question that its predecessor left open is then asked again.
type Register struct {
	Group wal.GroupID
	Who   kit.Address
}

// Unregister says that a group is gone.
type Unregister struct{ Group wal.GroupID }

// Capture asks a group for a checkpoint. The group answers with Captured as soon as it can.
type Capture struct {
	Group   wal.GroupID
	ReplyTo kit.Address
}

// Refuse implements kit.Refusable.
func (m Capture) Refuse(err error) { m.ReplyTo.Tell(Captured{Group: m.Group, Err: err}) }

// Captured answers Capture. Flush makes everything up to Index durable in the machine's own files and
// returns what the machine needs to open them again. It is run in the janitor's turn, while the machine
// goes on. With Err set there is no checkpoint this time.
type Captured struct {
	Group       wal.GroupID
	Index, Term uint64
	ConfState   []byte
	Flush       func() (machine []byte, err error)
	Err         error
}

// IsReply implements kit.Reply.
func (Captured) IsReply() {}

// Checkpointed tells a group that its checkpoint is durable in the log. Machine is what Flush returned.
type Checkpointed struct {
	Group   wal.GroupID
	Index   uint64
	Machine []byte
}

// CheckpointNow asks for checkpoints of all groups that have entries in the log, before a clean shutdown
// for instance. It is answered with CheckpointsMade when all of them have been written, or have failed.
type CheckpointNow struct {
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m CheckpointNow) Refuse(err error) { m.ReplyTo.Tell(CheckpointsMade{Token: m.Token, Err: err}) }

// CheckpointsMade answers CheckpointNow with the number of groups that wrote a checkpoint, and of those
// that were asked and did not.
type CheckpointsMade struct {
	Made, Missed int
	Token        uint64
	Err          error
}

// IsReply implements kit.Reply.
func (CheckpointsMade) IsReply() {}
