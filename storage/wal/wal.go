package wal

import (
	"fmt"
	"slices"

	"github.com/chronik-go/chronik/storage/vfs"
)

// WAL is an open log. It has one owner; no two of its methods may run at the same time.
type WAL struct {
	fsys    vfs.FS
	dir     string
	options Options

	groups  map[GroupID]*group
	files   map[uint32]*file // live ones and the current one, by sequence
	current *file            // takes the frames
	spares  []spare

	frame    uint64 // sequence of the last frame written
	durable  uint64 // sequence of the last frame known to be durable
	nextName uint64 // sequence for the next spare file's name
	written  int64  // bytes of frames since Open
	failed   error  // set once by the first failed write or sync

	plan    plan
	encoder encoder
}

// Append writes updates as one frame, with one vectored write, not yet durable. It returns an
// *[UpdateError] or [ErrNoSpace] without having written anything; after any other error the log has failed.
// If the sum is more than [MaxAppendBytes] that is an UpdateError too.
func (w *WAL) Append(updates []Update) error {
	if w.failed != nil {
		return w.failed
	}
	if len(updates) == 0 {
		return nil
	}
	if err := w.plan.make(w, updates); err != nil {
		return err
	}
	if err := w.makeRoom(w.plan.bytes, w.plan.referenced, w.plan.entries > 0); err != nil {
		return err
	}
	position := w.current.end
	if err := w.writeFrame(updates); err != nil {
		return w.fail(err)
	}
	w.index(updates, position)
	return nil
}

// Sync makes everything appended durable. After an error the log has failed.
func (w *WAL) Sync() error {
	if w.failed != nil {
		return w.failed
	}
	if w.durable == w.frame {
		return nil
	}
	if err := w.current.handle.Sync(); err != nil {
		return w.fail(fmt.Errorf("sync %s: %w", w.current.path, err))
	}
	w.durable = w.frame
	return nil
}

// Close makes everything durable, notes that it is, and closes the files. A failed log is only closed.
func (w *WAL) Close() error {
	err := w.Sync()
	if err == nil {
		err = w.writeSeal()
	}
	for _, f := range w.files {
		_ = f.handle.Close() // synced, or failed anyway
	}
	for _, s := range w.spares {
		_ = s.handle.Close() // content does not matter
	}
	if w.failed == nil {
		w.failed = fmt.Errorf("log is closed: %w", ErrFailed)
	}
	return err
}

// writeSeal ends the log with an empty frame: only a frame that says so proves that those before it were
// durable. There is nearly always room; without room the log is as good as after a crash.
func (w *WAL) writeSeal() error {
	if !w.fits(frameHeaderSize) {
		return nil
	}
	w.plan.reset()
	if err := w.writeFrame(nil); err != nil {
		return w.fail(err)
	}
	return w.Sync()
}

// Groups returns the ids of all groups, ascending.
func (w *WAL) Groups() []GroupID {
	ids := make([]GroupID, 0, len(w.groups))
	for id := range w.groups {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// fail remembers the first failure; nothing is written after it.
func (w *WAL) fail(err error) error {
	if w.failed == nil {
		w.failed = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return w.failed
}

// index applies updates that were just written as a frame at position.
func (w *WAL) index(updates []Update, position int64) {
	at := position + frameHeaderSize
	for i := range updates {
		u := &updates[i]
		if u.Remove {
			w.remove(u.Group)
			at += recordHeaderSize
		}
		if !u.sets() {
			continue
		}
		g := w.group(u.Group)
		if u.Hard != nil {
			g.hard = *u.Hard
			at += hardStateSize
		}
		if u.ConfState != nil {
			g.conf = u.ConfState
			at += recordHeaderSize + int64(len(u.ConfState))
		}
		if u.Checkpoint != nil {
			w.unpin(g.advance(*u.Checkpoint))
			at += checkpointSize(u.Checkpoint)
		}
		at = w.indexEntries(g, u.Entries, at)
	}
}

func (w *WAL) indexEntries(g *group, entries []Entry, at int64) int64 {
	if len(entries) == 0 {
		return at
	}
	w.unpin(g.dropFrom(entries[0].Index))
	for i := range entries {
		e := &entries[i]
		size := w.payloadBytes(e)
		g.add(e.Term, ref{uint32(w.current.sequence), uint32(at), uint32(size)})
		at += recordHeaderSize + int64(size)
		if e.At != nil {
			w.current.referenced += int64(len(e.Data))
		}
	}
	w.current.live += len(entries)
	return at
}

// group returns the group, a new one if need be.
func (w *WAL) group(id GroupID) *group {
	g := w.groups[id]
	if g == nil {
		g = &group{id: id}
		w.groups[id] = g
	}
	return g
}

func (w *WAL) remove(id GroupID) {
	if g := w.groups[id]; g != nil {
		w.unpin(g.live())
		delete(w.groups, id)
	}
}

// unpin notes in the files that entries are not live any more, pin that somebody reads entries which are: to
// the rule about room the same as if they stayed live for longer.
func (w *WAL) unpin(refs []ref) { w.count(refs, -1) }

func (w *WAL) pin(refs []ref) { w.count(refs, 1) }

func (w *WAL) count(refs []ref, by int) {
	var f *file
	for _, r := range refs {
		if f == nil || uint32(f.sequence) != r.file {
			f = w.files[r.file]
		}
		f.live += by
	}
}

// sets tells whether the group exists after the update for the update's sake.
func (u *Update) sets() bool {
	return u.Hard != nil || u.ConfState != nil || u.Checkpoint != nil || len(u.Entries) > 0
}
