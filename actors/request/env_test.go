package request_test

import (
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/request"
)

func TestTimeoutsAreBounded(t *testing.T) {
	env := &request.Env{Settings: request.Settings{RequestTimeout: 30 * time.Second}}
	for millis, want := range map[int32]time.Duration{
		-1: 0, 0: 0, 1: time.Millisecond, 30_000: 30 * time.Second, 30_001: 30 * time.Second, 1<<31 - 1: 30 * time.Second,
	} {
		if got := env.Timeout(millis); got != want {
			t.Errorf("%d ms: got %v, want %v", millis, got, want)
		}
	}
}
