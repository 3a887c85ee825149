package kit

import "errors"

// ErrStopped is what messages are refused with when their receiver is gone. The asker may ask again when it
// has learned of a new receiver.
var ErrStopped = errors.New("actor has stopped")

// Refusable is a message that must be answered even when nobody handles it: its receiver is gone or stops
// while the message waits, or panics while handling it. Refuse is called exactly once, on any goroutine,
// with an error that wraps ErrStopped; it tells the asker and does nothing else.
//
// A handler that has answered, or has passed the request on, and then panics brings about a second answer.
// So askers match answers by token and ignore those that they do not wait for (see Pending).
type Refusable interface{ Refuse(err error) }

// Reply marks answers. They may arrive after their asker has gone, which is only counted.
type Reply interface{ IsReply() }

// refusedError names the actor that is gone.
type refusedError struct {
	who    string
	failed bool
}

func (e refusedError) Error() string {
	switch {
	case e.who == "":
		return "no actor to tell"
	case e.failed:
		return "actor " + e.who + " failed"
	}
	return "actor " + e.who + " has stopped"
}

func (e refusedError) Unwrap() error { return ErrStopped }

// undelivered deals with a message that nobody will ever handle. It runs in the receiver's last turn for what
// was queued, and on the sender's goroutine for what came later.
func (s *System) undelivered(kind *kind, who string, message any) {
	switch message := message.(type) {
	case *timer, poison:
	case Refusable:
		s.refuse(kind, message, refusedError{who: who})
	default:
		s.deadLetter(kind, who, message)
	}
}

func (c *cell) undelivered(message any) { c.system.undelivered(c.kind, c.path(), message) }

// refuseFailed refuses what a failed actor was handling.
func (c *cell) refuseFailed(message any) {
	err := refusedError{who: c.path(), failed: true}
	messages := []any{message}
	if b, ok := message.(Batch); ok {
		messages = b.Messages
	}
	for _, message := range messages {
		if message, ok := message.(Refusable); ok {
			c.system.refuse(c.kind, message, err)
		}
	}
}

// refuse keeps a Refuse that panics from harming the goroutine that happens to run it.
func (s *System) refuse(kind *kind, message Refusable, err refusedError) {
	kind.refused.Inc()
	defer func() {
		if reason := recover(); reason != nil {
			s.reportPanic(&s.log, kind, err.who, reason, message)
		}
	}()
	message.Refuse(err)
}

// deadLetter notes a message that is lost for good.
func (s *System) deadLetter(kind *kind, who string, message any) {
	kind.deadLetters.Inc()
	if _, ok := message.(Reply); ok || s.closing.Load() {
		return
	}
	s.sampled.Debug().Str("actor", who).Type("type", message).Msg("dead letter")
}

func refuseNowhere(message any) {
	if message, ok := message.(Refusable); ok {
		message.Refuse(refusedError{})
	}
}
