package consumers

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/modern"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
)

// scene is a core with its log.
type scene struct {
	t    *testing.T
	core *core
	now  time.Time
	next classic.Ticket
	log  State
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, now: time.Unix(1000, 0)}
	s.core = newTestCore(t, s.now)
	rules := *settings
	rules.Modern = modern.Settings{
		Session: 45 * time.Second, Heartbeat: 5 * time.Second, MaxSize: 10, ClassicMaxSize: 10,
		Assignors: []string{"uniform"}, Migration: modern.Migration{Upgrade: true, Downgrade: true},
		NewID: func() string { return "1" },
	}
	rules.Image = image.New
	s.core.settings = &rules
	return s
}

func (s *scene) ask(body any) classic.Ticket {
	s.next++
	s.core.ask(s.now, classic.Client{ID: "c"}, body, s.next)
	return s.next
}

func heartbeatOf(id string, epoch int32) *kmsg.ConsumerGroupHeartbeatRequest {
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Version, r.Group, r.MemberID, r.MemberEpoch = 1, "g", id, epoch
	if epoch == 0 {
		r.SubscribedTopicNames, r.RebalanceTimeoutMillis = []string{"orders"}, 60_000
		r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	return r
}

func joinOf(id string) *kmsg.JoinGroupRequest {
	subscription := kmsg.NewConsumerMemberMetadata()
	subscription.Topics = []string{"orders"}
	join := kmsg.NewPtrJoinGroupRequest()
	join.Version, join.ProtocolType, join.MemberID = 3, classic.ConsumerType, id
	join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = 10_000, 60_000
	one := kmsg.NewJoinGroupRequestProtocol()
	one.Name, one.Metadata = "range", subscription.AppendTo(nil)
	join.Protocols = append(join.Protocols, one)
	return join
}

// commit lets all writes be committed, or refuses them with a code, and returns the answers by ticket.
func (s *scene) commit(code protocol.Code) map[classic.Ticket]answer {
	s.t.Helper()
	found := map[classic.Ticket]answer{}
	for {
		answers, writes := s.core.take()
		for _, one := range answers {
			if _, twice := found[one.ticket]; twice {
				s.t.Fatalf("got two answers to request %d", one.ticket)
			}
			found[one.ticket] = one
		}
		if len(writes) == 0 {
			return found
		}
		for _, one := range writes {
			if code == protocol.None {
				s.keep(one)
			}
			s.core.written(s.now, Written{Token: one.token, Code: code})
		}
	}
}

// keep takes records over into the log.
func (s *scene) keep(w write) {
	for _, record := range w.records {
		switch key := records.Key(record.Key).(type) {
		case records.GroupKey:
			s.log.Record = record.Value
		case records.ModernKey:
			if record.Value == nil {
				delete(s.log.Modern, key)
				continue
			}
			if s.log.Modern == nil {
				s.log.Modern = map[records.ModernKey][]byte{}
			}
			s.log.Modern[key] = record.Value
		}
	}
}

// reload builds the core anew from the log.
func (s *scene) reload() {
	s.t.Helper()
	core, err := newCore("g", s.core.settings, s.log, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	s.core = core
}

func (s *scene) mustBe(kind, state string) {
	s.t.Helper()
	if got := s.core.summary(); got.Type != kind || got.State != state {
		s.t.Fatalf("got a %s group in %s, want a %s one in %s", got.Type, got.State, kind, state)
	}
}

func (s *scene) mustHeartbeat(got answer, want protocol.Code) *kmsg.ConsumerGroupHeartbeatResponse {
	s.t.Helper()
	if got.code != protocol.None {
		s.t.Fatalf("got %s, want an answer of the group", got.code)
	}
	response := got.result.(*kmsg.ConsumerGroupHeartbeatResponse)
	if code := protocol.Code(response.ErrorCode); code != want {
		s.t.Fatalf("got %s, want %s", code, want)
	}
	return response
}

// Heartbeats that come while a write is under way wait for it, and then go to the log together.
func TestHeartbeatsAreAnsweredWhenTheyAreCommitted(t *testing.T) {
	s := newScene(t)
	s.ask(heartbeatOf("m1", 0))
	s.ask(heartbeatOf("m2", 0))
	s.ask(heartbeatOf("m3", 0))
	answers, writes := s.core.take()
	if len(answers) != 0 || len(writes) != 1 {
		t.Fatalf("got %d answers and %d writes, want the first heartbeat on its way", len(answers), len(writes))
	}
	s.keep(writes[0])
	s.core.written(s.now, Written{Token: writes[0].token, Code: protocol.None})
	answers, writes = s.core.take()
	if len(answers) != 1 || answers[0].ticket != 1 || len(writes) != 1 {
		t.Fatalf("got %d answers and %d writes, want one answer and the others on their way", len(answers), len(writes))
	}
	s.keep(writes[0])
	s.core.written(s.now, Written{Token: writes[0].token, Code: protocol.None})
	if got := s.commit(protocol.None); len(got) != 2 {
		t.Fatalf("got %d answers, want two", len(got))
	}
	s.mustBe("consumer", "Reconciling")
	s.reload()
	s.mustBe("consumer", "Reconciling")
}

func TestHeartbeatThatIsNotCommittedHasNotHappened(t *testing.T) {
	for code, want := range map[protocol.Code]protocol.Code{
		protocol.CoordinatorNotAvailable: protocol.CoordinatorNotAvailable,
		protocol.MessageTooLarge:         protocol.UnknownServerError,
	} {
		s := newScene(t)
		s.ask(heartbeatOf("m1", 0))
		second := s.ask(heartbeatOf("m1", 1))
		_, writes := s.core.take()
		s.core.written(s.now, Written{Token: writes[0].token, Code: code})
		got := s.commit(protocol.None)
		if got[1].code != want {
			t.Errorf("got %s after %s, want %s", got[1].code, code, want)
		}
		s.mustHeartbeat(got[second], protocol.GroupIDNotFound)
		s.mustBe("classic", "Empty")
		if !s.core.vacant() {
			t.Error("got a group that stays, want none")
		}
	}
}

// A classic group is upgraded by the first member of the newer protocol, and is a classic one again when the
// last of these leaves.
func TestGroupTurnsFromOneProtocolToTheOtherAndBack(t *testing.T) {
	s := newScene(t)
	first := s.ask(joinOf(""))
	got := s.commit(protocol.None)
	joined := got[first].result.(*kmsg.JoinGroupResponse)
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.MemberID, sync.Generation = joined.MemberID, joined.Generation
	s.ask(sync)
	s.commit(protocol.None)
	s.mustBe("classic", "Stable")

	refused := heartbeatOf("m1", 0)
	expression := "a("
	refused.SubscribedTopicRegex = &expression
	one := s.ask(refused)
	s.core.matched(s.now, expression, nil, protocol.Errorf(protocol.InvalidRegularExpression, "it is none"))
	s.mustHeartbeat(s.commit(protocol.None)[one], protocol.InvalidRegularExpression)
	s.mustBe("classic", "Stable")
	one = s.ask(heartbeatOf("m1", 0))
	if got := s.commit(protocol.CoordinatorNotAvailable); got[one].code != protocol.CoordinatorNotAvailable {
		t.Fatalf("got %s, want COORDINATOR_NOT_AVAILABLE", got[one].code)
	}
	s.mustBe("classic", "Stable")

	one = s.ask(heartbeatOf("m1", 0))
	if got := s.mustHeartbeat(s.commit(protocol.None)[one], protocol.None); got.MemberEpoch != 2 {
		t.Fatalf("got epoch %d, want the one after the generation, 2", got.MemberEpoch)
	}
	s.mustBe("consumer", "Reconciling")
	if s.log.Record != nil {
		t.Fatal("got a record of the classic group that stays")
	}
	s.reload()
	beat := kmsg.NewPtrHeartbeatRequest()
	beat.MemberID, beat.Generation = joined.MemberID, joined.Generation
	one = s.ask(beat)
	if got := s.commit(protocol.None)[one].result.(*kmsg.HeartbeatResponse); got.ErrorCode != int16(protocol.RebalanceInProgress) {
		t.Fatalf("got %s, want REBALANCE_IN_PROGRESS", protocol.Code(got.ErrorCode))
	}

	one = s.ask(heartbeatOf("m1", -1))
	s.mustHeartbeat(s.commit(protocol.None)[one], protocol.None)
	s.mustBe("classic", "PreparingRebalance")
	if len(s.log.Modern) != 0 || s.log.Record == nil {
		t.Fatalf("got %d records of the newer protocol and %d bytes of the classic group", len(s.log.Modern), len(s.log.Record))
	}
	s.reload()
	s.mustBe("classic", "Stable")
	if s.core.classic.Size() != 1 {
		t.Errorf("got %d members, want one", s.core.classic.Size())
	}
}

// A group that nobody is in takes members of either protocol, and goes with all its records.
func TestEmptyGroupTakesEitherProtocol(t *testing.T) {
	s := newScene(t)
	s.ask(heartbeatOf("m1", 0))
	s.ask(heartbeatOf("m1", -1))
	s.commit(protocol.None)
	s.mustBe("consumer", "Empty")
	join, after := s.ask(joinOf("")), s.ask(heartbeatOf("m2", 7))
	got := s.commit(protocol.None)
	if response := got[join].result.(*kmsg.JoinGroupResponse); response.ErrorCode != 0 {
		t.Fatalf("got %s", protocol.Code(response.ErrorCode))
	}
	s.mustHeartbeat(got[after], protocol.GroupIDNotFound)
	s.mustBe("classic", "CompletingRebalance")
	if len(s.log.Modern) != 0 {
		t.Fatalf("got %d records of the newer protocol, want none", len(s.log.Modern))
	}

	s = newScene(t)
	s.ask(heartbeatOf("m1", 0))
	busy := s.ask(Delete{})
	s.ask(heartbeatOf("m1", -1))
	deleted, late := s.ask(Delete{}), s.ask(heartbeatOf("m1", 0))
	got = s.commit(protocol.None)
	if got[busy].code != protocol.NonEmptyGroup || got[deleted].code != protocol.None {
		t.Fatalf("got %s and %s for deletions", got[busy].code, got[deleted].code)
	}
	if got[late].code != protocol.CoordinatorNotAvailable {
		t.Errorf("got %s for a member that comes after, want COORDINATOR_NOT_AVAILABLE", got[late].code)
	}
	if len(s.log.Modern) != 0 || !s.core.vacant() {
		t.Errorf("got %d records, want a group that is gone", len(s.log.Modern))
	}
}

// Offsets are committed and read in the epoch of a member.
func TestOffsetsOfMembersOfTheNewerProtocol(t *testing.T) {
	s := newScene(t)
	s.ask(heartbeatOf("m1", 0))
	s.commit(protocol.None)
	id := "m1"
	for _, test := range []struct {
		version int16
		epoch   int32
		id      string
		want    protocol.Code
	}{
		{9, 1, "m1", protocol.None},
		{9, 2, "m1", protocol.StaleMemberEpoch},
		{8, 1, "m1", protocol.UnsupportedVersion},
		{9, 1, "m2", protocol.UnknownMemberID},
	} {
		commit := commitOf(7, "")
		commit.Version, commit.Generation, commit.MemberID = test.version, test.epoch, test.id
		one := s.ask(commit)
		got := s.commit(protocol.None)[one]
		if got.code != test.want {
			t.Errorf("got %s for %+v", got.code, test)
		}
	}
	one, stale := s.ask(Fetch{All: true, MemberID: &id, MemberEpoch: 1}), s.ask(Fetch{All: true, MemberID: &id, MemberEpoch: 0})
	got := s.commit(protocol.None)
	if found, _ := got[one].result.([]Fetched); len(found) != 1 || found[0].Offset.Offset != 7 {
		t.Errorf("got %+v, want offset 7", found)
	}
	if got[stale].code != protocol.StaleMemberEpoch {
		t.Errorf("got %s, want STALE_MEMBER_EPOCH", got[stale].code)
	}
	s.now = s.now.Add(48 * time.Hour)
	s.core.tick(s.now)
	s.commit(protocol.None)
	s.mustBe("consumer", "Empty")
	s.core.expire(s.now)
	s.commit(protocol.None)
	if !s.core.vacant() || len(s.log.Modern) != 0 {
		t.Errorf("got %d records, want the group gone with its last offset", len(s.log.Modern))
	}
}
