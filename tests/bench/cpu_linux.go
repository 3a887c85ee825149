package bench

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the user and system time of a process so far, threads that have ended included.
//
// It is the CPU clock of the process (clock_getcpuclockid of POSIX), in nanoseconds. What /proc/PID/stat has
// is the same sum in steps of 10 ms, user and system time cut off one by one: a tenth of what a run may cost.
// A thread that runs at this moment may be behind by as much as a scheduler's tick, so look when it is quiet.
func CPU(pid int) (time.Duration, error) {
	// The kernel numbers these clocks by the complement of the process id; 2 stands for the scheduler's sum.
	const scheduled = 2
	var now unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|scheduled, &now); err != nil {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(now.Nano()), nil
}
