package applier

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/wal"
)

const second = time.Second // how long probes wait at most

// journal is a machine that writes down what is asked of it.
type journal struct {
	calls   []string
	results func(n int) []any // nil: as many as it should be
	err     error
}

func (j *journal) Apply(entries []Entry) ([]any, error) {
	text := "apply"
	var results []any
	for _, e := range entries {
		text += fmt.Sprintf(" %d/%d:%s", e.Term, e.Index, e.Data)
		results = append(results, "result of "+string(e.Data))
	}
	j.calls = append(j.calls, text)
	if j.results != nil {
		results = j.results(len(entries))
	}
	return results, j.err
}

func (j *journal) Lead(term uint64) Preparer {
	j.calls = append(j.calls, fmt.Sprintf("lead %d", term))
	return j
}

func (j *journal) Have() []byte { return []byte("all of it") }

func (j *journal) Share(have []byte) (Source, error) {
	j.calls = append(j.calls, "share beyond "+string(have))
	return nil, j.err
}

func (j *journal) Restore(piece []byte, first bool) error {
	j.calls = append(j.calls, fmt.Sprintf("restore %s %t", piece, first))
	return j.err
}

func (j *journal) Restored() ([]byte, error) { return []byte("restored"), j.err }

func (j *journal) Prepare(any) Prepared { return Prepared{} }

func (j *journal) Capture() (func() ([]byte, error), error) {
	j.calls = append(j.calls, "capture")
	return func() ([]byte, error) { return []byte("state"), nil }, j.err
}

func (j *journal) Checkpointed(state []byte) {
	j.calls = append(j.calls, "checkpointed "+string(state))
}
func (j *journal) Close() { j.calls = append(j.calls, "close") }

// bench is an applier between probes. Turns run when the test says so.
type bench struct {
	*kittest.Seeded
	t       *testing.T
	core    *kittest.Probe // the parent
	asker   *kittest.Probe
	applier kit.Address
	machine *journal
}

func newBench(t *testing.T) *bench {
	b := &bench{Seeded: kittest.NewSeeded(t, 1), t: t, machine: &journal{}}
	b.core, b.asker = kittest.NewProbe(b.System, "core"), kittest.NewProbe(b.System, "asker")
	open := func(state []byte, rebuild bool) (Machine, error) {
		b.machine.calls = append(b.machine.calls, fmt.Sprintf("open %s %t", state, rebuild))
		return b.machine, nil
	}
	b.applier = b.core.Spawn(t, "applier", Spec(Config{
		Group: 5, Incarnation: 9, Open: open, Rebuild: true, Log: kittest.NoLog,
		Checkpoint: wal.Checkpoint{Index: 3, Term: 1, ConfState: []byte("members"), Machine: []byte("old")},
	}))
	b.Run()
	if got := kittest.Expect[Applied](t, b.core, second); got != (Applied{Incarnation: 9, Index: 3}) {
		t.Fatalf("got %+v, want the news that the machine is open", got)
	}
	return b
}

func entries(term uint64, indexes ...uint64) (run []Entry) {
	for _, i := range indexes {
		run = append(run, Entry{Term: term, Index: i, Data: fmt.Appendf(nil, "e%d", i)})
	}
	return run
}

func (b *bench) waiter(index, token uint64) Waiter {
	return Waiter{Index: index, Token: token, ReplyTo: b.asker.Address}
}

func (b *bench) wantCalls(want ...string) {
	b.t.Helper()
	if !slices.Equal(b.machine.calls, want) {
		b.t.Fatalf("got calls %q, want %q", b.machine.calls, want)
	}
}

