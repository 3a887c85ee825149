package consumers

import (
	"time"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/offsets"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// Ask is a request about one group. The package comment lists what Body may be. It is answered exactly once
// with coordinators.Answered; a JoinGroup or SyncGroup as late as the rebalance ends.
type Ask struct {
	Group   string
	Body    any
	Client  classic.Client
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable: the group has moved, or is being rebuilt.
func (m Ask) Refuse(error) { m.Answer(protocol.NotCoordinator, nil) }

// Answer answers the request.
func (m Ask) Answer(code protocol.Code, result any) {
	m.ReplyTo.Tell(coordinators.Answered{Token: m.Token, Code: code, Result: result})
}

// Commit stores offsets in the name of a member, or of nobody: generation -1 and no id.
type Commit struct {
	Version    int16 // of OffsetCommit
	Generation int32 // or epoch of a member of the newer protocol
	MemberID   string
	InstanceID *string
	Items      []CommitItem
	// Transaction is what the offsets are part of, nil for none. Then they count when its marker is written.
	Transaction *Transaction
}

// Transaction is a transaction of a producer in which offsets are committed.
type Transaction struct {
	ProducerID    int64
	ProducerEpoch int16
	Verification  *partition.Verification // as partition.Append has it
}

// CommitItem is the offset of one partition. Its time of commit is set by the group.
type CommitItem struct {
	offsets.Place
	records.Offset
	Retention time.Duration // how long the client wants it kept; negative: as the broker sees fit
}

// Fetch reads offsets: those of the places, or all if All is set.
type Fetch struct {
	All    bool
	Stable bool // refuse offsets that a transaction is about to change (KIP-447)
	Places []offsets.Place
	// MemberID and MemberEpoch say in whose name; nil and -1: in nobody's.
	MemberID    *string
	MemberEpoch int32
}

// Fetched is the answer for one partition. Without an offset Offset is -1. Code is UNSTABLE_OFFSET_COMMIT or
// None.
type Fetched struct {
	offsets.Place
	records.Offset
	Code protocol.Code
}

// DeleteOffsets removes offsets that no member needs.
type DeleteOffsets struct{ Places []offsets.Place }

// Delete removes a group that nobody is in.
type Delete struct{}

// Describe asks for the members and the state of a classic group.
type Describe struct{}

// DescribeConsumers asks for those of a group of the newer protocol.
type DescribeConsumers struct{}

// Tick is the wake-up that WakeAt asked for.
type Tick struct{}

// Expire makes the group remove the offsets that have been kept for long enough.
type Expire struct{}

// Forget makes the group remove the offsets of topics that are gone.
type Forget struct{ Topics []string }

// Write asks the coordinator to append records to the log, together or not at all. Answered with Written.
type Write struct {
	Group   kit.Address
	Token   uint64
	Records []batch.Record
	// Transaction is what the records are part of, nil for none.
	Transaction *Transaction
}

// Written answers Write: the records are committed, in a batch that begins at Offset, if Code is None.
type Written struct {
	Token  uint64
	Code   protocol.Code
	Offset int64
}

// EndTransaction tells a group how a transaction of a producer ended, by a marker at an offset of the log.
// The group has been told Written of all that the producer wrote before.
type EndTransaction struct {
	ProducerID int64
	Commit     bool
	Offset     int64
}

// WakeAt asks for a Tick.
type WakeAt struct {
	Group kit.Address
	At    time.Time
}

// Vacant tells the coordinator that the group may go, if it was sent no more than Handled messages.
type Vacant struct {
	Group   kit.Address
	Handled uint64
}

// follow is the end of the wait for whoever knows expressions.
type follow struct{}

// Summary is what a list of groups shows of one. It is immutable.
type Summary struct {
	Group        string
	ProtocolType string
	State        string
	Type         string // "classic" or "consumer"
	Members      int
	Epoch        int32 // or generation
}
