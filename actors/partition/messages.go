package partition

import (
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// Append is the request of a group.Propose that appends one validated record batch: it was built here, or its
// CRC was checked, and that is believed from then on. The leader writes offset and epoch into the batch in
// place; the bytes belong to the replica.
type Append struct {
	Batch batch.Batch
	// AppendTime is what the topic's message.timestamp.type=LogAppendTime put into the batch, in
	// milliseconds since the epoch; -1 under CreateTime.
	AppendTime int64
	// Epoch, if it is not 0, is the only leader epoch in which the batch may be appended: a coordinator knows
	// nothing of what was written after its own. In another one it is refused with group.ErrNotLeader.
	Epoch protocol.LeaderEpoch
	// Verification comes from Replica.Verify with a transactional batch. nil is enough once the transaction has
	// begun in this partition.
	Verification *Verification
}

// Appended is the result of an Append: the batch is committed and readable.
type Appended struct {
	BaseOffset protocol.Offset
	AppendTime int64 // milliseconds; -1 under CreateTime
	LogStart   protocol.Offset
	Duplicate  bool // the batch was there already; BaseOffset is where it first went
}

// EndTransaction is the request of a group.Propose that appends the marker which commits or aborts a
// transaction of a producer. Time is in milliseconds since the epoch.
type EndTransaction struct {
	partitionlog.TransactionMarker
	Commit bool
	Time   int64
}

// EndedTransaction is the result of EndTransaction: the marker is committed at an offset, and its effects are
// visible.
type EndedTransaction struct {
	Offset protocol.Offset
}

// DeleteRecords is the request of a group.Propose that raises the log start offset (KIP-107). Offset -1
// stands for the high watermark.
type DeleteRecords struct {
	Offset protocol.Offset
}

// DeletedRecords is the result of DeleteRecords: the log start offset afterwards.
type DeletedRecords struct {
	LowWatermark protocol.Offset
}

// DescribeProducers is the request of a group.Propose that asks the leader for the producers it remembers.
// It proposes nothing.
type DescribeProducers struct{}

// DescribedProducers is the result of DescribeProducers: a copy that belongs to the asker.
type DescribedProducers struct {
	Producers *partitionlog.Producers
}

// ExpireProducers is the request of a group.Propose that forgets the producers without an open transaction
// whose last record is from before a time (milliseconds since the epoch). The leader decides on the time, and
// all replicas apply it at the same place in the log.
type ExpireProducers struct {
	Before int64
}

// ExpiredProducers is the result of ExpireProducers: how many were forgotten.
type ExpiredProducers struct {
	Count int
}

// Wait asks for one Woken as soon as the high watermark, or with Stable the last stable offset, is above
// Offset or the leadership changes. A second Wait of the same address and token replaces the first.
type Wait struct {
	Offset  protocol.Offset
	Stable  bool
	ReplyTo kit.Address
	Token   uint64
}

// Woken answers a Wait.
type Woken struct {
	Token uint64
}

// Refuse wakes the asker of a replica that is gone: it looks again and finds out.
func (w Wait) Refuse(error) { w.ReplyTo.Tell(Woken{Token: w.Token}) }

// Unwait takes a Wait back.
type Unwait struct {
	ReplyTo kit.Address
	Token   uint64
}

// SetMembers says which replicas should be members of the group.
type SetMembers struct {
	Want group.Want
}

// Delete removes the replica: its group gets a tombstone, its files go. The actor stops afterwards.
type Delete struct{}

// Led tells the manager that the leadership of the replica changed, or what its leader knows of the members.
type Led struct {
	Replica *Replica
}

// Deleted tells the manager that the replica and its files are gone.
type Deleted struct {
	Replica *Replica
	Err     error
}

// advanced says that the high watermark moved while somebody waited.
type advanced struct{}
