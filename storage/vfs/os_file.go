package vfs

import (
	"os"
	"syscall"
)

// osFile is an open file of the real file system.
type osFile struct {
	file *os.File
	raw  syscall.RawConn // guards the descriptor against a concurrent Close while we use it directly
}

func osOpen(name string, flag int) (*osFile, error) {
	file, err := os.OpenFile(name, flag, 0o644)
	if err != nil {
		return nil, err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close() // opened and never used
		return nil, err
	}
	return &osFile{file: file, raw: raw}, nil
}

func (f *osFile) ReadAt(p []byte, offset int64) (int, error) { return f.file.ReadAt(p, offset) }

func (f *osFile) WriteAt(p []byte, offset int64) (int, error) { return f.file.WriteAt(p, offset) }

func (f *osFile) Close() error { return f.file.Close() }

func (f *osFile) Truncate(size int64) error { return f.file.Truncate(size) }

func (f *osFile) Fd() (uintptr, bool) { return f.file.Fd(), true }

func (f *osFile) Size() (int64, error) {
	info, err := f.file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f *osFile) control(use func(fd int)) error {
	return f.raw.Control(func(fd uintptr) { use(int(fd)) })
}

// fail gives the error of a direct system call the name of the file.
func (f *osFile) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: f.file.Name(), Err: err}
}

// preallocateByWriting appends zeros up to size; what is there already stays.
func (f *osFile) preallocateByWriting(size int64) error {
	at, err := f.Size()
	if err != nil {
		return err
	}
	zeros := make([]byte, min(max(size-at, 0), 1<<20))
	for at < size {
		n, err := f.file.WriteAt(zeros[:min(size-at, int64(len(zeros)))], at)
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}
