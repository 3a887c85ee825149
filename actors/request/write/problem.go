package write

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/group"
)

// errTimedOut answers an append that nobody answered in time.
var errTimedOut = fmt.Errorf("append was not answered in time: %w", context.DeadlineExceeded)

// problem is an error as the producer is told.
type problem struct {
	code    protocol.Code
	message *string
	records []kmsg.ProduceResponseTopicPartitionErrorRecord
}

// problemOf maps the errors of raft groups to Kafka's retriable codes; everything else is for protocol.
//
//	not the leader, or no longer      NOT_LEADER_OR_FOLLOWER   ask for the leader, send again
//	too much is uncommitted           NOT_ENOUGH_REPLICAS      nothing was appended; send again
//	replica stopped or restarting     NOT_LEADER_OR_FOLLOWER   the same as a leader that goes away
//
// A leader that went away with an append under way leaves the producer in doubt. Kafka answers the same
// way; an idempotent producer sends again and cannot write twice.
func problemOf(err error) problem {
	var notLeader group.ErrNotLeader
	var records *batch.RecordsError
	switch {
	case errors.As(err, &notLeader), errors.Is(err, group.ErrLostLeadership), errors.Is(err, kit.ErrStopped):
		return problem{code: protocol.NotLeaderOrFollower}
	case errors.Is(err, group.ErrBusy):
		return problem{code: protocol.NotEnoughReplicas, message: &tooMuch}
	}
	told := problem{code: protocol.CodeOf(err), message: protocol.MessageOf(err)}
	if errors.As(err, &records) {
		told.records = recordsOf(records)
	}
	return told
}

// recordsOf names the single records that were refused (KIP-467).
func recordsOf(err *batch.RecordsError) []kmsg.ProduceResponseTopicPartitionErrorRecord {
	records := make([]kmsg.ProduceResponseTopicPartitionErrorRecord, len(err.Records))
	for i := range err.Records {
		records[i].Default()
		records[i].RelativeOffset = err.Records[i].Index
		records[i].ErrorMessage = &err.Records[i].Message
	}
	return records
}

var tooMuch = "too many appends of the partition are waiting to be replicated"
