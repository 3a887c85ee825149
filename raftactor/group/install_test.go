package group

import (
	"errors"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/storage/wal"
)

// newFollower is replica 3 of three, which stands for no election, with replica 1 as the leader of term 2.
func newFollower(t *testing.T) *replica {
	t.Helper()
	r := &replica{id: 3, leaders: map[uint64]uint64{}, resigned: true}
	if err := r.boot([]uint64{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	r.hear(&raftpb.Message{Type: raftpb.MsgHeartbeat.Enum(), From: new(uint64(1)), Term: new(uint64(2))})
	r.storage()
	if r.core.leader != 1 || r.core.term != 2 {
		t.Fatalf("got leader %d of term %d, want 1 of 2", r.core.leader, r.core.term)
	}
	r.outbox = nil
	return r
}

func (r *replica) hear(m *raftpb.Message) {
	m.To = new(r.id)
	r.core.Step(m)
	r.run()
}

// offer is that of a leader whose state ends at an index of its own term.
func offer(leader, term, index uint64) *raftpb.Message {
	return &raftpb.Message{
		Type: raftpb.MsgSnap.Enum(), From: &leader, Term: &term,
		Snapshot: &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
			Index: &index, Term: &term,
			ConfState: raftpb.EnsureConfState(&raftpb.ConfState{Voters: []uint64{1, 2, 3}}),
		}},
	}
}

// install ends the fetch under way with a state.
func (r *replica) install(t *testing.T, index, term uint64) {
	t.Helper()
	conf, err := marshalConf(&raftpb.ConfState{Voters: []uint64{1, 2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.fetches) != 1 {
		t.Fatalf("got %d fetches, want one", len(r.fetches))
	}
	r.fetches = nil
	r.core.Installed(Installed{Index: index, Term: term, ConfState: conf})
	r.run()
}

// restartWith boots the replica again, and returns the checkpoint that it finds.
func (r *replica) restartWith(t *testing.T) wal.Checkpoint {
	t.Helper()
	r.die(errors.New("power loss"))
	if err := r.boot(nil); err != nil {
		t.Fatalf("boot: %v", err)
	}
	return r.disk.state.Checkpoint
}

// TestAStateOfATermToComeWaitsForItsLeader: the replica that a state is fetched from may have followed another
// leader meanwhile. Section 5.1 of the Raft paper: a term that is seen is the current one, so no entry of the
// log is of a newer term than the one that is durable, and nothing is acknowledged to a leader that is deposed.
func TestAStateOfATermToComeWaitsForItsLeader(t *testing.T) {
	r := newFollower(t)
	r.hear(offer(1, 2, 50))
	r.install(t, 60, 3)
	r.storage()
	for _, m := range r.outbox {
		if m.GetIndex() == 60 {
			t.Errorf("got %s, want nothing of the state acknowledged to the leader of term 2", describeMessage(m))
		}
	}
	if found := r.restartWith(t); found.Index != bootstrapIndex {
		t.Fatalf("got a checkpoint at %d, want that of the start", found.Index)
	}
	r.hear(offer(2, 3, 60))
	r.install(t, 60, 3)
	r.storage()
	if found := r.restartWith(t); found.Index != 60 || found.Term != 3 {
		t.Fatalf("got a checkpoint at %d of term %d, want the state of the leader of term 3", found.Index, found.Term)
	}
}

// TestAStateIsGivenToNobodysFollower: what the replica was told before the state may have ended a leadership.
func TestAStateIsGivenToNobodysFollower(t *testing.T) {
	r := newFollower(t)
	r.hear(offer(1, 2, 50))
	r.core.Step(&raftpb.Message{
		Type: raftpb.MsgVote.Enum(), From: new(uint64(2)), To: new(uint64(3)), Term: new(uint64(3)),
		Index: new(uint64(1)), LogTerm: new(uint64(1)), Context: []byte("CampaignTransfer"),
	})
	r.install(t, 60, 2)
	r.storage()
	for _, m := range r.outbox {
		if m.GetTo() == 0 || m.GetIndex() == 60 {
			t.Errorf("got %s, want the state to wait for the next leader", describeMessage(m))
		}
	}
	if found := r.restartWith(t); found.Index != bootstrapIndex {
		t.Fatalf("got a checkpoint at %d, want that of the start", found.Index)
	}
}

// TestAnOfferOfWhatIsThereIsAnsweredAtOnce: the leader waits for it.
func TestAnOfferOfWhatIsThereIsAnsweredAtOnce(t *testing.T) {
	r := newFollower(t)
	r.hear(offer(1, 2, bootstrapIndex))
	for _, m := range r.outbox {
		if m.GetType() == raftpb.MsgAppResp && m.GetIndex() == bootstrapIndex {
			return
		}
	}
	t.Fatalf("got %v, want the offer to be answered", r.outbox)
}
