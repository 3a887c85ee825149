package vfs

import (
	"io"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxVectors is IOV_MAX: the kernel takes no more buffers in one call.
const maxVectors = 1024

// vectorPool keeps the arrays handed to pwritev: golang.org/x/sys allocates a new one per call, which on
// the write path of the log would be garbage per fsync.
var vectorPool = sync.Pool{New: func() any { return new([maxVectors]unix.Iovec) }}

// WritevAt implements File with pwritev; one call unless there are more than 1024 buffers or the kernel
// writes less.
func (f *osFile) WritevAt(buffers [][]byte, offset int64) (int, error) {
	vectors := vectorPool.Get().(*[maxVectors]unix.Iovec)
	defer vectorPool.Put(vectors)
	written, skip := 0, 0 // skip counts the bytes of buffers[0] that are written already
	for len(buffers) > 0 {
		count := fillVectors(vectors, buffers, skip)
		if count == 0 {
			break
		}
		n, err := f.pwritev(vectors[:count], offset+int64(written))
		written += n
		if err != nil {
			return written, f.fail("pwritev", err)
		}
		buffers, skip = advance(buffers, skip+n)
	}
	return written, nil
}

// fillVectors points vectors at the buffers, leaving out the first skip bytes, and returns how many it used.
func fillVectors(vectors *[maxVectors]unix.Iovec, buffers [][]byte, skip int) int {
	count := 0
	for _, buffer := range buffers {
		buffer = buffer[skip:]
		skip = 0
		if len(buffer) == 0 {
			continue
		}
		if count == maxVectors {
			break
		}
		vectors[count].Base = unsafe.SliceData(buffer)
		vectors[count].SetLen(len(buffer))
		count++
	}
	return count
}

// advance drops n bytes from the front of buffers: whole buffers first, the rest is returned as the new skip.
func advance(buffers [][]byte, n int) ([][]byte, int) {
	for len(buffers) > 0 && n >= len(buffers[0]) {
		n -= len(buffers[0])
		buffers = buffers[1:]
	}
	return buffers, n
}

func (f *osFile) pwritev(vectors []unix.Iovec, offset int64) (int, error) {
	var n int
	var failed error
	err := f.raw.Control(func(fd uintptr) {
		failed = ignoreInterrupts(func() error {
			written, _, errno := unix.Syscall6(unix.SYS_PWRITEV, fd, uintptr(unsafe.Pointer(&vectors[0])),
				uintptr(len(vectors)), uintptr(offset), uintptr(offset>>32), 0)
			if errno != 0 {
				return errno
			}
			n = int(written)
			return nil
		})
	})
	clear(vectors) // the pool must not keep the caller's buffers alive
	if err == nil {
		err = failed
	}
	if err == nil && n == 0 {
		err = io.ErrShortWrite
	}
	return n, err
}

// Sync implements File with fdatasync: it leaves out the time stamps, so overwriting allocated blocks needs
// no journal.
func (f *osFile) Sync() error {
	var failed error
	err := f.control(func(fd int) {
		failed = ignoreInterrupts(func() error { return syscall.Fdatasync(fd) })
	})
	if err == nil {
		err = failed
	}
	return f.fail("fdatasync", err)
}

// WriteBack implements File with sync_file_range, which leaves the journal of the file system alone and waits
// for nothing but a place in the queue of the device.
func (f *osFile) WriteBack(offset, length int64) {
	_ = f.control(func(fd int) {
		_ = unix.SyncFileRange(fd, offset, length, unix.SYNC_FILE_RANGE_WRITE) // advice; Sync tells what fails
	})
}

// Preallocate implements File with fallocate. File systems without it get zeros written instead.
func (f *osFile) Preallocate(size int64) error {
	var failed error
	err := f.control(func(fd int) {
		failed = ignoreInterrupts(func() error { return unix.Fallocate(fd, 0, 0, size) })
	})
	if err == nil {
		err = failed
	}
	if err == unix.EOPNOTSUPP || err == unix.ENOSYS {
		return f.preallocateByWriting(size)
	}
	return f.fail("fallocate", err)
}

// Evict implements File with posix_fadvise.
func (f *osFile) Evict() {
	_ = f.control(func(fd int) {
		_ = unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED) // advice; without it reads are only less honest
	})
}
