package kit

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// Reply marks the answers that may arrive after their asker has gone, which is nothing to log.
type Reply interface{ IsReply() }

// refuse answers for an actor that cannot.
func (s *System) refuse(message any) {
	_, message, _ = actor.UnwrapEnvelope(message)
	switch m := message.(type) {
	case Refusable:
		s.metrics.refused.Inc()
		m.Refuse(fmt.Errorf("%T: %w", message, ErrStopped))
	case tickDue, actor.AutoReceiveMessage, actor.SystemMessage, ChildFailed:
	default:
		s.metrics.deadLetters.Inc()
		s.log.Debug().Type("message", message).Msg("dead letter")
	}
}

// onFailure makes a failure known; the strategy decides what follows from it.
func (s *System) onFailure(child *actor.PID, cause *failure, message any) {
	kind := kindOf(child.Id)
	s.metrics.failures.WithLabelValues(kind).Inc()
	s.log.Error().Str("actor", child.Id).Type("message", user(message)).Interface("reason", fmt.Sprint(cause.reason)).
		Bytes("stack", cause.stack).Msg("actor failed")
}
