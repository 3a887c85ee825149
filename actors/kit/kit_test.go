package kit

import (
	"context"
	"errors"
	"testing"
	"time"
)

type funcActor func(c *Context)

func (f funcActor) Receive(c *Context) { f(c) }

type question struct {
	replyTo Address
	boom    bool
}

func (q question) Refuse(err error) { q.replyTo.Tell(err) }

func TestChildThatPanicsIsStoppedAndItsQueueRefused(t *testing.T) {
	s := NewSystem(SystemConfig{})
	events := make(chan any, 10)
	child := Spec{Mailbox: Batched(2), New: func() Actor {
		return funcActor(func(c *Context) {
			if b, ok := c.Message().(Batch); ok {
				if b.Messages[0].(question).boom {
					panic("boom")
				}
			}
		})
	}}
	var kid Address
	ready := make(chan struct{})
	s.Spawn("parent", Spec{New: func() Actor {
		return funcActor(func(c *Context) {
			switch m := c.Message().(type) {
			case Started:
				kid = c.Spawn("child-1", child)
				close(ready)
			case ChildFailed, Terminated:
				events <- m
			}
		})
	}})
	<-ready
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	kid.Tell(question{boom: true})
	if got := <-events; got.(ChildFailed).Reason != "boom" {
		t.Fatalf("got %v, want ChildFailed", got)
	}
	if got := (<-events).(Terminated); got.Who.ID() != "parent/child-1" {
		t.Fatalf("got %v", got)
	}
	err, failed := Ask[error](ctx, s, kid, func(r Address) any { return question{replyTo: r} })
	if failed != nil || !errors.Is(err, ErrStopped) {
		t.Fatalf("got %v, %v, want ErrStopped", err, failed)
	}
}

func BenchmarkTell(b *testing.B) {
	s := NewSystem(SystemConfig{})
	done := make(chan struct{})
	last := new(int)
	a := s.Spawn("a", Spec{New: func() Actor {
		return funcActor(func(c *Context) {
			if c.Message() == any(last) {
				close(done)
			}
		})
	}})
	b.ReportAllocs()
	message := new(int)
	for b.Loop() {
		a.Tell(message)
	}
	a.Tell(last)
	<-done
}

func BenchmarkSpawnAndStopOfAChild(b *testing.B) {
	s := NewSystem(SystemConfig{})
	next := make(chan struct{})
	quiet := Spec{New: func() Actor { return funcActor(func(*Context) {}) }}
	parent := s.Spawn("parent", Spec{New: func() Actor {
		return funcActor(func(c *Context) {
			switch c.Message().(type) {
			case *int:
				c.Stop(c.Spawn("child", quiet))
			case Terminated:
				next <- struct{}{}
			}
		})
	}})
	b.ReportAllocs()
	message := new(int)
	for b.Loop() {
		parent.Tell(message)
		<-next
	}
}
