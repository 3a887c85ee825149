package consumers

import (
	"slices"
	"testing"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/protocol"
)

// search asks for a member that subscribes by an expression.
func (s *scene) search(id string, epoch int32, expression string) classic.Ticket {
	r := heartbeatOf(id, epoch)
	r.SubscribedTopicNames, r.SubscribedTopicRegex = nil, &expression
	return s.ask(r)
}

// mustTake checks which expressions the core wants to leave and to follow.
func (s *scene) mustTake(leaves, follows []string) {
	s.t.Helper()
	gotLeaves, gotFollows := s.core.searches.take()
	if !slices.Equal(gotLeaves, leaves) || !slices.Equal(gotFollows, follows) {
		s.t.Fatalf("got leaves %v and follows %v, want %v and %v", gotLeaves, gotFollows, leaves, follows)
	}
}

// regexOf returns what the log says that an expression matches.
func (s *scene) regexOf(expression string) []string {
	s.t.Helper()
	value, stored := s.log.Modern[records.ModernKey{Kind: records.RegexKind, Group: "g", Name: expression}]
	if !stored {
		return nil
	}
	found, err := records.ReadRegex(value)
	if err != nil {
		s.t.Fatal(err)
	}
	return found.Topics
}

// TestOnlyHeartbeatsWithANewExpressionWait has a member come whose expression nobody has looked at for
// long: all others are answered meanwhile.
func TestOnlyHeartbeatsWithANewExpressionWait(t *testing.T) {
	s := newScene(t)
	one := s.ask(heartbeatOf("m1", 0))
	s.mustHeartbeat(s.commit(protocol.None)[one], protocol.None)
	two := s.search("m2", 0, "o.*")
	three := s.search("m3", 0, "o.*")
	s.mustTake(nil, []string{"o.*"})
	four := s.ask(heartbeatOf("m4", 0))
	got := s.commit(protocol.None)
	s.mustHeartbeat(got[four], protocol.None)
	if len(got) != 1 || s.core.vacant() {
		t.Fatalf("got %d answers, want that of m4 alone", len(got))
	}
	s.core.matched(s.now, "o.*", []string{"orders"}, nil)
	got = s.commit(protocol.None)
	s.mustHeartbeat(got[two], protocol.None)
	s.mustHeartbeat(got[three], protocol.None)
	if got := s.regexOf("o.*"); !slices.Equal(got, []string{"orders"}) {
		t.Errorf("the log has %v, want orders", got)
	}
	// It is known from now on: nobody waits for it again.
	five := s.search("m5", 0, "o.*")
	s.mustHeartbeat(s.commit(protocol.None)[five], protocol.None)
	s.mustTake(nil, nil)
}

// TestANewGroupWaitsForItsFirstExpression: it is not taken for vacant meanwhile, and goes if there is no such
// expression.
func TestANewGroupWaitsForItsFirstExpression(t *testing.T) {
	s := newScene(t)
	one := s.search("m1", 0, "o(")
	if got := s.commit(protocol.None); len(got) != 0 || s.core.vacant() {
		t.Fatalf("got %d answers, vacant %t, want it to wait", len(got), s.core.vacant())
	}
	s.mustTake(nil, []string{"o("})
	s.core.matched(s.now, "o(", nil, protocol.Errorf(protocol.InvalidRegularExpression, "no"))
	s.mustHeartbeat(s.commit(protocol.None)[one], protocol.InvalidRegularExpression)
	s.mustTake(nil, nil)
	if !s.core.vacant() {
		t.Error("the group stays")
	}
}

// TestAChangedMatchBeginsAnEpoch without a heartbeat, also while something is being written.
func TestAChangedMatchBeginsAnEpoch(t *testing.T) {
	s := newScene(t)
	s.search("m1", 0, "o.*")
	s.core.matched(s.now, "o.*", []string{"orders"}, nil)
	s.commit(protocol.None)
	s.core.matched(s.now, "o.*", []string{"orders"}, nil)
	if answers, writes := s.core.take(); len(answers)+len(writes) > 0 {
		t.Fatal("got something to write although nothing has changed")
	}
	s.ask(heartbeatOf("m2", 0)) // which is written when the topics change
	s.core.matched(s.now, "o.*", []string{"orders", "others"}, nil)
	s.commit(protocol.None)
	if got := s.regexOf("o.*"); !slices.Equal(got, []string{"orders", "others"}) {
		t.Errorf("the log has %v, want both topics", got)
	}
	s.mustBe("consumer", "Assigning")
}

// TestExpressionsAreLeftThatNoMemberHas when others come.
func TestExpressionsAreLeftThatNoMemberHas(t *testing.T) {
	s := newScene(t)
	var before []string
	for _, expression := range []string{"a.*", "b.*", "c.*"} {
		s.search("m1", 0, expression)
		s.mustTake(nil, []string{expression})
		s.core.matched(s.now, expression, nil, nil)
		s.mustTake(before, nil)
		s.commit(protocol.None)
		before = []string{expression}
	}
}

// TestARestoredGroupFollowsItsExpressions and works by what the log says until it hears of them.
func TestARestoredGroupFollowsItsExpressions(t *testing.T) {
	s := newScene(t)
	s.search("m1", 0, "o.*")
	s.core.matched(s.now, "o.*", []string{"orders"}, nil)
	s.commit(protocol.None)
	s.reload()
	s.mustTake(nil, []string{"o.*"})
	one := s.search("m2", 0, "o.*")
	s.mustHeartbeat(s.commit(protocol.None)[one], protocol.None)
	if got := s.regexOf("o.*"); !slices.Equal(got, []string{"orders"}) {
		t.Errorf("the log has %v, want what it had", got)
	}
	s.core.searchAgain()
	s.mustTake(nil, []string{"o.*"})
	s.core.matched(s.now, "o.*", []string{"others"}, nil)
	s.commit(protocol.None)
	if got := s.regexOf("o.*"); !slices.Equal(got, []string{"others"}) {
		t.Errorf("the log has %v, want others", got)
	}
}

// TestAnUndoneBatchFollowsWhatItHadLeft: a member gets another expression, which is not committed.
func TestAnUndoneBatchFollowsWhatItHadLeft(t *testing.T) {
	s := newScene(t)
	s.search("m1", 0, "a.*")
	s.core.matched(s.now, "a.*", []string{"a1"}, nil)
	s.commit(protocol.None)
	s.core.searches.take()
	s.search("m1", 0, "b.*")
	s.core.matched(s.now, "b.*", nil, nil)
	s.mustTake([]string{"a.*"}, []string{"b.*"})
	s.commit(protocol.CoordinatorNotAvailable)
	s.mustTake(nil, []string{"a.*"})
	if got := s.regexOf("a.*"); !slices.Equal(got, []string{"a1"}) {
		t.Errorf("the log has %v, want a1", got)
	}
}
