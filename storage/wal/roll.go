package wal

import (
	"fmt"
	"path"

	"github.com/chronik-go/chronik/storage/vfs"
)

// roll makes everything durable and starts the next file, with room for a frame of the given size. The
// order matters:
//
//  1. The current file is synced: the new head will say that it is complete up to its end.
//  2. The head is written to a spare and synced under the spare's name. A crash until here leaves a spare.
//  3. The spare gets its .wal name, and the directory is synced. From here on it is the newest file.
//  4. Only now are files reused that the new head does not name.
func (w *WAL) roll(bytes int64) error {
	if err := w.Sync(); err != nil {
		return err
	}
	return w.start(bytes)
}

// start does the steps 2 to 4.
func (w *WAL) start(bytes int64) error {
	live := w.liveFiles()
	capacity := w.capacityFor(headPosition+w.planHead(live).bytes, bytes)
	if len(w.spares) == 0 {
		if err := w.allocate(); err != nil {
			return err
		}
	}
	s := w.spares[0]
	f := &file{handle: s.handle, sequence: w.nextSequence(), capacity: capacity}
	f.incarnation = w.options.Incarnation()
	f.path, f.seed = w.logPath(f.sequence), seedOf(f.incarnation)
	head := w.encodeHead(f, live)
	if err := w.writeHead(s, head, capacity); err != nil {
		return err
	}
	if err := w.publish(s, f); err != nil {
		return w.fail(err)
	}
	w.spares = w.spares[1:]
	w.frame++
	w.durable = w.frame
	f.end = alignUp(int64(len(head)), alignment)
	w.current = f
	w.files[uint32(f.sequence)] = f
	return w.recycle()
}

// liveFiles returns the files that hold live entries, oldest first.
func (w *WAL) liveFiles() []*file {
	var live []*file
	for _, sequence := range sortedKeys(w.files) {
		if f := w.files[sequence]; f.live > 0 {
			live = append(live, f)
		}
	}
	return live
}

// capacityFor returns the size of a new file: the usual one, unless its head would fill most of it, so that
// the log would spend its time writing heads, or the frame it is started for is larger.
func (w *WAL) capacityFor(head, frame int64) int64 {
	capacity := max(w.options.FileBytes, min(4*head, maxFileBytes), alignUp(head, alignment)+frame)
	return alignUp(capacity, pageSize)
}

func (w *WAL) nextSequence() uint64 {
	next := uint64(1)
	if w.current != nil {
		next = w.current.sequence + 1
	}
	if next >= 1<<32 {
		panic("BUG: got more than 2^32 log files, want that to take a few million years")
	}
	return next
}

// writeHead writes the head into a spare and syncs it. A full disk leaves the spare a spare.
func (w *WAL) writeHead(s spare, head []byte, capacity int64) error {
	if capacity > w.options.FileBytes {
		if err := s.handle.Preallocate(capacity); err != nil {
			return w.noSpaceOr(fmt.Errorf("enlarge %s: %w", s.path, err))
		}
	}
	padded := make([]byte, alignUp(int64(len(head)), pageSize))
	copy(padded, head)
	if _, err := s.handle.WriteAt(padded, 0); err != nil {
		return w.noSpaceOr(fmt.Errorf("write head of %s: %w", s.path, err))
	}
	if err := s.handle.Sync(); err != nil {
		return w.fail(fmt.Errorf("sync head of %s: %w", s.path, err))
	}
	return nil
}

func (w *WAL) noSpaceOr(err error) error {
	if vfs.IsNoSpace(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return w.fail(err)
}

func (w *WAL) publish(s spare, f *file) error {
	if err := w.fsys.Rename(s.path, f.path); err != nil {
		return fmt.Errorf("name %s: %w", path.Base(f.path), err)
	}
	if err := w.fsys.SyncDir(w.dir); err != nil {
		return fmt.Errorf("sync %s: %w", w.dir, err)
	}
	return nil
}
