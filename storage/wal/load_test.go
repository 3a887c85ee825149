package wal_test

import (
	"math/rand/v2"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

// TestAReadingIsOfTheMomentInWhichItBegan reads groups piece by piece while they are written to, cut off, removed
// and made again, and while files are started and given back: all get what the model had when they began.
func TestAReadingIsOfTheMomentInWhichItBegan(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	type open struct {
		*wal.Reading
		want wal.State
	}
	disk := vfs.NewMem()
	w := mustOpen(t, disk, seededOptions(1))
	made, all, whole, entries := model{}, []open{}, 0, 0
	g := generator{rng: rng, groups: 3, data: 3000}
	turns := 5000
	if testing.Short() {
		turns = 1500
	}
	for range turns {
		updates := g.updates(made)
		mustAppend(t, w, updates...)
		made = made.apply(updates)
		id := wal.GroupID(1 + rng.IntN(3))
		if r := w.Read(id); r != nil {
			all = append(all, open{r, made[id]})
		}
		for len(all) > 0 && rng.IntN(3) > 0 {
			at := rng.IntN(len(all))
			if _, err := all[at].Next(1 + rng.Int64N(4000)); err != nil {
				t.Fatal(err)
			}
			if all[at].Done() {
				if d := stateDifference(all[at].State(), all[at].want); d != "" {
					t.Fatal(d)
				}
				whole, entries = whole+1, entries+len(all[at].want.Entries)
			}
			if all[at].Done() || rng.IntN(10) == 0 || len(all) > 20 {
				all[at].Close()
				all = append(all[:at], all[at+1:]...)
			}
		}
	}
	for _, one := range all {
		one.Close()
	}
	if whole < 100 || entries < 100 {
		t.Errorf("got %d readings of %d entries, want hundreds", whole, entries)
	}
	if d := made.difference(w); d != "" {
		t.Error(d)
	}
	if d := made.difference(mustOpen(t, disk.DurableClone(), seededOptions(2))); d != "" {
		t.Errorf("after a start: %s", d)
	}
	t.Logf("%d readings, %d entries", whole, entries)
}
