package group

import "testing"

// A group of one gets no ticks, since nobody could do anything in the meantime; the first steps to more
// members are taken in ticks.
func TestALonelyLeaderWakesUpForOthersToCome(t *testing.T) {
	s := newSingle(t, &verbatim{})
	if s.awake {
		t.Fatal("a group of one wants ticks")
	}
	s.Want(Want{Voters: []uint64{1}})
	for range 3 {
		s.Tick()
		s.run()
	}
	if s.awake {
		t.Fatal("a group that has the members that it should have wants ticks")
	}
	s.Want(Want{Voters: []uint64{1, 2}})
	s.run()
	if !s.awake {
		t.Fatal("nothing will ever ask the second member to come")
	}
	for range 3 {
		s.Tick()
		s.run()
		s.storage(nil)
	}
	if got := s.members.learners; len(got) != 1 || got[0] != 2 {
		t.Fatalf("got learners %v, want 2", got)
	}
}
