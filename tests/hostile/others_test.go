package hostile

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tick is the unit of CPU times in /proc: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// others watches what processes that are none of this test's, and other machines on the same host, take of
// the processors.
type others struct {
	t    *testing.T
	ours []int // process ids
}

// spent is what they had taken at a time.
type spent struct {
	at  time.Time
	cpu time.Duration
}

func (o *others) now() spent {
	o.t.Helper()
	const user, nice, system, steal = 1, 2, 3, 8 // fields; those of interrupts are not told apart
	text, err := os.ReadFile("/proc/stat")
	must(o.t, err)
	line, _, _ := strings.Cut(string(text), "\n")
	s := spent{at: time.Now(), cpu: o.ticks(strings.Fields(line), user, nice, system, steal)}
	for _, pid := range o.ours {
		const user, system = 11, 12 // fields, counted from behind the name, which may contain anything
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		must(o.t, err)
		s.cpu -= o.ticks(strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])), user, system)
	}
	return s
}

func (o *others) ticks(fields []string, at ...int) (sum time.Duration) {
	o.t.Helper()
	for _, i := range at {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		must(o.t, err)
		sum += time.Duration(n) * tick
	}
	return sum
}

// share returns how much of all processors they have taken since.
func (o *others) share(since spent) float64 {
	o.t.Helper()
	now := o.now()
	return float64(now.cpu-since.cpu) / float64(now.at.Sub(since.at)) / float64(runtime.NumCPU())
}
