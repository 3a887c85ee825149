package call_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
)

// question is what tasks ask here.
type question struct {
	replyTo kit.Address
	token   uint64
}

// task asks as many questions as it is told, and one more for each of the first `more` replies.
type task struct {
	to       kit.Address
	ask      int
	more     int
	deadline time.Duration
	tokens   []uint64
	replies  []any
	fails    bool
}

func (s *task) Start(q *call.Questions) {
	if s.fails {
		panic("a task fails")
	}
	for range s.ask {
		s.question(q)
	}
}

func (s *task) question(q *call.Questions) {
	s.tokens = append(s.tokens, q.Ask(s.to, func(replyTo kit.Address, token uint64) any {
		return question{replyTo, token}
	}))
}

func (s *task) Answer(q *call.Questions, reply any) {
	s.replies = append(s.replies, reply)
	if len(s.replies) <= s.more {
		s.question(q)
	}
}

func (s *task) Response() kmsg.Response {
	response := kmsg.NewPtrAlterConfigsResponse()
	response.ThrottleMillis = int32(len(s.replies))
	return response
}

func (s *task) Deadline() time.Duration { return s.deadline }

// stage has a connection, somebody to ask, and the actor of a task.
type stage struct {
	clock       *kittest.Clock
	conn, other *kittest.Probe
	actor       kit.Address
}

func start(t *testing.T, s *task) *stage {
	t.Helper()
	system, clock := kittest.NewInline(t)
	st := &stage{clock: clock, conn: kittest.NewProbe(system, "conn"), other: kittest.NewProbe(system, "other")}
	s.to = st.other.Address
	st.actor = st.conn.Spawn(t, "call-1", call.Spec(s, st.conn.Address, 5, kittest.NoLog))
	st.conn.Watch(st.actor)
	return st
}

// answered checks that the connection got one answer, made from so many replies, and that the actor is gone.
func (s *stage) answered(t *testing.T, replies int32) {
	t.Helper()
	done, gone := 0, false
	for _, message := range s.conn.All() {
		switch m := message.(type) {
		case request.Done:
			done++
			if m.Slot != 5 || m.Body.(*kmsg.AlterConfigsResponse).ThrottleMillis != replies {
				t.Errorf("got slot %d with %+v, want %d replies", m.Slot, m.Body, replies)
			}
		case kit.Terminated:
			gone = true
		}
	}
	if done != 1 || !gone {
		t.Errorf("%d answers, actor gone: %v", done, gone)
	}
}

func TestAnswerComesWithTheLastReply(t *testing.T) {
	s := start(t, &task{ask: 2, more: 1, deadline: time.Second})
	for i := range 3 {
		q := kittest.Expect[question](t, s.other, time.Second)
		if q.token != uint64(i+1) {
			t.Errorf("token %d, want %d", q.token, i+1)
		}
		if i < 2 {
			s.conn.ExpectNone(t)
		}
		q.replyTo.Tell(q.token)
	}
	s.answered(t, 3)
}

func TestTaskWithoutQuestionsAnswersAtOnce(t *testing.T) {
	start(t, &task{deadline: time.Hour}).answered(t, 0)
}

func TestTaskWithoutTimeAnswersAtOnceAndAsksAllTheSame(t *testing.T) {
	s := start(t, &task{ask: 1})
	s.answered(t, 0)
	kittest.Expect[question](t, s.other, time.Second)
}

func TestDeadlineAnswersWithWhatThereIs(t *testing.T) {
	s := start(t, &task{ask: 2, deadline: time.Second})
	q := kittest.Expect[question](t, s.other, time.Second)
	q.replyTo.Tell("one")
	s.clock.Advance(time.Second - 1)
	s.conn.ExpectNone(t)
	s.clock.Advance(1)
	s.answered(t, 1)
	q.replyTo.Tell("late")
	s.conn.ExpectNone(t)
}

func TestLastReplyStopsTheClock(t *testing.T) {
	s := start(t, &task{ask: 1, deadline: time.Second})
	kittest.Expect[question](t, s.other, time.Second).replyTo.Tell("one")
	s.answered(t, 1)
	if due, any := s.clock.Next(); any {
		t.Errorf("a timer is still set for %v", due)
	}
}

func TestFailedTaskIsTheConnectionsToAnswer(t *testing.T) {
	s := start(t, &task{fails: true})
	failed, answered := false, false
	for _, message := range s.conn.All() {
		switch message.(type) {
		case kit.ChildFailed:
			failed = true
		case request.Done:
			answered = true
		}
	}
	if !failed || answered {
		t.Errorf("connection heard of the failure: %v, got an answer: %v", failed, answered)
	}
}
