package wal

import (
	"fmt"
	"path"

	"github.com/chronik-go/chronik/storage/vfs"
)

// The rule about room. Call files without live entries, other than the current one, dead: they become
// spares as soon as the next file is started. Starting a file takes one spare. Two promises:
//
//  1. The log can always be opened and always takes updates without entries (checkpoints above all, which
//     are the way out of a full disk).
//  2. It never finds out in the middle of an Append that there is no room.
//
// For the first it is enough that one spare is there whenever a file must be started, if starting a file,
// when nothing but small updates came since the start before, gives the old one back: then one spare lasts
// for ever. Entries are what makes the current file keep its room. So they are taken only if afterwards
// spares >= 1 and spares + dead >= 2: the next start of a file takes one, gets the dead ones back, and has
// at least one left, even if the current file stays live. After that the new file holds no entries, and
// none are taken until the rule holds again.
//
// The second is kept by taking the spare, or allocating a file, before the frame is written.

// makeRoom starts a new file if a frame of this many bytes does not fit in the current one, and keeps the
// rule. What entries refer to counts as if it were in the file: the files measure how much there is to apply
// again after a crash, and how much of it lies where does not matter for that.
func (w *WAL) makeRoom(bytes, referenced int64, entries bool) error {
	fits := w.fits(bytes) && !w.spent(bytes+referenced)
	if entries {
		if err := w.admit(fits); err != nil {
			return err
		}
	}
	if fits {
		return nil
	}
	return w.roll(bytes)
}

func (w *WAL) fits(bytes int64) bool {
	return alignUp(w.current.end+bytes, pageSize) <= w.current.capacity
}

// spent tells whether the current file, with what its entries refer to, stands for as much as a file may.
func (w *WAL) spent(bytes int64) bool {
	f := w.current
	return f.referenced > 0 && f.end+f.referenced+bytes > max(f.capacity, w.options.FileBytes)
}

// admit checks the rule for entries, and allocates files if that is what it takes.
func (w *WAL) admit(fits bool) error {
	for {
		spares, dead := len(w.spares), w.dead()
		if !fits && spares > 0 {
			if w.current.live == 0 {
				dead++
			}
			spares, dead = spares-1+dead, 0
		}
		if spares >= 1 && spares+dead >= 2 {
			return nil
		}
		if err := w.allocate(); err != nil {
			return err
		}
	}
}

// dead counts the files that become spares when the next file is started.
func (w *WAL) dead() int {
	n := 0
	for _, f := range w.files {
		if f.live == 0 && f != w.current {
			n++
		}
	}
	return n
}

// allocate makes one more spare file. A full disk is answered with ErrNoSpace and changes nothing.
func (w *WAL) allocate() error {
	name := w.sparePath()
	handle, err := w.fsys.Create(name)
	if err == nil {
		if err = handle.Preallocate(w.options.FileBytes); err == nil {
			err = handle.Sync()
		}
		if err == nil {
			err = w.fsys.SyncDir(w.dir)
		}
		if err == nil {
			w.spares = append(w.spares, spare{handle, name})
			return nil
		}
		_ = handle.Close()      // the error worth telling is err
		_ = w.fsys.Remove(name) // if it stays it is removed as too small by the next Open
	}
	if vfs.IsNoSpace(err) {
		return fmt.Errorf("%w: allocate %d bytes in %s: %w", ErrNoSpace, w.options.FileBytes, w.dir, err)
	}
	return w.fail(fmt.Errorf("allocate %s: %w", name, err))
}

func (w *WAL) sparePath() string {
	w.nextName++
	return path.Join(w.dir, fileName(w.nextName, spareSuffix))
}

// Maintain prepares for the appends to come what needs no hurry: it allocates spare files up to
// Options.Spares and removes those beyond Options.KeepSpares. Its owner calls it when nobody waits. A full
// disk is no error here: it shows in Stats, and in Append when it matters.
func (w *WAL) Maintain() error {
	if w.failed != nil {
		return w.failed
	}
	for len(w.spares)+w.dead() < w.options.Spares {
		if err := w.allocate(); err != nil {
			if w.failed != nil {
				return w.failed
			}
			break
		}
	}
	return w.trim(w.options.KeepSpares)
}

// trim removes spares beyond keep.
func (w *WAL) trim(keep int) error {
	for len(w.spares) > keep {
		last := len(w.spares) - 1
		s := w.spares[last]
		w.spares = w.spares[:last]
		_ = s.handle.Close() // nothing in it matters
		if err := w.fsys.Remove(s.path); err != nil {
			return w.fail(fmt.Errorf("remove %s: %w", s.path, err))
		}
	}
	return nil
}

// recycle turns the dead files into spares. The file that does not name them any more must be durable, and
// named so.
func (w *WAL) recycle() error {
	for _, key := range sortedKeys(w.files) {
		f := w.files[key]
		if f.live > 0 || f == w.current {
			continue
		}
		delete(w.files, key)
		if err := w.toSpare(f.handle, f.path); err != nil {
			return err
		}
	}
	return nil
}

// toSpare renames a file that is not needed. An enlarged one shrinks to the usual size.
func (w *WAL) toSpare(handle vfs.File, name string) error {
	to := w.sparePath()
	err := w.fsys.Rename(name, to)
	if err == nil {
		err = resize(handle, w.options.FileBytes)
	}
	if err != nil {
		return w.fail(fmt.Errorf("recycle %s: %w", name, err))
	}
	w.spares = append(w.spares, spare{handle, to})
	return nil
}

func resize(handle vfs.File, size int64) error {
	actual, err := handle.Size()
	if err != nil || actual <= size {
		return err
	}
	return handle.Truncate(size)
}

// adopt takes over the spares that earlier processes left. Those that are too small, because their
// allocation was cut short or the size was changed since, are removed.
func (w *WAL) adopt(sequences []uint64) error {
	for _, sequence := range sequences {
		name := path.Join(w.dir, fileName(sequence, spareSuffix))
		w.nextName = max(w.nextName, sequence)
		handle, err := w.fsys.OpenReadWrite(name)
		if err != nil {
			return fmt.Errorf("open spare file: %w", err)
		}
		size, err := handle.Size()
		if err == nil && size >= w.options.FileBytes {
			w.spares = append(w.spares, spare{handle, name})
			continue
		}
		_ = handle.Close() // nothing in it matters
		if err == nil {
			err = w.fsys.Remove(name)
		}
		if err != nil {
			return fmt.Errorf("remove spare file: %w", err)
		}
	}
	return nil
}
