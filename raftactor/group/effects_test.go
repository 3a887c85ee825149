package group

import (
	"errors"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
)

// TestACallWhileEffectsAreDoneIsForTheNextOnes: to carry effects out may need calls of the core.
func TestACallWhileEffectsAreDoneIsForTheNextOnes(t *testing.T) {
	core := newFollower(t).core
	m := offer(1, 2, 50)
	m.To = new(uint64(3))
	core.Step(m)
	if first := core.Effects(); len(first.CatchUps) != 1 {
		t.Fatalf("got %+v, want a fetch", first)
	}
	core.CatchUpFailed()
	core.Done()
	second := core.Effects()
	if second == nil || len(second.Send) != 1 || second.Send[0].GetType() != raftpb.MsgSnapStatus {
		t.Fatalf("got %+v, want the leader to be told that the fetch has failed", second)
	}
	core.Done()
	if third := core.Effects(); third != nil {
		t.Fatalf("got %+v, want nothing more to do", third)
	}
}

// TestEffectsThatAreNotDoneAreAbandoned: whoever carries them out takes out of them what he has told.
func TestEffectsThatAreNotDoneAreAbandoned(t *testing.T) {
	s := newSingle(t, &verbatim{})
	s.Propose([]Propose{{Request: []byte("applied"), Token: 1}})
	for _, a := range s.Effects().Appends {
		s.Done()
		s.Appended(a.Token)
	}
	s.preparer = nil
	s.Propose([]Propose{{Request: []byte("refused"), Token: 2}})
	e := s.Effects()
	if len(e.Applies) != 1 || len(e.Answers) != 1 {
		t.Fatalf("got %+v, want an Apply and an answer", e)
	}
	s.Propose([]Propose{{Request: []byte("refused"), Token: 3}})
	told := map[uint64]error{}
	answers, _ := s.Abandon(errors.New("the end"))
	for _, a := range answers {
		told[a.Proposed.Token] = a.Proposed.Err
	}
	if len(answers) != 3 || !errors.Is(told[1], ErrLostLeadership) || told[2] == nil || told[3] == nil {
		t.Fatalf("got answers %v, want one for each proposal", told)
	}
}
