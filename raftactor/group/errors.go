package group

import (
	"errors"
	"fmt"

	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/wal"
)

// ErrBusy refuses a proposal because too much is uncommitted; nothing happened, try again later.
var ErrBusy = errors.New("too many uncommitted proposals")

// ErrNoTransfer refuses to hand leadership over: the replica wanted is not a voter that is reachable and in
// sync, or it did not take the leadership in time. The leader leads on.
var ErrNoTransfer = errors.New("leadership cannot be handed over")

// ErrLostLeadership says that the outcome of a proposal is unknown: it may be committed by the next leader
// or be gone. The proposer has to find out, or to make his request idempotent.
var ErrLostLeadership = applier.ErrLostLeadership

// ErrNotLeader refuses a proposal because this replica does not lead, or does not accept proposals yet;
// nothing happened. Leader is a replica id, 0 if none is known.
type ErrNotLeader struct {
	Leader, Term uint64
}

func (e ErrNotLeader) Error() string {
	return fmt.Sprintf("replica does not lead at term %d, leader is %d", e.Term, e.Leader)
}

// StateError refuses to start a group whose durable state contradicts itself or the one who starts it.
// Starting it again would not help.
type StateError struct {
	Group   wal.GroupID
	Problem string
}

func (e *StateError) Error() string {
	return fmt.Sprintf("state of raft group %d in the write-ahead log is contradictory: %s", e.Group, e.Problem)
}
