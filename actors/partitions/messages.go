package partitions

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/wal"
)

// AwaitLeaders asks for one LeadersReady as soon as every partition of the topics has a ready leader.
// The asker owns the deadline. A topic that is deleted meanwhile no longer counts. One that the manager does
// not know is to come, unless the manager has an image in which the group Last was there: then it has come
// and gone.
type AwaitLeaders struct {
	Topics  []image.TopicID
	Last    wal.GroupID // the newest group of these topics, or a newer one
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable: the asker is told at once and reports what it finds.
func (a AwaitLeaders) Refuse(error) { a.ReplyTo.Tell(LeadersReady{Token: a.Token}) }

// LeadersReady answers AwaitLeaders.
type LeadersReady struct {
	Token uint64
}

// Handover asks that the leadership of a group is handed to a replica that votes, wherever the group is led
// now. Answered with group.Transferred.
type Handover struct {
	Group   wal.GroupID
	To      uint64 // the replica
	Timeout time.Duration
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (h Handover) Refuse(err error) {
	h.ReplyTo.Tell(group.Transferred{Group: h.Group, Token: h.Token, Err: err})
}

// Retain runs the retention sweep now instead of at its next turn.
type Retain struct{}

// sweep is the manager's own tick for retention.
type sweep struct{}

// rebuild is the end of the wait before a failed child is built again.
type rebuild struct{ one *hosted }

// announce is the end of the pause in which news for other nodes gather.
type announce struct{}

// doubt looks whether partitions are still without a leader.
type doubt struct{}

// balance is the manager's own tick for preferred leaders.
type balance struct{}

// complete is the end of the wait before the end of a reassignment is told again.
type complete struct{ group wal.GroupID }

// resubscribe is the end of the wait for a new metadata actor.
type resubscribe struct{}

// Moved tells Options.Moved that a partition is led by another node, in another epoch, or is ready now.
type Moved struct {
	Topic      string
	Partition  int32
	Leadership *partition.Leadership
}
