package main

import "testing"

func TestEachBurstIsCollectedOnceItIsOver(t *testing.T) {
	const mib = 1 << 20
	var watch restWatch
	for i, look := range []struct {
		allocated uint64 // since the look before
		want      bool
	}{
		{2 * mib, false}, // the start
		{0, false},       // is not worth a collection
		{50 * mib, false},
		{50 * mib, false},
		{mib / 2, true}, // over
		{mib / 2, false},
		{20 * mib, false},
		{0, true},
		{0, false},
	} {
		if got := watch.look(watch.seen + look.allocated); got != look.want {
			t.Errorf("look %d: got %v, want %v", i, got, look.want)
		}
	}
}
