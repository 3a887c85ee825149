package protocol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

func TestCodeNamesAreKafkas(t *testing.T) {
	for code := OffsetOutOfRange; int(code) < len(codeNames)-1; code++ {
		want := kerr.TypedErrorForCode(int16(code)).Message
		if code == NotLeaderOrFollower {
			want = "NOT_LEADER_OR_FOLLOWER" // Kafka renamed it when followers began to serve fetches
		}
		if code.String() != want {
			t.Errorf("code %d: got %s, want %s", code, code, want)
		}
	}
	for code, want := range map[Code]string{
		-1: "UNKNOWN_SERVER_ERROR", 0: "NONE", -2: "CODE_-2", 9999: "CODE_9999",
	} {
		if code.String() != want {
			t.Errorf("code %d: got %s, want %s", int16(code), code, want)
		}
	}
}

func TestCodeOf(t *testing.T) {
	var nilError *Error = Errorf(InvalidTopicException, "bad %s", "name")
	for _, c := range []struct {
		err  error
		want Code
	}{
		{nil, None},
		{nilError, InvalidTopicException},
		{fmt.Errorf("create: %w", nilError), InvalidTopicException},
		{errors.Join(io.EOF, nilError), InvalidTopicException},
		{&UnsupportedVersionError{}, UnsupportedVersion},
		{fmt.Errorf("ask: %w", context.DeadlineExceeded), RequestTimedOut},
		{io.EOF, UnknownServerError},
	} {
		if got := CodeOf(c.err); got != c.want {
			t.Errorf("%v: got %s, want %s", c.err, got, c.want)
		}
	}
}

func TestMessageOfTellsPeersOnlyWhatIsMeantForThem(t *testing.T) {
	outer := fmt.Errorf("open /secret/path: %w", Errorf(InvalidRequest, "no"))
	if m := MessageOf(outer); m == nil || *m != "no" {
		t.Errorf("got %v, want the inner message", m)
	}
	if m := MessageOf(errors.New("open /secret/path")); m != nil {
		t.Errorf("got %q, want nothing", *m)
	}
	if m := MessageOf(&Error{Code: InvalidRequest}); m != nil {
		t.Errorf("got %q, want nothing", *m)
	}
}

func TestErrorsCompareByCode(t *testing.T) {
	err := fmt.Errorf("append: %w", Errorf(CorruptMessage, "at 12"))
	if !errors.Is(err, &Error{Code: CorruptMessage}) || errors.Is(err, &Error{Code: InvalidRecord}) {
		t.Error("errors.Is does not go by the code")
	}
	if text := err.Error(); !strings.Contains(text, "CORRUPT_MESSAGE: at 12") {
		t.Errorf("got %q", text)
	}
	if text := (&Error{Code: None}).Error(); text != "NONE" {
		t.Errorf("got %q", text)
	}
}
