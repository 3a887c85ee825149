package vfs

import (
	"errors"
	"sync/atomic"
	"syscall"
)

// OpKind names an operation of FS or File.
type OpKind string

// The operations that NewFaulty asks about.
const (
	OpOpen        OpKind = "open"
	OpCreate      OpKind = "create"
	OpRemove      OpKind = "remove"
	OpRename      OpKind = "rename"
	OpMkdir       OpKind = "mkdir"
	OpList        OpKind = "list"
	OpStat        OpKind = "stat"
	OpSyncDir     OpKind = "syncdir"
	OpLock        OpKind = "lock"
	OpFree        OpKind = "free"
	OpRead        OpKind = "read"
	OpWrite       OpKind = "write"
	OpSync        OpKind = "sync"
	OpTruncate    OpKind = "truncate"
	OpPreallocate OpKind = "preallocate"
)

// Op describes an operation that is about to happen.
type Op struct {
	Kind   OpKind
	Name   string
	Offset int64 // reads and writes; the new size for truncate and preallocate
	Length int   // bytes, reads and writes
}

// ShortWrite, returned by an injector for a write, lets the first Bytes bytes through and then fails with
// Err.
type ShortWrite struct {
	Bytes int
	Err   error
}

// Error implements error.
func (s *ShortWrite) Error() string { return "short write: " + s.Err.Error() }

// Unwrap returns the error the caller of the write will see.
func (s *ShortWrite) Unwrap() error { return s.Err }

// ErrInjected is the error of the ready-made injectors.
var ErrInjected = errors.New("injected fault")

// NewFaulty returns a file system that asks inject before every operation and fails with its error when
// there is one. An operation that fails this way does not happen at all, except for a [ShortWrite]. inject
// may block, to model a stalling disk, and must be safe for concurrent use.
func NewFaulty(fsys FS, inject func(Op) error) FS { return &faultyFS{fsys: fsys, inject: inject} }

// FailFrom returns an injector that fails every operation of one kind, forever, from the n-th on (counted
// from 0).
func FailFrom(kind OpKind, n int64, err error) func(Op) error {
	var seen atomic.Int64
	return func(op Op) error {
		if op.Kind == kind && seen.Add(1) > n {
			return err
		}
		return nil
	}
}

// NoSpaceFrom returns an injector that reports a full disk for every creation and preallocation from the
// n-th on.
func NoSpaceFrom(n int64) func(Op) error {
	var seen atomic.Int64
	return func(op Op) error {
		if (op.Kind == OpPreallocate || op.Kind == OpCreate) && seen.Add(1) > n {
			return pathError(string(op.Kind), op.Name, syscall.ENOSPC)
		}
		return nil
	}
}

type faultyFS struct {
	fsys   FS
	inject func(Op) error
}

func (f *faultyFS) Open(name string) (File, error) { return f.open(OpOpen, name, f.fsys.Open) }

func (f *faultyFS) Create(name string) (File, error) { return f.open(OpCreate, name, f.fsys.Create) }

func (f *faultyFS) OpenReadWrite(name string) (File, error) {
	return f.open(OpOpen, name, f.fsys.OpenReadWrite)
}

func (f *faultyFS) Lock(name string) (File, error) { return f.open(OpLock, name, f.fsys.Lock) }

func (f *faultyFS) open(kind OpKind, name string, open func(string) (File, error)) (File, error) {
	if err := f.inject(Op{Kind: kind, Name: name}); err != nil {
		return nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, name: name, inject: f.inject}, nil
}

func (f *faultyFS) Remove(name string) error {
	if err := f.inject(Op{Kind: OpRemove, Name: name}); err != nil {
		return err
	}
	return f.fsys.Remove(name)
}

func (f *faultyFS) Rename(from, to string) error {
	if err := f.inject(Op{Kind: OpRename, Name: from}); err != nil {
		return err
	}
	return f.fsys.Rename(from, to)
}

func (f *faultyFS) MkdirAll(dir string) error {
	if err := f.inject(Op{Kind: OpMkdir, Name: dir}); err != nil {
		return err
	}
	return f.fsys.MkdirAll(dir)
}

func (f *faultyFS) List(dir string) ([]string, error) {
	if err := f.inject(Op{Kind: OpList, Name: dir}); err != nil {
		return nil, err
	}
	return f.fsys.List(dir)
}

func (f *faultyFS) Stat(name string) (Info, error) {
	if err := f.inject(Op{Kind: OpStat, Name: name}); err != nil {
		return Info{}, err
	}
	return f.fsys.Stat(name)
}

func (f *faultyFS) SyncDir(dir string) error {
	if err := f.inject(Op{Kind: OpSyncDir, Name: dir}); err != nil {
		return err
	}
	return f.fsys.SyncDir(dir)
}

func (f *faultyFS) Free(name string) (Space, error) {
	if err := f.inject(Op{Kind: OpFree, Name: name}); err != nil {
		return Space{}, err
	}
	return f.fsys.Free(name)
}

// faultyFile asks before every operation of a file; Size, Fd and Close never fail.
type faultyFile struct {
	File
	name   string
	inject func(Op) error
}

func (f *faultyFile) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.inject(Op{Kind: OpRead, Name: f.name, Offset: offset, Length: len(p)}); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, offset)
}

func (f *faultyFile) WriteAt(p []byte, offset int64) (int, error) {
	return f.WritevAt([][]byte{p}, offset)
}

func (f *faultyFile) WritevAt(buffers [][]byte, offset int64) (int, error) {
	length := 0
	for _, buffer := range buffers {
		length += len(buffer)
	}
	err := f.inject(Op{Kind: OpWrite, Name: f.name, Offset: offset, Length: length})
	if err == nil {
		return f.File.WritevAt(buffers, offset)
	}
	short, ok := errors.AsType[*ShortWrite](err)
	if !ok {
		return 0, err
	}
	n, writeErr := f.File.WritevAt(firstBytes(buffers, short.Bytes), offset)
	if writeErr != nil {
		return n, writeErr
	}
	return n, short.Err
}

func (f *faultyFile) Sync() error {
	if err := f.inject(Op{Kind: OpSync, Name: f.name}); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.inject(Op{Kind: OpTruncate, Name: f.name, Offset: size}); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Preallocate(size int64) error {
	if err := f.inject(Op{Kind: OpPreallocate, Name: f.name, Offset: size}); err != nil {
		return err
	}
	return f.File.Preallocate(size)
}

// firstBytes returns the buffers cut to n bytes in all.
func firstBytes(buffers [][]byte, n int) [][]byte {
	var cut [][]byte
	for _, buffer := range buffers {
		buffer = buffer[:min(n, len(buffer))]
		n -= len(buffer)
		cut = append(cut, buffer)
	}
	return cut
}
