package wal

import (
	"fmt"
	"slices"

	"github.com/chronik-go/chronik/storage/vfs"
)

// Open replays the log in dir, which is made if it does not exist, and starts a new file for what comes. A
// torn tail is left out. Corruption is refused with a *[CorruptError], the log of a newer program with
// [ErrNewerFormat], and a new log on a full disk with [ErrNoSpace]. Nobody else may use dir at the same
// time.
func Open(fsys vfs.FS, dir string, o Options) (*WAL, error) {
	w := &WAL{
		fsys:    fsys,
		dir:     dir,
		options: o.withDefaults(dir),
		groups:  map[GroupID]*group{},
		files:   map[uint32]*file{},
	}
	err := w.open()
	if err == nil {
		return w, nil
	}
	for _, f := range w.files {
		_ = f.handle.Close() // the error worth telling is err
	}
	for _, s := range w.spares {
		_ = s.handle.Close()
	}
	return nil, fmt.Errorf("open write-ahead log: %w", err)
}

func (w *WAL) open() error {
	if err := vfs.MkdirAllSync(w.fsys, w.dir); err != nil {
		return err
	}
	// A process that died may have renamed files without the names being durable. What follows reuses files
	// that the newest one does not need, so the newest must not disappear in a power failure after that.
	if err := w.fsys.SyncDir(w.dir); err != nil {
		return err
	}
	logs, spares, err := w.list()
	if err != nil {
		return err
	}
	if err := w.adopt(spares); err != nil {
		return err
	}
	if len(logs) > 0 {
		if err := w.recover(logs); err != nil {
			return err
		}
	}
	if err := w.start(0); err != nil {
		return err
	}
	return w.Maintain()
}

// recover replays the newest file and those it needs, and makes the others spares.
func (w *WAL) recover(logs []uint64) error {
	newest, err := w.openNewest(logs[len(logs)-1])
	if err != nil {
		return err
	}
	r := recovery{wal: w, newest: newest}
	if err := r.run(); err != nil {
		return err
	}
	for _, sequence := range logs {
		if _, known := w.files[uint32(sequence)]; known {
			continue
		}
		name := w.logPath(sequence)
		handle, err := w.fsys.OpenReadWrite(name)
		if err != nil {
			return fmt.Errorf("open file to recycle: %w", err)
		}
		if err := w.toSpare(handle, name); err != nil {
			return err
		}
	}
	return nil
}

// openNewest opens the file that the replay ends with, and makes sure that what is read from it is on disk:
// the process before may have died between a write and its sync, or because a sync failed, and then the
// kernel's copy in memory shows more than a power failure would leave.
func (w *WAL) openNewest(sequence uint64) (*file, error) {
	f, err := w.openFile(sequence, 0)
	if err != nil {
		return nil, err
	}
	w.current = f
	w.files[uint32(sequence)] = f
	if err := f.handle.Sync(); err != nil {
		return nil, fmt.Errorf("sync %s: %w", f.path, err)
	}
	f.handle.Evict()
	return f, nil
}

// recovery is the state of one replay.
type recovery struct {
	wal    *WAL
	newest *file
	older  []liveFile
	slots  map[GroupID]*slots
}

// slots are the entries of a group that exist according to the head of the newest file, to be found in
// older files.
type slots struct {
	group *group
	refs  []ref // refs[i] is entry checkpoint.Index+1+i; file 0 if not found yet
	terms []uint64
}

func (r *recovery) run() error {
	walk, err := newWalker(r.newest)
	if err != nil {
		return err
	}
	head, err := r.readHead(walk)
	if err != nil {
		return err
	}
	for _, l := range r.older {
		if err := r.collect(l); err != nil {
			return err
		}
	}
	if err := r.settle(); err != nil {
		return err
	}
	return r.readTail(walk, head)
}

func (r *recovery) readHead(walk *walker) (frameHeader, error) {
	h, ok, err := walk.header(headPosition)
	if err != nil {
		return h, err
	}
	if !ok || h.flags&flagHead == 0 {
		return h, r.newest.corrupt(headPosition, "bad head")
	}
	states := map[GroupID]uint64{} // last indexes
	_, ok, err = walk.frame(headPosition, h.sequence, func(rec record) error {
		return r.headRecord(rec, states)
	})
	if err == nil && !ok {
		err = r.newest.corrupt(headPosition, "bad record in the head")
	}
	if err != nil {
		return h, err
	}
	return h, r.makeSlots(states)
}

func (r *recovery) headRecord(rec record, last map[GroupID]uint64) error {
	switch rec.kind {
	case kindLiveFile:
		l, ok := decodeLiveFile(rec.recordHeader, rec.payload)
		if !ok || l.sequence >= r.newest.sequence {
			return r.newest.corrupt(rec.position, "impossible live file")
		}
		r.older = append(r.older, l)
	case kindState:
		g, lastIndex, err := decodeState(rec.recordHeader, rec.payload)
		if err != nil {
			return r.newest.corrupt(rec.position, "%v", err)
		}
		r.wal.groups[g.id] = g
		last[g.id] = lastIndex
	default:
		return r.newest.corrupt(rec.position, "record of kind %d in the head", rec.kind)
	}
	return nil
}

