package protocol

import (
	"context"
	"errors"
	"fmt"
)

// Error is a failure that the peer is told: a code and, where the answer has room for it, a sentence.
type Error struct {
	Code    Code
	Message string // may be empty
}

// Errorf returns an Error whose message is formatted like fmt.Sprintf does.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error implements error.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code.String()
	}
	return e.Code.String() + ": " + e.Message
}

// Is reports whether target is an *Error with the same code, so that errors.Is compares by code.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}

// CodeOf is the one place where an error becomes a code: None for nil, the code of the first *Error in the
// chain, UnsupportedVersion for an *UnsupportedVersionError, RequestTimedOut for an expired context, and
// UnknownServerError for everything else.
func CodeOf(err error) Code {
	if err == nil {
		return None
	}
	var answer *Error
	if errors.As(err, &answer) {
		return answer.Code
	}
	var unsupported *UnsupportedVersionError
	if errors.As(err, &unsupported) {
		return UnsupportedVersion
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return RequestTimedOut
	}
	return UnknownServerError
}

// MessageOf returns the sentence for the peer that belongs to CodeOf(err): that of the first *Error in the
// chain, else nil. Other errors may name paths and hosts and therefore stay in the log.
func MessageOf(err error) *string {
	var answer *Error
	if !errors.As(err, &answer) || answer.Message == "" {
		return nil
	}
	return &answer.Message
}