func TestAllThatWaitsIsOneCall(t *testing.T) {
	b := newBench(t)
	b.applier.Tell(Apply{Entries: entries(2, 4, 6), Waiters: []Waiter{b.waiter(6, 1)}, Index: 6, Term: 2})
	wait := b.waiter(7, 2)
	wait.Wait, wait.Answer = true, "waited"
	b.applier.Tell(Apply{Entries: entries(2, 7), Waiters: []Waiter{wait, b.waiter(7, 3)}, Index: 8, Term: 2})
	b.applier.Tell(Apply{Waiters: []Waiter{wait}})
	b.Run()
	b.wantCalls("open old true", "apply 2/4:e4 2/6:e6 2/7:e7")
	for _, want := range []Proposed{
		{Token: 1, Result: "result of e6"}, {Token: 2, Result: "waited"}, {Token: 3, Result: "result of e7"},
		{Token: 2, Result: "waited"},
	} {
		if got := kittest.Expect[Proposed](t, b.asker, second); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
	if got := kittest.Expect[Applied](t, b.core, second); got != (Applied{Incarnation: 9, Index: 8}) {
		t.Fatalf("got %+v, want everything applied at once", got)
	}
	b.asker.ExpectNone(t)
	b.core.ExpectNone(t)
}

// TestItLeadsFromExactlyThere: what follows the first entry of the term is not in the machine yet.
func TestItLeadsFromExactlyThere(t *testing.T) {
	b := newBench(t)
	b.applier.Tell(Apply{Entries: entries(2, 4), Index: 4, Term: 2})
	b.applier.Tell(Apply{Entries: entries(2, 5), Index: 6, Term: 3, Lead: 3})
	b.applier.Tell(Apply{Entries: entries(4, 7), Index: 7, Term: 4})
	b.Run()
	b.wantCalls("open old true", "apply 2/4:e4 2/5:e5", "lead 3", "apply 4/7:e7")
	got := kittest.Expect[Applied](t, b.core, second)
	if got.Index != 6 || got.Lead != 3 || got.Preparer == nil {
		t.Fatalf("got %+v, want a Preparer for term 3 at 6", got)
	}
	if got := kittest.Expect[Applied](t, b.core, second); got.Index != 7 || got.Preparer != nil {
		t.Fatalf("got %+v, want 7 without a Preparer", got)
	}
}

func TestACaptureIsOfWhatIsApplied(t *testing.T) {
	b := newBench(t)
	b.applier.Tell(janitor.Capture{Group: 5, ReplyTo: b.asker.Address})
	b.applier.Tell(Apply{Entries: entries(2, 4), Index: 5, Term: 2, ConfState: []byte("new members")})
	b.applier.Tell(janitor.Capture{Group: 5, ReplyTo: b.asker.Address})
	b.Run()
	b.wantCalls("open old true", "capture", "apply 2/4:e4", "capture")
	first := kittest.Expect[janitor.Captured](t, b.asker, second)
	next := kittest.Expect[janitor.Captured](t, b.asker, second)
	if first.Group != 5 || first.Index != 3 || first.Term != 1 || string(first.ConfState) != "members" {
		t.Fatalf("got %+v, want the checkpoint", first)
	}
	if next.Index != 5 || next.Term != 2 || string(next.ConfState) != "new members" || next.Err != nil {
		t.Fatalf("got %+v, want 2/5 under the new members", next)
	}
	if state, err := next.Flush(); string(state) != "state" || err != nil {
		t.Fatalf("got %q, %v", state, err)
	}
	b.applier.Tell(janitor.Checkpointed{Group: 5, Index: 5, Machine: []byte("state")})
	b.applier.Tell(janitor.Checkpointed{Group: 5, Index: 6, Machine: []byte("not reached again yet")})
	b.Run()
	if last := b.machine.calls[len(b.machine.calls)-1]; last != "checkpointed state" {
		t.Fatalf("got %q last", last)
	}
}

func TestACaptureThatFailsIsSkipped(t *testing.T) {
	b := newBench(t)
	b.machine.err = errors.New("not now")
	b.applier.Tell(janitor.Capture{Group: 5, ReplyTo: b.asker.Address})
	if got := kittest.Expect[janitor.Captured](t, b.asker, second); got.Err == nil || got.Group != 5 {
		t.Fatalf("got %+v, want an error", got)
	}
	b.core.ExpectNone(t)
}

func TestAFailedMachineLeavesNobodyWaiting(t *testing.T) {
	for name, sabotage := range map[string]func(*journal){
		"error":            func(j *journal) { j.err = errors.New("disk") },
		"panic":            func(j *journal) { j.results = func(int) []any { panic("machine") } },
		"too few results":  func(j *journal) { j.results = func(n int) []any { return make([]any, n-1) } },
		"too many results": func(j *journal) { j.results = func(n int) []any { return make([]any, n+1) } },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			sabotage(b.machine)
			b.applier.Tell(Apply{Entries: entries(2, 4), Waiters: []Waiter{b.waiter(4, 1)}, Index: 4, Term: 2})
			b.applier.Tell(janitor.Checkpointed{Group: 5, Index: 3})
			b.applier.Tell(Apply{Entries: entries(2, 5), Waiters: []Waiter{b.waiter(5, 2)}, Index: 5, Term: 2})
			b.Run()
			tokens := map[uint64]int{}
			for _, m := range b.asker.All() {
				answer := m.(Proposed)
				if !errors.Is(answer.Err, ErrLostLeadership) || !errors.Is(answer.Err, kit.ErrStopped) {
					t.Errorf("got %+v, want an unknown outcome", answer)
				}
				tokens[answer.Token]++
			}
			if len(tokens) != 2 || tokens[1] != 1 || tokens[2] != 1 {
				t.Errorf("got answers %v, want one for each", tokens)
			}
			if last := b.machine.calls[len(b.machine.calls)-1]; last != "close" {
				t.Errorf("got %q last, want the machine closed", last)
			}
			failed := kittest.Expect[kit.ChildFailed](t, b.core, second)
			if name == "error" && !errors.Is(failed.Reason.(error), b.machine.err) {
				t.Errorf("got reason %v, want the machine's", failed.Reason)
			}
		})
	}
}

func TestAStoppedApplierRefuses(t *testing.T) {
	b := newBench(t)
	b.Run()
	if err := b.System.StopAndWait(t.Context(), b.applier); err != nil {
		t.Fatal(err)
	}
	b.applier.Tell(Apply{Entries: entries(2, 4), Waiters: []Waiter{b.waiter(4, 1)}, Index: 4, Term: 2})
	if got := kittest.Expect[Proposed](t, b.asker, second); !errors.Is(got.Err, ErrLostLeadership) {
		t.Fatalf("got %+v, want an unknown outcome", got)
	}
	b.wantCalls("open old true", "close")
}
