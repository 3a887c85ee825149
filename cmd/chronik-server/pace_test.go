package main

import (
	"testing"
	"time"
)

// TestPaceIsTightWhileLifeGrows goes through a start, ten thousand partitions, rest, and a flood of requests.
func TestPaceIsTightWhileLifeGrows(t *testing.T) {
	const mib = 1 << 20
	set := -1
	p := &pace{percent: 75, ballast: 64 * mib, set: func(percent int) { set = percent }}
	now := time.Unix(0, 0)
	for _, step := range []struct {
		what  string
		live  int64 // MiB
		after time.Duration
		want  int
	}{
		{"start", 0, 0, 12}, // 8 MiB of garbage, above 64 of ballast
		{"partitions are created", 6, 300 * time.Millisecond, 11},
		{"more of them", 30, 300 * time.Millisecond, 8},
		{"more of them", 64, 300 * time.Millisecond, 9}, // 13 MiB
		{"more of them", 100, 300 * time.Millisecond, 12},
		{"rest", 101, time.Minute, 12},
		{"rest", 101, time.Minute, 12},
		{"rest", 101, time.Minute, 12},
		{"rest", 101, time.Minute, 75},
		{"less than there was", 90, time.Minute, 75},
		{"a little more", 110, time.Minute, 75},
		{"much more", 130, time.Second, 13},
		{"at once again: these are requests", 160, 10 * time.Millisecond, 75},
		{"and again", 190, 10 * time.Millisecond, 75},
	} {
		now = now.Add(step.after)
		p.collected(step.live*mib, now)
		if set != step.want {
			t.Errorf("%s, %d MiB live: got %d %%, want %d", step.what, step.live, set, step.want)
		}
	}
}

// TestPaceNeverExceedsTheConfiguration: who asked for less garbage gets no more of it.
func TestPaceNeverExceedsTheConfiguration(t *testing.T) {
	set := -1
	p := &pace{percent: 5, set: func(percent int) { set = percent }}
	p.collected(0, time.Unix(1, 0))
	if set != 5 {
		t.Errorf("without ballast: got %d %%, want 5", set)
	}
}
