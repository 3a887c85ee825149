package group

import (
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/chronik-go/chronik/storage/wal"
)

// The log of a new group begins after a synthetic checkpoint at this index and term, which carries the
// first voters. All first voters write the same one, so it stands for a common, empty prefix; and as the
// log does not begin at index 1, an empty replica that joins later can never be fed entries from the start
// without having been told the membership: it always gets a snapshot first.
const (
	bootstrapIndex = 1
	bootstrapTerm  = 1
)

// bootstrap returns the first update of a new group. It must be durable before anything else of the group.
func bootstrap(group wal.GroupID, voters []uint64) (wal.Update, error) {
	sorted := slices.Sorted(slices.Values(voters))
	if len(sorted) == 0 || sorted[0] == 0 || len(slices.Compact(slices.Clone(sorted))) != len(sorted) {
		return wal.Update{}, &StateError{group, fmt.Sprintf("voters %v are not distinct replica ids", voters)}
	}
	conf, err := marshalConf(&raftpb.ConfState{Voters: sorted})
	if err != nil {
		return wal.Update{}, err
	}
	return wal.Update{
		Group:      group,
		Hard:       &wal.HardState{Term: bootstrapTerm, Commit: bootstrapIndex},
		ConfState:  conf,
		Checkpoint: &wal.Checkpoint{Index: bootstrapIndex, Term: bootstrapTerm, ConfState: conf},
	}, nil
}

// bootstrapped returns what Load returns once the update of bootstrap is durable.
func bootstrapped(u wal.Update) wal.State {
	return wal.State{Group: u.Group, Hard: *u.Hard, ConfState: u.ConfState, Checkpoint: *u.Checkpoint}
}

// recovered checks the durable state of a group and turns it into what raft starts from. Nothing is ever
// repaired or reset here: a vote or a term that is forgotten may elect two leaders, and an entry that is
// dropped may have been acknowledged.
//
// The commit index is the one field that is raised. It may be older than the checkpoint, as it is written
// only along with something else (see storageAppend); that the machine holds everything up to the
// checkpoint proves that this much was committed.
//
// The replica need not be a member: one that was removed may be started once more before it is deleted. It
// has no vote and stands for nothing.
func recovered(s wal.State) (tail, wal.HardState, error) {
	hard := s.Hard
	hard.Commit = max(hard.Commit, s.Checkpoint.Index)
	if problem := contradiction(s, hard); problem != "" {
		return tail{}, hard, &StateError{s.Group, problem}
	}
	conf := new(raftpb.ConfState)
	if isNew(s) {
		return tail{conf: conf, hard: durable(&hard)}, hard, nil
	}
	if err := proto.Unmarshal(s.Checkpoint.ConfState, conf); err != nil {
		return tail{}, hard, &StateError{s.Group, "membership cannot be read: " + err.Error()}
	}
	if len(conf.GetVoters()) == 0 {
		return tail{}, hard, &StateError{s.Group, "membership has no voters"}
	}
	t := tail{
		prevIndex: s.Checkpoint.Index, prevTerm: s.Checkpoint.Term, conf: conf,
		hard: durable(&hard),
	}
	entries := make([]*raftpb.Entry, len(s.Entries))
	for i, e := range s.Entries {
		// Not &e.Term: a pointer into s.Entries would keep all of it in memory as long as one entry lives.
		entries[i] = &raftpb.Entry{
			Term: new(e.Term), Index: new(e.Index), Type: raftpb.EntryType(e.Type).Enum(), Data: e.Data,
		}
	}
	t.append(entries)
	return t, hard, nil
}

// isNew reports that a replica has joined a group and has not been told anything yet, but perhaps has seen
// its term.
func isNew(s wal.State) bool {
	return s.Checkpoint.Index == 0 && len(s.Checkpoint.ConfState) == 0 && len(s.Entries) == 0 &&
		len(s.ConfState) == 0 && s.Hard.Commit == 0
}

// durable returns the hard state as raft has it.
func durable(hard *wal.HardState) *raftpb.HardState {
	return &raftpb.HardState{Term: &hard.Term, Vote: &hard.Vote, Commit: &hard.Commit}
}

// contradiction names what cannot be in a state that this package has written, or returns "".
func contradiction(s wal.State, hard wal.HardState) string {
	c := s.Checkpoint
	if isNew(s) {
		return ""
	}
	if c.Index < bootstrapIndex || c.Term < bootstrapTerm || len(c.ConfState) == 0 {
		return fmt.Sprintf("there is no checkpoint with a membership (index %d, term %d)", c.Index, c.Term)
	}
	index, term := c.Index, c.Term
	for _, e := range s.Entries {
		if e.Index != index+1 || e.Term < term {
			return fmt.Sprintf("entry %d of term %d follows entry %d of term %d", e.Index, e.Term, index, term)
		}
		index, term = e.Index, e.Term
	}
	if hard.Term < term {
		return fmt.Sprintf("term is %d, but the last entry is of term %d", hard.Term, term)
	}
	if hard.Commit > index {
		return fmt.Sprintf("%d is committed, but the log ends at %d", hard.Commit, index)
	}
	return ""
}

// marshalConf returns the durable form of a membership: raftpb.ConfState, as raft's own snapshots have it.
func marshalConf(conf *raftpb.ConfState) ([]byte, error) {
	data, err := proto.Marshal(conf)
	if err != nil {
		return nil, fmt.Errorf("encode membership: %w", err)
	}
	return data, nil
}
