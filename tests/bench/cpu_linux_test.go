package bench

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What a process is said to have spent is what it knows of itself.
func TestCPUIsTheProcessOwnClock(t *testing.T) {
	own := func() time.Duration {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &now); err != nil {
			t.Fatal(err)
		}
		return time.Duration(now.Nano())
	}
	before := own()
	got, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after := own(); got < before || got > after {
		t.Fatalf("got %v, want between %v and %v", got, before, after)
	}
}

func TestCPUOfNobody(t *testing.T) {
	const beyond = 1 << 23 // process ids end at 1 << 22
	if got, err := CPU(beyond); err == nil {
		t.Fatalf("got %v of a process that cannot exist, want an error", got)
	}
}
