package powerloss

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chronik-go/chronik/storage/partitionlog"
	"github.com/chronik-go/chronik/storage/vfs"
)

var (
	firstSeed = flag.Uint64("seed", 1, "first seed of the simulation")
	seedCount = flag.Uint64("seeds", 0, "number of seeds; 0: 1000, fewer with -race or -short")
	onlyPlace = flag.Int64("place", 0, "from which size on batches go straight to their segment; 0: drawn")
)

// lives is how often a seed cuts the power.
const lives = 4

func seeds() uint64 {
	switch {
	case *seedCount > 0:
		return *seedCount
	case raceEnabled:
		return 40
	case testing.Short():
		return 30
	}
	return 1000
}

// TestPowerLossBreaksNoPromise cuts the power of a loaded node at random file operations, again and again.
func TestPowerLossBreaksNoPromise(t *testing.T) {
	var acked, retried, gaps, started, deleted, transactions, placed atomic.Int64
	begun, count := time.Now(), seeds()
	eachSeed(t, *firstSeed, count, func(t *testing.T, seed uint64) {
		b := simulate(t, seed, func(disk vfs.FS) vfs.FS { return disk })
		if b.err != nil {
			t.Fatalf("%v\nagain: go test ./tests/powerloss -run %s -seed %d -seeds 1", b.err,
				"TestPowerLossBreaksNoPromise", seed)
		}
		acked.Add(int64(b.acked))
		retried.Add(int64(b.retried))
		gaps.Add(int64(b.gaps))
		started.Add(int64(b.lives))
		deleted.Add(int64(b.deleted))
		transactions.Add(int64(b.transactions))
		placed.Add(int64(b.placed))
	})
	t.Logf("seeds %d to %d: %d starts, %d batches acked, %d sent again, %d gaps refused, %d topics deleted, "+
		"%d transactions ended, %d bytes placed, %v", *firstSeed, *firstSeed+count-1, started.Load(), acked.Load(), retried.Load(),
		gaps.Load(), deleted.Load(), transactions.Load(), placed.Load(), time.Since(begun).Round(time.Millisecond))
	if count >= 20 && *onlyPlace == 0 && (acked.Load() == 0 || retried.Load() == 0 || gaps.Load() == 0 || deleted.Load() == 0 ||
		transactions.Load() == 0 || placed.Load() == 0) {
		t.Error("the simulation did not try what it is for")
	}
}

// eachSeed runs a test for each seed, on all processors. A parent keeps its parallel subtests with all that
// they hold until the last of them ends, so only the lanes are parallel.
func eachSeed(t *testing.T, first, count uint64, run func(t *testing.T, seed uint64)) {
	t.Helper()
	var taken atomic.Uint64
	t.Run("seeds", func(t *testing.T) {
		for lane := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint("lane ", lane), func(t *testing.T) {
				t.Parallel()
				for n := taken.Add(1); n <= count; n = taken.Add(1) {
					seed := first + n - 1
					t.Run(fmt.Sprint(seed), func(t *testing.T) { run(t, seed) })
				}
			})
		}
	})
}

// liarSeeds is how many seeds the checker may take to find a disk out that never syncs.
const liarSeeds = 200

// TestCheckerFindsALostAck runs the same simulation on a disk whose Sync does nothing.
func TestCheckerFindsALostAck(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+liarSeeds; seed++ {
		b := simulate(t, seed, func(disk vfs.FS) vfs.FS { return forgetful{disk} })
		if errors.Is(b.err, errLost) {
			t.Logf("found: %v", b.err)
			return
		}
	}
	t.Fatalf("no lost ack was found within %d seeds on a disk that never syncs", liarSeeds)
}

// TestSeedIsReplayable runs one seed twice: the same file operations, the same promises.
func TestSeedIsReplayable(t *testing.T) {
	var runs [2]string
	for i := range runs {
		b := simulate(t, *firstSeed, func(disk vfs.FS) vfs.FS { return disk })
		runs[i] = fmt.Sprintf("%d acked, %d retried, %d gaps, %d starts, %d batches, %d transactions, ids to %d, %v", b.acked, b.retried,
			b.gaps, b.lives, len(b.byNumber), b.transactions, b.highest, b.err)
	}
	if runs[0] != runs[1] {
		t.Errorf("seed %d came to\n%s\nand then to\n%s", *firstSeed, runs[0], runs[1])
	}
}

// simulate runs a node through its lives. The wrapper stands between the node and its disk.
func simulate(t *testing.T, seed uint64, wrap func(vfs.FS) vfs.FS) *book {
	random := rand.New(rand.NewPCG(seed, 1))
	b, disk := newBook(), vfs.NewMem()
	for n := range uint64(lives + 1) {
		p := &power{left: cut(random)}
		if n == lives {
			p.left = 1 << 40 // the last look
		}
		logConfig := partitionlog.Config{
			SegmentBytes: 2000 + random.Int64N(10_000), IndexIntervalBytes: 256 << random.IntN(4), RetentionBytes: -1,
			RetentionMs: -1,
		}
		place := placeBytes[random.IntN(len(placeBytes))]
		if *onlyPlace != 0 {
			place = *onlyPlace
		}
		l := startLife(t, seed<<8|n, vfs.NewFaulty(wrap(disk), p.inject), logConfig, place)
		live(b, l, p, n+1, random.IntN(700))
		b.placed += l.placedBytes()
		if b.err != nil {
			b.err = fmt.Errorf("seed %d, life %d: %w", seed, n, b.err)
			return b
		}
		disk = disk.CrashClone(random)
	}
	return b
}

// cut draws the operation at which the power goes: now and then during the start.
func cut(random *rand.Rand) int {
	if random.IntN(4) == 0 {
		return random.IntN(60)
	}
	return 30 + random.IntN(900)
}

// live starts the node, inspects it, and loads it until the power goes or the steps are used up.
func live(b *book, l *life, p *power, number uint64, steps int) {
	b.restarted()
	d := &load{book: b, life: l, power: p}
	defer func() { d.ended = true }()
	l.Run()
	if p.off {
		return
	}
	b.lives++
	(&inspection{book: b, life: l, number: number}).inspect()
	if b.err != nil {
		return
	}
	d.remember()
	for range steps {
		if p.off || b.err != nil {
			break
		}
		d.step()
	}
	if !p.off && len(l.failures) > 0 {
		b.broken("the node failed while it had power: %v", l.failures[0])
	}
	l.steps(l.Random().IntN(300)) // answers that were under way when the power went must be true as well
}
