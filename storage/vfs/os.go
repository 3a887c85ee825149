package vfs

import (
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// OS returns the real file system.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) Open(name string) (File, error) { return opened(osOpen(name, os.O_RDONLY)) }

func (osFS) Create(name string) (File, error) {
	return opened(osOpen(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC))
}

func (osFS) OpenReadWrite(name string) (File, error) { return opened(osOpen(name, os.O_RDWR)) }

func (osFS) Remove(name string) error { return os.Remove(name) }

func (osFS) Rename(from, to string) error { return os.Rename(from, to) }

func (osFS) MkdirAll(dir string) error { return os.MkdirAll(dir, 0o755) }

func (osFS) List(dir string) ([]string, error) {
	handle, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	names, err := handle.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	return names, nil
}

func (osFS) Stat(name string) (Info, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Info{}, err
	}
	return Info{Size: info.Size(), ModTime: info.ModTime(), IsDir: info.IsDir()}, nil
}

func (osFS) SyncDir(dir string) error {
	handle, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = handle.Sync()
	if closeErr := handle.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (osFS) Lock(name string) (File, error) {
	handle, err := osOpen(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	var lockErr error
	err = handle.control(func(fd int) { lockErr = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if err != nil {
		lockErr = err
	}
	if lockErr == nil {
		return handle, nil
	}
	_ = handle.Close() // nothing was written; the reason worth telling is lockErr
	if lockErr == unix.EWOULDBLOCK {
		lockErr = ErrLocked
	}
	return nil, fmt.Errorf("lock %s: %w", name, lockErr)
}

func (osFS) Free(name string) (Space, error) {
	var stat unix.Statfs_t
	if err := ignoreInterrupts(func() error { return unix.Statfs(name, &stat) }); err != nil {
		return Space{}, &os.PathError{Op: "statfs", Path: name, Err: err}
	}
	block := int64(stat.Bsize)
	return Space{Free: int64(stat.Bavail) * block, Total: int64(stat.Blocks) * block}, nil
}

// ignoreInterrupts repeats a system call that a signal interrupted; the Go runtime sends itself signals all
// the time.
func ignoreInterrupts(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
