package wal_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

var (
	firstSeed = flag.Uint64("seed", 1, "first seed of the random tests")
	seeds     = flag.Uint64("seeds", defaultSeeds, "number of seeds of the random tests")
)

// TestCrashesLoseNothingSynced drives a log with random updates, cuts the power at a random file operation,
// in the middle of anything, and checks that what is found afterwards is exactly the state after some
// append that was not before the last successful sync.
func TestCrashesLoseNothingSynced(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+*seeds; seed++ {
		run := newCrashRun(seed)
		if err := run.do(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

var errPowerCut = errors.New("power cut")

// crashRun is one history of a log on a disk that loses power now and then.
type crashRun struct {
	rng       *rand.Rand
	disk      *vfs.Mem
	log       *wal.WAL
	generator generator
	options   wal.Options

	states   []model // states[i] is the state after the i-th append since the log was last checked
	synced   int     // states[synced] is durable
	cut      int     // file operations until the power fails; negative: never
	powerOff bool
}

func newCrashRun(seed uint64) *crashRun {
	rng := rand.New(rand.NewPCG(seed, 0))
	r := &crashRun{rng: rng, disk: vfs.NewMem(), states: []model{{}}}
	r.generator = generator{rng: rng, groups: 1 + rng.IntN(6), data: 50 << rng.IntN(7)}
	r.options = wal.Options{
		FileBytes:   int64(16+rng.IntN(48)) << 10,
		KeepSpares:  3 + rng.IntN(3),
		Incarnation: rng.Uint64,
	}
	return r
}

func (r *crashRun) do() error {
	for life := range 5 {
		r.cut, r.powerOff = r.rng.IntN(120), false
		if r.rng.IntN(3) == 0 {
			r.cut = -1
		}
		if err := r.live(); err != nil {
			return fmt.Errorf("life %d: %w", life, err)
		}
		switch r.rng.IntN(4) {
		case 0: // only the process died: all writes are seen by the next one
		default:
			r.disk = r.disk.CrashClone(r.rng)
		}
	}
	r.cut, r.powerOff = -1, false
	return r.open()
}

// inject is asked before every file operation.
func (r *crashRun) inject(vfs.Op) error {
	if r.cut == 0 {
		r.powerOff = true
	}
	r.cut--
	if r.powerOff {
		return errPowerCut
	}
	return nil
}

// open opens the log and finds out which of the possible states it is in.
func (r *crashRun) open() error {
	log, err := wal.Open(vfs.NewFaulty(r.disk, r.inject), "/data/wal", r.options)
	if err != nil {
		return err
	}
	r.log = log
	why := ""
	for i := len(r.states) - 1; i >= r.synced; i-- {
		d := r.states[i].difference(log)
		if d == "" {
			r.states, r.synced = []model{r.states[i]}, 0
			return nil
		}
		if r.powerOff {
			return errPowerCut
		}
		why += fmt.Sprintf("\n  not the state after append %d of %d (synced %d): %s", i, len(r.states)-1,
			r.synced, d)
	}
	return errors.New("the log is in none of the possible states:" + why)
}

func (r *crashRun) live() error {
	err := r.open()
	for steps := r.rng.IntN(60); err == nil && steps > 0; steps-- {
		err = r.step()
	}
	if err != nil && !r.powerOff {
		return err
	}
	return nil
}

func (r *crashRun) step() error {
	switch r.rng.IntN(30) {
	case 0:
		return r.log.Maintain()
	case 1:
		if err := r.log.Release(); err != nil {
			return err
		}
		return r.sync()
	case 2:
		if err := r.log.Close(); err != nil {
			return err
		}
		r.synced = len(r.states) - 1
		return r.open()
	}
	now := r.states[len(r.states)-1]
	updates := r.generator.updates(now)
	r.states = append(r.states, now.apply(updates)) // even when it fails it may have happened
	if err := r.log.Append(updates); err != nil {
		return err
	}
	if r.rng.IntN(3) > 0 {
		return r.sync()
	}
	return nil
}

func (r *crashRun) sync() error {
	if err := r.log.Sync(); err != nil {
		return err
	}
	r.synced = len(r.states) - 1
	return nil
}
