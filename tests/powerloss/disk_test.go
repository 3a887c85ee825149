package powerloss

import (
	"errors"
	"fmt"
	"strings"

	"github.com/chronik-go/chronik/storage/vfs"
)

var errPowerCut = errors.New("power cut")

// power is the supply of a disk: after so many operations that change something there is none.
type power struct {
	left int
	off  bool
	used int
}

// inject is for vfs.NewFaulty. Reads are not counted: a cut before a read is one before the next change.
func (p *power) inject(op vfs.Op) error {
	if p.off {
		return errPowerCut
	}
	switch op.Kind {
	case vfs.OpRead, vfs.OpOpen, vfs.OpList, vfs.OpStat, vfs.OpFree:
		return nil
	}
	p.used++
	if p.left--; p.left < 0 {
		p.off = true
		return errPowerCut
	}
	return nil
}

// forgetful is a file system whose Sync does nothing for the files of the write-ahead log and of topics: the
// liar that the checker has to find out.
type forgetful struct{ vfs.FS }

func (f forgetful) Create(name string) (vfs.File, error) {
	file, err := f.FS.Create(name)
	return unsynced(name, file, err)
}

func (f forgetful) OpenReadWrite(name string) (vfs.File, error) {
	file, err := f.FS.OpenReadWrite(name)
	return unsynced(name, file, err)
}

func unsynced(name string, file vfs.File, err error) (vfs.File, error) {
	if err != nil || !strings.HasPrefix(name, dataDir+"/wal/") && !strings.HasPrefix(name, dataDir+"/topics/") {
		return file, err
	}
	return unsyncedFile{file}, nil
}

type unsyncedFile struct{ vfs.File }

func (unsyncedFile) Sync() error { return nil }

func asError(reason any) error {
	if err, ok := reason.(error); ok {
		return err
	}
	return fmt.Errorf("%v", reason)
}
