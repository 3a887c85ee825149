package metadata

import (
	"errors"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/raftactor/group"
)

// Whoever waits for this actor hears of it when it goes: that the outcome is open of what was sent, that it
// was not begun of what was not.
func TestWhoWaitsIsAnsweredWhenTheActorGoes(t *testing.T) {
	s := joined(t)
	s.submit(1, 0)
	s.next()
	s.metadata.Tell(AllocateProducerID{ReplyTo: s.asker.Address, Token: 2})
	s.next()
	s.metadata.Tell(DescribeQuorum{ReplyTo: s.asker.Address, Token: 3})
	s.lead(false)
	s.submit(4, 0)
	s.asker.ExpectNone(t)
	stop(s)
	got := map[uint64]protocol.Code{}
	for _, message := range s.asker.All() {
		switch m := message.(type) {
		case Submitted:
			got[m.Token] = protocol.CodeOf(m.Err)
		case ProducerIDAllocated:
			got[m.Token] = protocol.CodeOf(m.Err)
		case QuorumDescribed:
			got[m.Token] = protocol.CodeOf(m.Err)
		default:
			t.Errorf("got %T", m)
		}
	}
	want := map[uint64]protocol.Code{
		1: protocol.RequestTimedOut, 2: protocol.CoordinatorLoadInProgress, 3: protocol.NotController,
		4: protocol.NotController,
	}
	for token, code := range want {
		if got[token] != code {
			t.Errorf("question %d: got %v, want %v", token, got[token], code)
		}
	}
	s.asker.ExpectNone(t)
}

// stop ends the actor as its supervisor does.
func stop(s *stage) {
	s.t.Helper()
	s.system.Stop(s.metadata)
	if got := kittest.Expect[kit.Terminated](s.t, s.parent, time.Second); !got.Who.Equal(s.metadata) {
		s.t.Fatalf("got %+v", got)
	}
}

func TestOnlyTheAskerOfTheFailedMessageIsLeftOut(t *testing.T) {
	s := newStage(t)
	failed := Submit{ReplyTo: s.asker.Address, Token: 5}
	for _, one := range []struct {
		replyTo kit.Address
		token   uint64
		want    bool
	}{{s.asker.Address, 5, true}, {s.asker.Address, 6, false}, {s.core.Address, 5, false}} {
		if got := isAnswered(failed, one.replyTo, one.token); got != one.want {
			t.Errorf("got %v for %v of %v", got, one.token, one.replyTo)
		}
	}
	if isAnswered(nil, s.asker.Address, 5) || isAnswered(tick{}, s.asker.Address, 5) {
		t.Error("got somebody left out of a life without failure")
	}
}

// An actor that was rebuilt knows that nothing is missing: its group, which has gone on, does not tell it again.
func TestRebuiltActorHasCaughtUp(t *testing.T) {
	s := newStage(t)
	s.metadata.Tell(group.CaughtUp{Group: image.MetadataGroup})
	stop(s)
	spec, err := Spec(s.options)
	if err != nil {
		t.Fatal(err)
	}
	s.metadata = s.parent.Spawn(t, "metadata", spec)
	s.metadata.Tell(Subscribe{Who: s.asker.Address})
	if got := kittest.Expect[ImageChanged](t, s.asker, time.Second); !got.First || !got.CaughtUp {
		t.Errorf("got %+v, want that nothing is missing", got)
	}
}

// A group tells once that nothing is missing. When that finds the actor between two lives, the next one asks.
func TestWhatTheGroupToldBetweenTwoLivesIsAskedFor(t *testing.T) {
	s := newStage(t)
	s.metadata.Tell(Subscribe{Who: s.asker.Address})
	kittest.Expect[ImageChanged](t, s.asker, time.Second)
	s.metadata.Tell(raftactor.Started{Group: image.MetadataGroup, Err: raftactor.ErrExists})
	kittest.Expect[raftactor.Describe](t, s.raft, time.Second)
	described := raftactor.GroupStatus{Group: image.MetadataGroup}
	described.CaughtUp = true
	s.metadata.Tell(raftactor.Described{Groups: []raftactor.GroupStatus{described}})
	if got := kittest.Expect[ImageChanged](t, s.asker, time.Second); !got.CaughtUp {
		t.Errorf("got %+v, want that nothing is missing", got)
	}
	gone := errors.New("the replica fails again and again")
	described.State, described.Err = raftactor.GivenUp, gone
	s.metadata.Tell(raftactor.Described{Groups: []raftactor.GroupStatus{described}})
	if got := kittest.Expect[raftactor.Offline](t, s.parent, time.Second); !errors.Is(got.Err, gone) {
		t.Errorf("got %+v, want that the group is offline", got)
	}
}