// makeSlots takes memory for the entries that should exist, after checking that the older files are there
// and large enough for that many.
func (r *recovery) makeSlots(last map[GroupID]uint64) error {
	room := uint64(0)
	for _, l := range r.older {
		f, err := r.wal.openFile(l.sequence, l.incarnation)
		if err != nil {
			return err
		}
		r.wal.files[uint32(l.sequence)] = f
		f.end = l.end
		size, err := f.handle.Size()
		if err != nil {
			return fmt.Errorf("read %s: %w", f.path, err)
		}
		if alignUp(size, alignment) < l.end {
			return f.corrupt(size, "file ends, newer files show that it had %d bytes", l.end)
		}
		room += uint64(l.end) / recordHeaderSize
	}
	r.slots = map[GroupID]*slots{}
	for id, index := range last {
		g := r.wal.groups[id]
		n := index - g.checkpoint.Index
		if n == 0 {
			continue
		}
		if n > room {
			return r.newest.corrupt(headPosition, "more entries than all files can hold")
		}
		room -= n
		r.slots[id] = &slots{group: g, refs: make([]ref, n), terms: make([]uint64, n)}
	}
	return nil
}

// collect reads an older file and fills slots. Overwritten, checkpointed and removed entries need no
// thought: those that are live at the time of the head are the last ones with their index.
func (r *recovery) collect(l liveFile) error {
	f := r.wal.files[uint32(l.sequence)]
	walk, err := newWalker(f)
	if err != nil {
		return err
	}
	head, ok, err := walk.header(headPosition)
	if err == nil && !ok {
		err = f.corrupt(headPosition, "bad head")
	}
	position, sequence := int64(headPosition), head.sequence
	for err == nil && position < l.end {
		var h frameHeader
		h, ok, err = walk.frame(position, sequence, func(rec record) error { return r.fill(f, rec) })
		if err == nil && !ok {
			err = f.corrupt(position, "bad frame %d, newer files show that it was complete", sequence)
		}
		position, sequence = alignUp(h.end(position), alignment), sequence+1
	}
	return err
}

func (r *recovery) fill(f *file, rec record) error {
	s := r.slots[rec.group]
	referenced, err := f.referencedBy(rec)
	f.referenced += referenced
	if err != nil || !isEntry(rec.kind) || s == nil {
		return err
	}
	i := rec.index - s.group.checkpoint.Index - 1
	if rec.index > s.group.checkpoint.Index && i < uint64(len(s.refs)) {
		s.refs[i] = ref{uint32(f.sequence), uint32(rec.position), rec.length}
		s.terms[i] = rec.term
	}
	return nil
}

// settle checks that all slots are filled and gives them to their groups.
func (r *recovery) settle() error {
	for _, id := range sortedKeys(r.slots) {
		s := r.slots[id]
		for i, at := range s.refs {
			if at.file == 0 {
				return r.missing(id, s.group.checkpoint.Index+1+uint64(i))
			}
			s.group.add(s.terms[i], at)
			r.wal.files[at.file].live++
		}
	}
	r.slots = nil
	return nil
}

func (r *recovery) missing(id GroupID, index uint64) error {
	return r.newest.corrupt(headPosition, "entry %d of group %d is in no file", index, id)
}

// readTail applies the frames after the head and finds out where the log ends.
func (r *recovery) readTail(walk *walker, head frameHeader) error {
	w, f := r.wal, r.newest
	position, sequence := alignUp(head.end(headPosition), alignment), head.sequence+1
	for {
		h, ok, err := walk.frame(position, sequence, r.apply)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		position, sequence = alignUp(h.end(position), alignment), sequence+1
	}
	proven, err := walk.provesDurable(position, sequence)
	if err != nil {
		return err
	}
	if proven {
		return f.corrupt(position, "bad frame %d, later frames show that it was durable", sequence)
	}
	f.end = position
	w.frame, w.durable = sequence-1, sequence-1
	return nil
}

// apply does what index did when the record was written.
func (r *recovery) apply(rec record) error {
	w := r.wal
	if rec.kind == kindRemove {
		w.remove(rec.group)
		return nil
	}
	g := w.group(rec.group)
	switch rec.kind {
	case kindEntry, kindReference:
		if rec.index <= g.checkpoint.Index || rec.index > g.last()+1 {
			return r.newest.corrupt(rec.position, "entry %d of group %d follows %d",
				rec.index, g.id, g.last())
		}
		w.unpin(g.dropFrom(rec.index))
		g.add(rec.term, ref{uint32(r.newest.sequence), uint32(rec.position), rec.length})
		r.newest.live++
		referenced, err := r.newest.referencedBy(rec)
		r.newest.referenced += referenced
		return err
	case kindHardState:
		if rec.length != voteSize {
			return r.newest.corrupt(rec.position, "bad hard state")
		}
		g.hard = HardState{Term: rec.term, Vote: little.Uint64(rec.payload), Commit: rec.index}
	case kindConfState:
		g.conf = clone(rec.payload)
	case kindCheckpoint:
		c, ok := decodeCheckpoint(rec.recordHeader, rec.payload)
		if !ok {
			return r.newest.corrupt(rec.position, "bad checkpoint")
		}
		w.unpin(g.advance(c))
	default:
		return r.newest.corrupt(rec.position, "record of unknown kind %d", rec.kind)
	}
	return nil
}

func sortedKeys[K ~uint32 | ~uint64, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
