package kit

import (
	"fmt"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
)

// Supervision says what the failure of a child means to its parent. The zero value is StopAndTell.
type Supervision int8

const (
	// StopAndTell stops the failed child and tells the parent with ChildFailed.
	StopAndTell Supervision = iota
	// Escalate makes the parent fail with the child's reason; all its children are stopped with it.
	Escalate
)

// failure is a panic on its way to the supervisor.
type failure struct {
	reason any
	stack  []byte
}

func newFailure(reason any) *failure {
	if f, ok := reason.(*failure); ok {
		return f
	}
	return &failure{reason: reason, stack: debug.Stack()}
}

func (f *failure) String() string { return fmt.Sprint(f.reason) }

// strategy implements protoactor's SupervisorStrategy for the children of one actor.
type strategy struct {
	system   *System
	children Supervision
}

// HandleFailure runs in the parent's turn.
func (s strategy) HandleFailure(_ *actor.ActorSystem, parent actor.Supervisor, child *actor.PID,
	_ *actor.RestartStatistics, reason, message any,
) {
	cause := newFailure(reason)
	s.system.onFailure(child, cause, message)
	if s.children == Escalate {
		parent.EscalateFailure(cause, message)
		return
	}
	parent.StopChildren(child)
	if self, ok := parent.(actor.Context); ok && self.Self() != nil {
		s.system.root.Send(self.Self(), ChildFailed{Who: Address{s.system, child}, Reason: cause.reason, Message: user(message)})
	}
}

// user returns the message as the actor saw it.
func user(message any) any {
	_, inner, _ := actor.UnwrapEnvelope(message)
	return inner
}
