package kit

import (
	"context"
	"fmt"
)

// Ask sends the question that build makes and waits for the answer, which must be a T. It is for the rim:
// main and tests. It fails when the context ends, with ErrStopped when the question could not be delivered
// and cannot answer for itself, and when the answer is not a T; an answer that is an error is returned as
// one unless T says otherwise.
func Ask[T any](ctx context.Context, s *System, to Address, build func(replyTo Address) any) (T, error) {
	var none T
	answers := make(chan any, 1)
	question := build(AddressFor("ask", func(message any) {
		select {
		case answers <- message:
		default: // a second answer; the first counts
		}
	}))
	if !to.tell(question) {
		if _, ok := question.(Refusable); !ok {
			return none, fmt.Errorf("ask %s: %w", to.ID(), ErrStopped)
		}
	}
	s.Drive()
	select {
	case answer := <-answers:
		return answerAs[T](to, answer)
	case <-ctx.Done():
		return none, fmt.Errorf("ask %s: %w", to.ID(), ctx.Err())
	}
}

func answerAs[T any](to Address, answer any) (T, error) {
	typed, ok := answer.(T)
	if ok {
		return typed, nil
	}
	if err, ok := answer.(error); ok {
		return typed, fmt.Errorf("ask %s: %w", to.ID(), err)
	}
	return typed, fmt.Errorf("ask %s: got %T, want %T", to.ID(), answer, typed)
}
