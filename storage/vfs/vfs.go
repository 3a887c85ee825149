package vfs

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
	"time"
)

// FS is a file system. All methods may be called from any goroutine. Errors about a name wrap
// fs.ErrNotExist or fs.ErrExist where that is the reason.
type FS interface {
	// Open opens an existing file for reading only.
	Open(name string) (File, error)
	// Create opens name for reading and writing. It makes the file if it does not exist and empties it if
	// it does.
	Create(name string) (File, error)
	// OpenReadWrite opens an existing file for reading and writing and leaves its content alone.
	OpenReadWrite(name string) (File, error)
	// Remove removes a file or an empty directory. Open handles of a removed file stay usable.
	Remove(name string) error
	// Rename gives a file or directory a new name and replaces a file of that name, entirely or not at all.
	Rename(from, to string) error
	// MkdirAll makes a directory and the missing ones above it. See [MkdirAllSync] for the durable variant.
	MkdirAll(dir string) error
	// List returns the names of the entries of a directory in ascending order.
	List(dir string) ([]string, error)
	// Stat describes a file or a directory.
	Stat(name string) (Info, error)
	// SyncDir makes the names in a directory durable.
	SyncDir(dir string) error
	// Lock opens name like OpenReadWrite, creating it when missing, and takes an exclusive lock that ends
	// with Close of the returned file or with the process. A lock that is held elsewhere is answered with
	// [ErrLocked], at once.
	Lock(name string) (File, error)
	// Free tells how much room the file system that holds name has.
	Free(name string) (Space, error)
}

// File is an open file. Reads and writes carry their position, so any number of goroutines may share one.
type File interface {
	io.ReaderAt // io.EOF when fewer bytes than asked for are left
	io.WriterAt
	io.Closer

	// WritevAt writes all buffers one after the other from offset on and returns the number of bytes
	// written, which is less than the sum only together with an error. It does not keep or change the
	// slices.
	WritevAt(buffers [][]byte, offset int64) (int, error)
	// Sync makes what was written, and the length, durable (fdatasync). After an error it must not be tried
	// again.
	Sync() error
	// WriteBack asks the system to begin to bring a written range to the disk, so that a later Sync finds little
	// left to do and keeps the disk from nobody else. It makes nothing durable. Best effort: it never fails.
	WriteBack(offset, length int64)
	// Truncate sets the length. Bytes beyond an earlier end read as zero.
	Truncate(size int64) error
	// Preallocate reserves room on disk up to size and makes the file at least that long; the new bytes
	// read as zero. When there is not enough room it fails with an error for which [IsNoSpace] holds.
	Preallocate(size int64) error
	// Size returns the length in bytes.
	Size() (int64, error)
	// Evict asks the system to forget its cached copy of the synced part, so that the next reads come from
	// the disk and not from memory that a failed write-back left behind. Best effort: it never fails.
	Evict()
	// Fd returns the file descriptor for sendfile and the like; false where there is none.
	Fd() (uintptr, bool)
}

// Info describes a file or directory.
type Info struct {
	Size    int64
	ModTime time.Time
	IsDir   bool
}

// Space is the room of a file system in bytes; Free counts what an ordinary user may still take.
type Space struct {
	Free, Total int64
}

// ErrLocked is returned by FS.Lock when another process, or another part of this one, holds the lock.
var ErrLocked = errors.New("locked by another process")

// IsNoSpace tells whether an operation failed because the disk, or the quota on it, is full.
func IsNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// IsNotExist tells whether an operation failed because there is no such file or directory.
func IsNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// IsExist tells whether an operation failed because there is such a file or directory already.
func IsExist(err error) bool { return errors.Is(err, fs.ErrExist) }
