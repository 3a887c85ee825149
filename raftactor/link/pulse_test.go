package link

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit/kittest"
)

// silence is a session whose clock the test holds.
type silence struct {
	watch
	now   time.Duration
	ended error
}

func newSilence(limit time.Duration) *silence {
	s := &silence{}
	born := time.Unix(0, 0)
	var cancel context.CancelCauseFunc = func(err error) { s.ended = err }
	s.watch = watch{limit: limit, session: &session{
		cancel: cancel, born: born, now: func() time.Time { return born.Add(s.now) },
	}}
	return s
}

// TestSilentPeerIsFoundAtTheLimit: the last ping came a moment after a beat.
func TestSilentPeerIsFoundAtTheLimit(t *testing.T) {
	s := newSilence(500 * time.Millisecond)
	s.now = time.Millisecond
	s.heard(s.now)
	for beat := 1; beat < 5; beat++ {
		s.now = time.Duration(beat) * pingEvery
		s.look()
		if s.ended != nil {
			t.Fatalf("after %v: %v", s.now, s.ended)
		}
	}
	s.now = 5 * pingEvery
	s.look()
	if !errors.Is(s.ended, errSilent) {
		t.Fatalf("after %v: got %v, want %v", s.now, s.ended, errSilent)
	}
}

// TestFrozenProcessHearsItsPeersFirst: a minute has passed for a process that was stopped. What its peers have sent
// meanwhile is still to be read.
func TestFrozenProcessHearsItsPeersFirst(t *testing.T) {
	s := newSilence(500 * time.Millisecond)
	s.now = time.Minute
	s.look()
	s.look() // the beat after may come at once
	if s.ended != nil {
		t.Fatalf("at the second look: %v", s.ended)
	}
	s.heard(s.now)
	s.look()
	if s.ended != nil {
		t.Fatalf("after a sign of life: %v", s.ended)
	}
}

// TestPulseLivesWhileSessionsDo: all are called, and the last one to leave ends it.
func TestPulseLivesWhileSessionsDo(t *testing.T) {
	defer kittest.NoLeaks(t)
	var p pulse
	for range 2 { // it can begin again
		var leaves []func()
		for range 3 {
			ping, leave, err := p.join(&newSilence(time.Hour).watch)
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, leave)
			<-ping
			<-ping
		}
		for _, leave := range leaves {
			leave()
		}
		if p.end != nil || len(p.members) > 0 {
			t.Fatal("the pulse goes on without sessions")
		}
	}
}
