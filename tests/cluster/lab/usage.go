package lab

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is the unit of /proc/PID/stat: USER_HZ, which is 100 on every architecture that Go runs on.
const ticksPerSecond = 100

// CPU returns the processor time that the process has used since it started.
func (n *Node) CPU() time.Duration {
	n.cluster.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.PID()))
	if err != nil {
		n.cluster.t.Fatal(err)
	}
	// The name of the program, in parentheses, may contain anything; what follows is fields from the third on.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const userTime, systemTime = 14 - 3, 15 - 3
	var ticks int64
	for _, field := range []int{userTime, systemTime} {
		number, err := strconv.ParseInt(fields[field], 10, 64)
		if err != nil {
			n.cluster.t.Fatalf("/proc/%d/stat: %v", n.PID(), err)
		}
		ticks += number
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}

// RSS returns the bytes of memory that the process has resident.
func (n *Node) RSS() int64 {
	n.cluster.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	if err != nil {
		n.cluster.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kibibytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				n.cluster.t.Fatal(err)
			}
			return kibibytes << 10
		}
	}
	n.cluster.t.Fatalf("/proc/%d/status has no VmRSS", n.PID())
	return 0
}
