//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/chronik-go/chronik/tests/bench"
)

// The write-ahead log: as many files as a broker recycles, each written once in full before it is used, so
// that an fdatasync finds no block to allocate.
const (
	logFiles     = 4
	logFileBytes = 64 << 20
	pageBytes    = 4096
)

// log is a ring of preallocated files.
type log struct {
	files   [logFiles]*os.File
	current int
	at      int64
	vectors [][]byte
	slower  time.Duration // by which a sync is to take longer
}

var zeros [pageBytes]byte

func openLog(dir string, slower time.Duration) (*log, error) {
	l := &log{slower: slower}
	for i := range l.files {
		file, err := preallocated(filepath.Join(dir, fmt.Sprintf("wal-%d", i)), logFileBytes)
		if err != nil {
			return nil, err
		}
		l.files[i] = file
	}
	return l, nil
}

// preallocated returns a file of a size whose blocks are all written and on disk.
func preallocated(name string, size int64) (*os.File, error) {
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	part := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(part)) {
		if _, err := file.WriteAt(part, at); err != nil {
			return nil, err
		}
	}
	return file, file.Sync()
}

// write makes records durable: one vectored write, filled up to whole pages, and one fdatasync.
func (l *log) write(records [][]byte) error {
	size := int64(0)
	l.vectors = l.vectors[:0]
	for _, one := range records {
		l.vectors = append(l.vectors, one)
		size += int64(len(one))
	}
	if short := size % pageBytes; short > 0 {
		l.vectors = append(l.vectors, zeros[:pageBytes-short])
		size += pageBytes - short
	}
	if l.at+size > logFileBytes {
		l.current, l.at = (l.current+1)%logFiles, 0
	}
	fd := int(l.files[l.current].Fd())
	if err := writeAll(fd, l.vectors, l.at, size); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	l.at += size
	clear(l.vectors)
	time.Sleep(l.slower)
	if err := unix.Fdatasync(fd); err != nil {
		return fmt.Errorf("sync log: %w", err)
	}
	return nil
}

// writeAll writes buffers of a size in one call, or fails.
func writeAll(fd int, buffers [][]byte, at, size int64) error {
	n, err := unix.Pwritev(fd, buffers, at)
	if err == nil && int64(n) != size {
		err = fmt.Errorf("wrote %d of %d bytes", n, size)
	}
	return err
}

// syncs measures what one write of a size and its fdatasync take.
func syncs(dir string, size int, duration time.Duration) error {
	runtime.LockOSThread()
	file, err := preallocated(filepath.Join(dir, "sync"), logFileBytes)
	if err != nil {
		return err
	}
	defer file.Close()
	fd, data := int(file.Fd()), make([]byte, size)
	var took []time.Duration
	begun := time.Now()
	last, at := begun, int64(0)
	for last.Sub(begun) < duration {
		if _, err := unix.Pwrite(fd, data, at); err != nil {
			return err
		}
		if err := unix.Fdatasync(fd); err != nil {
			return err
		}
		now := time.Now()
		took = append(took, now.Sub(last))
		last = now
		if at += int64(size); at+int64(size) > logFileBytes {
			at = 0
		}
	}
	return bench.Say(bench.Summarize(took, last.Sub(begun)))
}
