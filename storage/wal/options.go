package wal

import (
	"crypto/rand"
	"encoding/binary"
	"path"
)

// Options tune a log. The zero value is right for production.
type Options struct {
	// FileBytes is the size of a file. 0 means 64 MiB, the limits are 16 KiB and 1 GiB. Larger appends get
	// a larger file.
	FileBytes int64
	// Spares is how many files wait preallocated; at least 3, and 0 means 3: two make the reserve that
	// keeps the log usable on a full disk, the third lets the next file start without waiting for an
	// allocation.
	Spares int
	// KeepSpares is how many files that became free are kept for reuse. 0 means 8.
	KeepSpares int
	// Root is the directory that the files lie in to which entries may refer; "" means the one that holds the
	// log's directory. Their names are kept from there on, so that a data directory may be moved.
	Root string
	// Incarnation returns the random number that tells the lives of a file apart. nil means crypto/rand;
	// tests pass a seeded one.
	Incarnation func() uint64
}

// maxFileBytes bounds the usual size of a file. With the largest append on top positions still fit in 32
// bits.
const maxFileBytes = 1 << 30

func (o Options) withDefaults(dir string) Options {
	if o.Root == "" {
		o.Root = path.Dir(dir)
	}
	if o.FileBytes == 0 {
		o.FileBytes = 64 << 20
	}
	o.FileBytes = alignUp(min(max(o.FileBytes, 4*pageSize), maxFileBytes), pageSize)
	o.Spares = max(o.Spares, 3)
	if o.KeepSpares == 0 {
		o.KeepSpares = 8
	}
	o.KeepSpares = max(o.KeepSpares, o.Spares)
	if o.Incarnation == nil {
		o.Incarnation = randomIncarnation
	}
	return o
}

func randomIncarnation() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	return binary.LittleEndian.Uint64(b[:])
}
