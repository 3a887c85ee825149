package sim

import (
	"errors"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"github.com/chronik-go/chronik/storage/vfs"
)

var errOff = errors.New("the machine is off")

// disk is that of one node. What was written and not synced when the power goes is lost, torn, or there, as
// the seed decides; see vfs.Mem.
type disk struct {
	mem     *vfs.Mem
	lie     func(name string) bool // files whose Sync does nothing; nil: none
	number  int                    // of the life that may use it
	slow    time.Duration          // mean time that the log waits for it; 0: none
	until   int                    // operations until the power goes; 0: it does not
	gone    bool                   // it has: the node crashes after this turn
	fail    error                  // of the next write or sync; nil: none
	full    bool                   // there is no room
	wronged bool                   // it has failed in this life: its node may give up
}

func newDisk() *disk { return &disk{mem: vfs.NewMem()} }

// begin lets a new life use the disk, and nobody from before.
func (d *disk) begin() {
	d.number++
	d.until, d.gone, d.fail, d.wronged = 0, false, nil, d.full
}

func (d *disk) crash(random *rand.Rand) {
	d.number++
	d.mem = d.mem.CrashClone(random)
}

func (d *disk) empty() { d.mem = vfs.NewMem() }

// view is the file system as the present life sees it.
func (d *disk) view() vfs.FS {
	number := d.number
	var below vfs.FS = d.mem
	if d.lie != nil {
		below = liar{below, d.lie}
	}
	return vfs.NewFaulty(below, func(op vfs.Op) error {
		if d.number != number || d.gone {
			return errOff
		}
		return d.inject(op)
	})
}

// inject decides the fate of one operation.
func (d *disk) inject(op vfs.Op) error {
	switch op.Kind {
	case vfs.OpRead, vfs.OpOpen, vfs.OpList, vfs.OpStat, vfs.OpFree:
		return nil
	}
	if d.until > 0 {
		if d.until--; d.until == 0 {
			d.gone = true
			return errOff
		}
	}
	if d.fail != nil && (op.Kind == vfs.OpWrite || op.Kind == vfs.OpSync) {
		err := d.fail
		d.fail = nil
		return err
	}
	if d.full && (op.Kind == vfs.OpPreallocate || op.Kind == vfs.OpCreate) {
		return syscall.ENOSPC
	}
	return nil
}

// maybeCrash crashes the node whose power has gone in the middle of a turn.
func (d *disk) maybeCrash(n *node) {
	if d.gone && n.life != nil {
		d.gone = false
		n.crash("the power goes in the middle of a write")
		n.restart(n.world.scheduler.between(0, 5*time.Second))
	}
}

// liar is a file system that says that files are synced which are not.
type liar struct {
	vfs.FS
	lies func(name string) bool
}

func (f liar) Create(name string) (vfs.File, error) {
	file, err := f.FS.Create(name)
	return f.unsynced(name, file, err)
}

func (f liar) OpenReadWrite(name string) (vfs.File, error) {
	file, err := f.FS.OpenReadWrite(name)
	return f.unsynced(name, file, err)
}

func (f liar) unsynced(name string, file vfs.File, err error) (vfs.File, error) {
	if err != nil || !f.lies(name) {
		return file, err
	}
	return unsyncedFile{file}, nil
}

type unsyncedFile struct{ vfs.File }

func (unsyncedFile) Sync() error { return nil }

// inLog tells whether a file is of the write-ahead log.
func inLog(name string) bool { return strings.HasPrefix(name, "/data/wal/") }
