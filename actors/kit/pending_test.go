package kit_test

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestPending(t *testing.T) {
	var p kit.Pending[string, int]
	if !p.Next().IsZero() || p.Len() != 0 || p.Expire(epoch) != nil {
		t.Error("got something in the zero value, want nothing")
	}
	p.Add("b", 2, epoch.Add(2*time.Second))
	p.Add("a", 1, epoch.Add(time.Second))
	p.Add("c", 3, epoch.Add(2*time.Second))
	if got := p.Next(); !got.Equal(epoch.Add(time.Second)) {
		t.Errorf("got %v, want the earliest deadline", got)
	}
	if value, ok := p.Get("a"); !ok || value != 1 || p.Len() != 3 {
		t.Errorf("got %v, %v, want 1 that stays", value, ok)
	}
	if value, ok := p.Take("a"); !ok || value != 1 {
		t.Errorf("got %v, %v, want 1", value, ok)
	}
	if _, ok := p.Take("a"); ok {
		t.Error("got a question twice")
	}
	if _, ok := p.Get("a"); ok {
		t.Error("got a question that was taken")
	}
	if got := p.Expire(epoch.Add(2*time.Second - 1)); got != nil {
		t.Errorf("got %v before the deadline", got)
	}
	p.Add("b", 4, epoch.Add(2*time.Second))
	if got := p.Expire(epoch.Add(2 * time.Second)); !slices.Equal(got, []int{3, 4}) {
		t.Errorf("got %v, want 3 and then 4, which replaced 2 later", got)
	}
	p.Add("d", 5, epoch.Add(time.Hour))
	p.Add("e", 6, epoch.Add(time.Minute))
	if got := p.Drain(); !slices.Equal(got, []int{6, 5}) || p.Len() != 0 {
		t.Errorf("got %v, want 6 and 5 and then nothing", got)
	}
}

// TestPendingAgainstAModel compares it with a plain sorted list.
func TestPendingAgainstAModel(t *testing.T) {
	type entry struct {
		key      int
		deadline time.Time
		number   int
	}
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 0))
		var p kit.Pending[int, int]
		var model []entry
		for step := range 500 {
			key, at := random.IntN(40), epoch.Add(time.Duration(random.IntN(20)))
			i := slices.IndexFunc(model, func(e entry) bool { return e.key == key })
			switch random.IntN(4) {
			case 0, 1:
				if i >= 0 {
					model = slices.Delete(model, i, i+1)
				}
				model = append(model, entry{key, at, step})
				p.Add(key, key, at)
			case 2:
				if _, ok := p.Take(key); ok != (i >= 0) {
					t.Fatalf("seed %d step %d: got %v for %d", seed, step, ok, key)
				}
				if i >= 0 {
					model = slices.Delete(model, i, i+1)
				}
			default:
				slices.SortFunc(model, func(a, b entry) int {
					return cmp.Or(a.deadline.Compare(b.deadline), cmp.Compare(a.number, b.number))
				})
				var want []int
				for len(model) > 0 && !model[0].deadline.After(at) {
					want, model = append(want, model[0].key), model[1:]
				}
				if got := p.Expire(at); !slices.Equal(got, want) {
					t.Fatalf("seed %d step %d: got %v, want %v", seed, step, got, want)
				}
			}
			if p.Len() != len(model) {
				t.Fatalf("seed %d step %d: got %d, want %d", seed, step, p.Len(), len(model))
			}
		}
	}
}

func TestPostponed(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "probe")
	p := kit.NewPostponed(2)
	if !p.Add("a") || !p.Add("b") || p.Add("c") || p.Len() != 2 {
		t.Error("got other than two messages, want a and b within the limit")
	}
	if got := p.Take(); !slices.Equal(got, []any{"a", "b"}) || p.Len() != 0 {
		t.Errorf("got %v, want a and b", got)
	}
	p.Add("plain")
	p.Add(request{token: 7, replyTo: probe.Address})
	p.Refuse(kit.ErrStopped)
	got := kittest.Expect[refused](t, probe, patience)
	if got.token != 7 || !errors.Is(got.err, kit.ErrStopped) {
		t.Errorf("got %+v", got)
	}
	if p.Len() != 0 {
		t.Error("got messages after Refuse, want none")
	}
}

func TestRestartsGrowAndGiveUp(t *testing.T) {
	r := kit.Restarts{
		Limit: 4, Within: time.Minute, Min: 100 * time.Millisecond, Max: 500 * time.Millisecond,
		Random: rand.New(rand.NewPCG(1, 1)),
	}
	now := epoch
	for _, whole := range []time.Duration{100, 200, 400, 500} {
		wait, ok := r.Failed(now)
		if whole *= time.Millisecond; !ok || wait < whole/2 || wait > whole {
			t.Errorf("got %v, %v, want %v to %v", wait, ok, whole/2, whole)
		}
		now = now.Add(time.Second)
	}
	if _, ok := r.Failed(now); ok {
		t.Error("got a fifth restart, want none")
	}
	now = epoch.Add(time.Minute) // the first failure leaves the window
	if wait, ok := r.Failed(now); !ok || wait < 250*time.Millisecond {
		t.Errorf("got %v, %v, want the longest wait again", wait, ok)
	}
	if wait, ok := r.Failed(now.Add(time.Hour)); !ok || wait > 100*time.Millisecond {
		t.Errorf("got %v, %v, want the shortest wait after a quiet window", wait, ok)
	}
}

func TestRestartsOfAHealthyChildStillCount(t *testing.T) {
	r := kit.Restarts{Limit: 2, Within: time.Minute, Min: time.Second, Max: time.Hour}
	for range 2 {
		if wait, ok := r.Failed(epoch); !ok || wait > time.Second {
			t.Errorf("got %v, %v, want the shortest wait", wait, ok)
		}
		r.Healthy()
	}
	if _, ok := r.Failed(epoch); ok {
		t.Error("got a third restart, want none")
	}
}

func TestRestartsWithoutLimitOrWindow(t *testing.T) {
	if _, ok := new(kit.Restarts).Failed(epoch); ok {
		t.Error("got a restart from the zero value, want none")
	}
	for _, within := range []time.Duration{0, time.Second} {
		r := kit.Restarts{Limit: kit.NoLimit, Within: within, Min: time.Millisecond, Max: time.Second}
		for range 1000 {
			if wait, ok := r.Failed(epoch); !ok || wait <= 0 || wait > time.Second {
				t.Fatalf("got %v, %v, want at most a second", wait, ok)
			}
		}
	}
	r := kit.Restarts{Limit: 1, Min: time.Second}
	if wait, ok := r.Failed(epoch); !ok || wait > time.Second {
		t.Errorf("got %v, %v, want Min where there is no Max", wait, ok)
	}
	if _, ok := r.Failed(epoch.Add(time.Hour)); ok {
		t.Error("got a restart, want none: without a window failures count until Healthy")
	}
	r.Healthy()
	if _, ok := r.Failed(epoch); !ok {
		t.Error("got no restart after Healthy")
	}
}
