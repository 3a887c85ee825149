package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/walactor"
)

// bug is a mistake that is planted to see that it is found.
type bug struct {
	name   string
	within uint64                 // so many seeds it is found
	lie    func(name string) bool // files that are not synced though the disk says so
	tamper func(message any)      // sees each message before its actor
	plant  func(bool)             // switches a mistake of package planted on and off
}

// bugs are those that need no build of their own; those of the tag simbugs are in planted_test.go.
var bugs = []bug{
	{name: "no fsync", within: 20, lie: inLog},
	{name: "vote forgotten", within: 200, tamper: forgetVote},
}

// forgetVote takes the vote out of what the log is asked to make durable.
func forgetVote(message any) {
	batch, is := message.(kit.Batch)
	if !is {
		return
	}
	for _, one := range batch.Messages {
		if m, is := one.(walactor.Append); is && m.Update.Hard != nil {
			m.Update.Hard.Vote = 0
		}
	}
}

// TestPlantedBugsAreFound checks the checkers.
func TestPlantedBugsAreFound(t *testing.T) {
	for i := range bugs {
		b := &bugs[i]
		if testing.Short() && i > 0 {
			break // the detector makes a seed cost ten times as much
		}
		t.Run(strings.ReplaceAll(b.name, " ", "-"), func(t *testing.T) { find(t, b) })
	}
}

// find runs seeds until the bug is found, and says how.
func find(t *testing.T, b *bug) {
	if b.plant != nil {
		b.plant(true)
		defer b.plant(false)
	}
	begun := time.Now()
	for seed := *firstSeed; seed < *firstSeed+b.within; seed++ {
		o := optionsOf(seed)
		o.bug = b
		var r result
		t.Run(fmt.Sprint(seed), func(t *testing.T) { r = simulate(t, o) })
		if r.broken != nil {
			t.Logf("%s: found by seed %d in %v: %v", b.name, seed, time.Since(begun).Round(time.Millisecond), r.broken)
			return
		}
	}
	t.Errorf("%s: not found by %d seeds in %v", b.name, b.within, time.Since(begun).Round(time.Millisecond))
}
