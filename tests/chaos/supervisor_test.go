package chaos

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// sizes are those of the clusters.
var sizes = []int{1, 3}

// crashes is how many are injected into clusters of a size. Three nodes in one process, with their clients,
// keep a machine busy: of a run of some minutes they get a third, of a long one half.
func crashes(t *testing.T, size int) int {
	total := 510
	if text := os.Getenv("CHRONIK_CHAOS_CRASHES"); text != "" {
		var err error
		if total, err = strconv.Atoi(text); err != nil {
			t.Fatalf("CHRONIK_CHAOS_CRASHES: %v", err)
		}
	} else if testing.Short() {
		total = 90
	}
	switch {
	case total >= long:
		return total / 2
	case size > 1:
		return total / 3
	}
	return total - total/3
}

func seedOf(t *testing.T) uint64 {
	seed := rand.Uint64()
	if text := os.Getenv("CHRONIK_CHAOS_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("CHRONIK_CHAOS_SEED: %v", err)
		}
	}
	t.Logf("seed %d (CHRONIK_CHAOS_SEED)", seed)
	return seed
}

// spared are kinds that are not crashed, with the reason.
var spared = map[string]string{}

// TestSupervisorRepairsEveryKind crashes every kind of actor before, in the middle of and after each type of
// message that it handles, and checks the history.
func TestSupervisorRepairsEveryKind(t *testing.T) {
	seed := seedOf(t)
	var text strings.Builder
	fmt.Fprintf(&text, "Seed %d.\n\n", seed)
	for _, size := range sizes {
		results, seen := newTable(size, crashes(t, size)), newSightings()
		t.Run(fmt.Sprintf("%d nodes", size), func(t *testing.T) {
			for lane := range lanes {
				t.Run(fmt.Sprint(lane+1), func(t *testing.T) {
					t.Parallel()
					c := newCampaign(t, size, rand.New(rand.NewPCG(seed, uint64(size*lanes+lane))), results)
					c.run(crashes(t, size) / lanes)
					c.finish()
					seen.add(c.world.kinds)
				})
			}
		})
		results.took = time.Since(results.begun)
		expectCoverage(t, results, seen, crashes(t, size))
		expectSpeed(t, results)
		text.WriteString(results.text(seen))
	}
	publish(t, text.String())
}

// lanes is how many clusters are under fire at once: most of a crash is waiting.
const lanes = 3

// sightings are the types of messages that kinds of actors were seen to handle, by kind.
type sightings struct {
	mu  sync.Mutex
	all map[string]map[string]bool
}

func newSightings() *sightings { return &sightings{all: map[string]map[string]bool{}} }

func (s *sightings) add(k *kinds) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.each(func(one *sight) {
		if s.all[one.kind()] == nil {
			s.all[one.kind()] = map[string]bool{}
		}
		s.all[one.kind()][one.message] = true
	})
}

// of returns the messages of a kind.
func (s *sightings) of(kind string) []string { return slices.Sorted(maps.Keys(s.all[kind])) }

// enough is how many crashes in clusters of a size it takes until each kind that lives there has had its share.
const enough = 300

// expectCoverage wants every kind that was alive to have been crashed, or to be spared for a reason.
func expectCoverage(t *testing.T, b *table, seen *sightings, total int) {
	t.Helper()
	for kind := range seen.all {
		if b.crashes(kind) == 0 && spared[kind] == "" && total >= enough {
			t.Errorf("no actor of the kind %s was crashed", kind)
		}
	}
	for kind, why := range spared {
		if b.crashes(kind) > 0 {
			t.Errorf("%s was crashed and need not be spared (%s)", kind, why)
		}
	}
}

// timed are the kinds that have to serve again within a time, as the median.
var timed = map[string]time.Duration{
	"raft/group": 200 * time.Millisecond, "raft/group/applier": 200 * time.Millisecond,
	"listener/conn": 100 * time.Millisecond, "listener/conn/write": 100 * time.Millisecond,
	"listener/conn/fetch": 100 * time.Millisecond, "listener/conn/call": 100 * time.Millisecond,
}

// expectSpeed wants what is repaired to be back soon, as the median of crashes that were alone: a
// connection's or a request's crash is answered at once, a core or an applier of a Raft group has its replica
// lead again. A machine that has other things to do gets what it took where nothing had crashed, some times
// over.
func expectSpeed(t *testing.T, b *table) {
	t.Helper()
	for kind, most := range timed {
		most += tolerance * b.quietMedian()
		if got := b.median(kind); got > most {
			t.Errorf("%s serves again after %v as the median, want at most %v", kind, got, most)
		}
	}
}

// tolerance is how many such times there are in a repair: a turn each for the supervisor, the part, the client
// that finds its way back, and the records.
const tolerance = 4
