package metadata

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/vfs"
)

// stage is a metadata actor whose group is played by the test.
type stage struct {
	t        *testing.T
	system   *kit.System
	options  Options
	clock    *kittest.Clock
	parent   *kittest.Probe
	raft     *kittest.Probe
	core     *kittest.Probe // gets what is told to the group
	asker    *kittest.Probe
	machine  *Machine
	metadata kit.Address
	current  *Current
}

// relay passes what it is told on to a probe.
type relay struct{ to kit.Address }

func (r relay) Receive(c *kit.Context) {
	if m, is := c.Message().(group.Propose); is {
		r.to.Tell(m)
	}
}

func newStage(t *testing.T) *stage {
	t.Helper()
	system, clock := kittest.NewInline(t)
	s := &stage{t: t, system: system, clock: clock, current: NewCurrent()}
	s.parent = kittest.NewProbe(system, "broker")
	s.raft = kittest.NewProbe(system, "raft")
	s.core = kittest.NewProbe(system, "core")
	s.asker = kittest.NewProbe(system, "asker")
	s.raft.Spawn(t, "group-meta", kit.Spec{New: func() kit.Actor { return relay{s.core.Address} }})
	s.options = Options{
		NodeID: 1, Directory: [16]byte{7}, Endpoints: []image.Endpoint{{Listener: "PLAINTEXT", Host: "h", Port: 1}},
		FS: vfs.NewMem(), Dir: "data/metadata", Raft: s.raft.Address, Current: s.current,
		Random: rand.NewChaCha8([32]byte{1}), Log: zerolog.Nop(),
	}
	spec, err := Spec(s.options)
	if err != nil {
		t.Fatal(err)
	}
	s.metadata = s.parent.Spawn(t, "metadata", spec)
	start := kittest.Expect[raftactor.Start](t, s.raft, time.Second)
	machine, err := start.Open(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	s.machine = machine.(*Machine)
	return s
}

// lead tells the actor that its replica leads, or does not.
func (s *stage) lead(ready bool) {
	leader := uint64(0)
	if ready {
		leader = uint64(image.NewReplicaID(1, 1))
	}
	s.metadata.Tell(group.LeaderChanged{Group: image.MetadataGroup, Leader: leader, Term: 1, Ready: ready})
}

// next returns the next proposal.
func (s *stage) next() group.Propose {
	s.t.Helper()
	return kittest.Expect[group.Propose](s.t, s.core, time.Second)
}

// commit does what a group does with a proposal.
func (s *stage) commit(p group.Propose) {
	s.t.Helper()
	prepared := s.machine.Lead(1).Prepare(p.Request)
	if prepared.Err != nil {
		p.ReplyTo.Tell(group.Proposed{Token: p.Token, Err: prepared.Err})
		return
	}
	results, err := s.machine.Apply(script(s.t, s.machine, p.Request))
	if err != nil {
		s.t.Fatal(err)
	}
	p.ReplyTo.Tell(group.Proposed{Token: p.Token, Result: results[0]})
}

// joined brings the actor to where the broker is registered.
func joined(t *testing.T) *stage {
	s := newStage(t)
	s.lead(true)
	s.commit(s.next()) // FormCluster
	s.commit(s.next()) // RegisterBroker
	return s
}

func (s *stage) submit(token uint64, timeout time.Duration) {
	s.metadata.Tell(Submit{Request: newTopic("a"), Timeout: timeout, ReplyTo: s.asker.Address, Token: token})
}

func (s *stage) answer() Submitted {
	s.t.Helper()
	return kittest.Expect[Submitted](s.t, s.asker, time.Second)
}

func TestJoiningTakesTwoSteps(t *testing.T) {
	s := newStage(t)
	s.core.ExpectNone(t)
	s.lead(true)
	form := s.next()
	if _, is := form.Request.(controller.FormCluster); !is {
		t.Fatalf("got %T first", form.Request)
	}
	s.core.ExpectNone(t)
	s.commit(form)
	if r, is := s.next().Request.(controller.RegisterBroker); !is || r.ID != 1 || r.Endpoints[0].Host != "h" {
		t.Fatalf("got %+v second", r)
	}
}

func TestFailedStepIsTriedAgainAfterAPause(t *testing.T) {
	s := newStage(t)
	s.lead(true)
	p := s.next()
	p.ReplyTo.Tell(group.Proposed{Token: p.Token, Err: group.ErrBusy})
	s.core.ExpectNone(t)
	s.clock.Advance(rejoinMax)
	if _, is := s.next().Request.(controller.FormCluster); !is {
		t.Error("forming the cluster was not tried again")
	}
}

func TestAddressAnnouncedWhileRegisteringIsRegisteredToo(t *testing.T) {
	s := newStage(t)
	s.lead(true)
	s.commit(s.next())
	registering := s.next()
	s.metadata.Tell(Announce{Endpoints: []image.Endpoint{{Listener: "PLAINTEXT", Host: "moved", Port: 2}}})
	s.core.ExpectNone(t)
	s.commit(registering)
	s.commit(s.next())
	if at, _ := s.current.Image().Broker(1).Endpoint("PLAINTEXT"); at.Host != "moved" {
		t.Errorf("registered at %+v", at)
	}
	s.core.ExpectNone(t)
}

func TestChangesForOthersWaitForABroker(t *testing.T) {
	s := newStage(t)
	s.submit(1, 0)
	s.lead(true)
	s.commit(s.next())
	s.commit(s.next())
	s.commit(s.next())
	if answer := s.answer(); answer.Token != 1 || answer.Err != nil {
		t.Errorf("got %+v", answer)
	}
}

func TestChangeThatWasNotBegunIsTriedAgain(t *testing.T) {
	s := joined(t)
	s.submit(1, time.Second)
	p := s.next()
	p.ReplyTo.Tell(group.Proposed{Token: p.Token, Err: group.ErrNotLeader{}})
	s.core.ExpectNone(t)
	s.clock.Advance(retryAfter)
	s.commit(s.next())
	if answer := s.answer(); answer.Err != nil {
		t.Errorf("got %v", answer.Err)
	}
}

func TestChangeWaitsForALeader(t *testing.T) {
	s := joined(t)
	s.lead(false)
	if s.current.Controller() != NoController {
		t.Errorf("controller %d without a leader", s.current.Controller())
	}
	s.submit(1, time.Second)
	s.core.ExpectNone(t)
	s.lead(true)
	s.commit(s.next())
	if answer := s.answer(); answer.Err != nil {
		t.Errorf("got %v", answer.Err)
	}
}

func TestOpenOutcomeIsNotTriedAgain(t *testing.T) {
	s := joined(t)
	s.submit(1, time.Second)
	p := s.next()
	p.ReplyTo.Tell(group.Proposed{Token: p.Token, Err: group.ErrLostLeadership})
	if answer := s.answer(); protocol.CodeOf(answer.Err) != protocol.RequestTimedOut {
		t.Errorf("got %v", answer.Err)
	}
	s.clock.Advance(time.Second)
	s.core.ExpectNone(t)
}

func TestDeadlineAnswersOnce(t *testing.T) {
	s := joined(t)
	s.submit(1, time.Second)
	s.submit(2, 2*time.Second)
	late := s.next()
	s.clock.Advance(time.Second)
	if answer := s.answer(); answer.Token != 1 || protocol.CodeOf(answer.Err) != protocol.RequestTimedOut {
		t.Errorf("got %+v", answer)
	}
	s.commit(late)
	s.asker.ExpectNone(t)
	s.clock.Advance(time.Second)
	if answer := s.answer(); answer.Token != 2 {
		t.Errorf("got %+v", answer)
	}
	s.clock.Advance(time.Hour)
	s.asker.ExpectNone(t)
}

func TestQueuedChangeOfThePastIsNotSent(t *testing.T) {
	s := joined(t)
	s.lead(false)
	s.submit(1, time.Second)
	s.clock.Advance(2 * time.Second)
	s.answer()
	s.lead(true)
	s.core.ExpectNone(t)
}

func TestChangesUnderWayAreBounded(t *testing.T) {
	s := joined(t)
	s.lead(false)
	for token := range uint64(maxProposals + 1) {
		s.submit(token, time.Minute)
	}
	answer := s.answer()
	if answer.Token != maxProposals || protocol.CodeOf(answer.Err) != protocol.RequestTimedOut {
		t.Errorf("got %+v", answer)
	}
	s.asker.ExpectNone(t)
}

func TestProducerIDsAreRefusedWhenNoBlockComes(t *testing.T) {
	s := joined(t)
	for token := range uint64(3) {
		s.metadata.Tell(AllocateProducerID{ReplyTo: s.asker.Address, Token: token})
	}
	p := s.next()
	s.core.ExpectNone(t) // one block is asked for, whoever waits
	p.ReplyTo.Tell(group.Proposed{Token: p.Token, Err: group.ErrLostLeadership})
	for range 3 {
		answer := kittest.Expect[ProducerIDAllocated](t, s.asker, time.Second)
		if protocol.CodeOf(answer.Err) != protocol.CoordinatorLoadInProgress {
			t.Errorf("got %v", answer.Err)
		}
	}
	s.metadata.Tell(AllocateProducerID{ReplyTo: s.asker.Address})
	s.commit(s.next())
	if answer := kittest.Expect[ProducerIDAllocated](t, s.asker, time.Second); answer.Err != nil ||
		answer.ID != 0 {
		t.Errorf("got %+v", answer)
	}
}

func TestWaitersForProducerIDsAreBounded(t *testing.T) {
	s := joined(t)
	for token := range uint64(maxWaitingForIDs + 1) {
		s.metadata.Tell(AllocateProducerID{ReplyTo: s.asker.Address, Token: token})
	}
	answer := kittest.Expect[ProducerIDAllocated](t, s.asker, time.Second)
	if answer.Token != maxWaitingForIDs || answer.Err == nil {
		t.Errorf("got %+v", answer)
	}
}

func TestFailedLogIsToldToTheParent(t *testing.T) {
	s := joined(t)
	s.metadata.Tell(raftactor.Offline{Group: image.MetadataGroup})
	kittest.Expect[raftactor.Offline](t, s.parent, time.Second)
	s.submit(1, time.Second)
	s.core.ExpectNone(t)
}

func TestSubscriberThatStopsIsForgotten(t *testing.T) {
	s := joined(t)
	subscriber := s.parent.Spawn(t, "subscriber", kit.Spec{New: func() kit.Actor { return relay{} }})
	s.metadata.Tell(Subscribe{Who: subscriber})
	s.metadata.Tell(kit.Terminated{Who: subscriber})
	s.submit(1, time.Second)
	s.commit(s.next())
	if answer := s.answer(); answer.Err != nil {
		t.Errorf("got %v", answer.Err)
	}
}

func TestRejectedCommandIsAnError(t *testing.T) {
	s := joined(t)
	s.submit(1, time.Second)
	p := s.next()
	p.ReplyTo.Tell(group.Proposed{Token: p.Token, Result: image.Rejected{Err: image.ErrConflict}})
	if answer := s.answer(); protocol.CodeOf(answer.Err) != protocol.UnknownServerError || answer.Event != nil {
		t.Errorf("got %+v", answer)
	}
}
