package partition

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
)

// TestWaitersAreWokenInTheOrderTheyCame compares with a list that is searched.
func TestWaitersAreWokenInTheOrderTheyCame(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var woken []uint64
	address := kit.AddressFor("fetch", func(m any) { woken = append(woken, m.(Woken).Token) })
	var w waiters
	var model []Wait
	find := func(token uint64) int {
		return slices.IndexFunc(model, func(m Wait) bool { return m.Token == token })
	}
	for step := range 20_000 {
		token := random.Uint64N(200)
		switch random.IntN(8) {
		case 0, 1, 2, 3:
			m := Wait{
				Offset: protocol.Offset(step + random.IntN(100)), Stable: random.IntN(3) == 0, ReplyTo: address, Token: token,
			}
			if w.add(m); find(token) >= 0 {
				model[find(token)] = m
			} else {
				model = append(model, m)
			}
		case 4, 5, 6:
			w.remove(Unwait{ReplyTo: address, Token: token})
			model = slices.DeleteFunc(model, func(m Wait) bool { return m.Token == token })
		default:
			end, stable := protocol.Offset(step), protocol.Offset(step-random.IntN(30))
			var want []uint64
			model = slices.DeleteFunc(model, func(m Wait) bool {
				due := m.Offset < stable || !m.Stable && m.Offset < end
				if due {
					want = append(want, m.Token)
				}
				return due
			})
			woken = nil
			if w.passed(end, stable); !slices.Equal(woken, want) {
				t.Fatalf("step %d: woke %v, want %v", step, woken, want)
			}
		}
		if w.empty() != (len(model) == 0) || len(w.line) > 2*len(model)+spareWaiters+1 {
			t.Fatalf("step %d: got a line of %d for %d waiters", step, len(w.line), len(model))
		}
	}
	w.wakeAll()
	if !w.empty() || w.line != nil {
		t.Error("got waiters after all were woken")
	}
}

// BenchmarkWaiters is a partition that a hundred consumers follow: all are woken, and wait again.
func BenchmarkWaiters(b *testing.B) {
	var waits []Wait
	for i := range 100 {
		waits = append(waits, Wait{
			Offset: 1, ReplyTo: kit.AddressFor(fmt.Sprint("conn-", i), func(any) {}), Token: uint64(i),
		})
	}
	var w waiters
	b.ReportAllocs()
	for b.Loop() {
		for _, m := range waits {
			w.add(m)
		}
		w.passed(2, 2)
	}
}
