package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Environment of TestSoak: for how long, and of its workers: who of how many this is.
const (
	timeVariable   = "CHRONIK_SIM_TIME"
	workerVariable = "CHRONIK_SIM_WORKER"
)

// outcome is what a worker tells.
type outcome struct {
	Sum    *exported
	Broken []string
}

// exported is a total as JSON.
type exported struct {
	Seeds   int
	Virtual map[int]time.Duration
	Turns   uint64
	Crashes int
	Pulls   int
	Counts  [8]int
	Faults  map[string]int
	Used    time.Duration
}

func (s *total) export() *exported {
	c := s.counts
	return &exported{s.seeds, s.virtual, s.turns, s.crashes, s.pulls,
		[8]int{c.plain, c.idempotent, c.repeated, c.committed, c.aborted, c.commits, c.offsets, c.read}, s.faults, s.used}
}

func (s *total) merge(e *exported) {
	s.seeds += e.Seeds
	s.turns += e.Turns
	s.crashes += e.Crashes
	s.pulls += e.Pulls
	s.used += e.Used
	for nodes, d := range e.Virtual {
		s.virtual[nodes] += d
	}
	for name, n := range e.Faults {
		s.faults[name] += n
	}
	c := e.Counts
	s.counts.add(counts{c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]})
}

// TestSoak runs new seeds for a time, in as many processes as there are processors: the random numbers of a process
// come from one seed at a time.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv(timeVariable))
	if err != nil {
		t.Skipf("%s is not set to a time: make sim does so", timeVariable)
	}
	begun, sum := time.Now(), newTotal()
	first := *firstSeed
	if first == 1 {
		first = uint64(begun.Unix()) * 1000
	}
	t.Logf("seeds from %d on", first)
	var mu sync.Mutex
	var all sync.WaitGroup
	workers := runtime.NumCPU()
	for i := range workers {
		all.Go(func() {
			out, err := work(t, first, i, workers, length)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("worker %d: %v", i, err)
				return
			}
			sum.merge(out.Sum)
			for _, broken := range out.Broken {
				t.Error(broken)
			}
		})
	}
	all.Wait()
	t.Log(sum.report(time.Since(begun)))
}

// mark begins the line with the outcome of a worker.
const mark = "outcome: "

// work runs one worker.
func work(t *testing.T, first uint64, i, workers int, length time.Duration) (*outcome, error) {
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestWorker$", "-test.v", "-test.timeout", "0",
		"-seed", fmt.Sprint(first))
	command.Env = append(os.Environ(), "GOMAXPROCS=1", fmt.Sprintf("%s=%d/%d", workerVariable, i, workers),
		fmt.Sprintf("%s=%v", timeVariable, length))
	said, err := command.CombinedOutput()
	for line := range bytes.Lines(said) {
		if text, is := bytes.CutPrefix(line, []byte(mark)); is {
			out := new(outcome)
			return out, json.Unmarshal(text, out)
		}
	}
	return nil, fmt.Errorf("%v without an outcome:\n%s", err, said[max(0, len(said)-4000):])
}

// TestWorker is what TestSoak starts.
func TestWorker(t *testing.T) {
	var i, workers uint64
	if _, err := fmt.Sscanf(os.Getenv(workerVariable), "%d/%d", &i, &workers); err != nil {
		t.Skip("it is for TestSoak")
	}
	length, err := time.ParseDuration(os.Getenv(timeVariable))
	if err != nil {
		t.Fatal(err)
	}
	begun, sum := time.Now(), newTotal()
	var broken []string
	for seed := *firstSeed + i; time.Since(begun) < length; seed += workers {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := simulate(t, optionsOf(seed))
			sum.add(r)
			if r.broken != nil {
				last := r.story[max(0, len(r.story)-10):]
				broken = append(broken, fmt.Sprintf("seed %d: %v\n%s\n%s", seed, r.broken, strings.Join(last, "\n"), again(seed)))
			}
		})
	}
	text, err := json.Marshal(outcome{Sum: sum.export(), Broken: broken})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(mark + string(text))
}
