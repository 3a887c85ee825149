package wal

import (
	"fmt"
	"math"
	"slices"
)

// loadSpan bounds how much is read at once; one larger entry is read alone.
const loadSpan = 1 << 20

// Load returns what the log holds of a group, appended or durable, and false if it knows no such group.
// Entries are read back from the files; what does not match its checksum any more is reported as a
// *[CorruptError], and concerns only this group.
func (w *WAL) Load(id GroupID) (State, bool, error) {
	r := w.Read(id)
	if r == nil {
		return State{}, false, nil
	}
	if w.failed != nil {
		return State{}, true, w.failed
	}
	defer r.Close()
	if _, err := r.Next(math.MaxInt64); err != nil {
		return State{}, true, err
	}
	return r.State(), true, nil
}

// Reading is a Load that is done piece by piece, so that others get their turn with the log in between. It is
// of the moment in which it began: what is appended, checkpointed or removed later does not change it. The
// files that it has still to read stay until it is closed.
type Reading struct {
	wal   *WAL
	state State
	refs  []ref
	read  int    // how many of the refs
	next  uint64 // index of the entry of refs[read]

	// Entries whose data lies elsewhere and has still to be read, oldest first.
	fills     []fill
	elsewhere elsewhere
}

// Read begins to load a group. It returns nil if the log knows no such group.
func (w *WAL) Read(id GroupID) *Reading {
	g := w.groups[id]
	if g == nil {
		return nil
	}
	return w.readFrom(g, g.checkpoint.Index+1)
}

// readFrom begins to load the entries of a group from an index on, which is above the checkpoint.
func (w *WAL) readFrom(g *group, from uint64) *Reading {
	r := &Reading{
		wal: w, refs: slices.Clone(g.live()[from-g.checkpoint.Index-1:]), next: from,
		state:     State{Group: g.id, Hard: g.hard, ConfState: g.conf, Checkpoint: g.checkpoint},
		elsewhere: elsewhere{fsys: w.fsys, root: w.options.Root},
	}
	if len(r.refs) > 0 {
		r.state.Entries = make([]Entry, 0, len(r.refs))
	}
	w.pin(r.refs)
	return r
}

// Next reads at least so many bytes, or what is left, and returns how many it has read. A span is read as a
// whole. After an error there is nothing more to be had.
func (r *Reading) Next(bytes int64) (read int64, err error) {
	for read < bytes && !r.Done() {
		if r.wal.failed != nil {
			return read, r.wal.failed
		}
		if len(r.fills) > 0 {
			n, err := r.fill()
			if err != nil {
				return read, err
			}
			read += n
			continue
		}
		span := r.refs[r.read:]
		span = span[:spanOf(span)]
		n, err := r.load(span)
		if err != nil {
			return read, err
		}
		r.wal.unpin(span)
		r.read += len(span)
		read += n
	}
	return read, nil
}

// Done tells whether everything has been read.
func (r *Reading) Done() bool { return r.read == len(r.refs) && len(r.fills) == 0 }

// State returns what was read; it is whole once there is nothing left.
func (r *Reading) State() State { return r.state }

// Close lets go of the files. It may be called again.
func (r *Reading) Close() {
	r.wal.unpin(r.refs[r.read:])
	r.read, r.fills = len(r.refs), nil
	r.elsewhere.close()
}

// spanOf returns how many of the first refs are read in one go: those that lie in one file, close enough
// together that at least half of what is read is theirs, since the entries keep the memory of the whole
// span.
func spanOf(refs []ref) int {
	start := int64(refs[0].position)
	useful := refs[0].end() - start
	n := 1
	for ; n < len(refs) && refs[n].file == refs[0].file; n++ {
		useful += recordHeaderSize + int64(refs[n].length)
		if span := refs[n].end() - start; span > loadSpan || span > 2*useful {
			break
		}
	}
	return n
}

func (r ref) end() int64 { return int64(r.position) + recordHeaderSize + int64(r.length) }

// load reads a span, and returns how many bytes that were.
func (r *Reading) load(span []ref) (int64, error) {
	f, id := r.wal.files[span[0].file], r.state.Group
	start := int64(span[0].position)
	b := make([]byte, span[len(span)-1].end()-start)
	if n, err := f.handle.ReadAt(b, start); n < len(b) {
		return 0, fmt.Errorf("read %s at %d: %w", f.path, start, err)
	}
	for _, one := range span {
		index := r.next
		h, payload, ok := decodeRecord(b[int64(one.position)-start:], f.seed)
		if !ok || !isEntry(h.kind) || h.group != id || h.index != index || h.length != one.length {
			return 0, f.corrupt(int64(one.position), "entry %d of group %d is damaged", index, id)
		}
		entry := Entry{Term: h.term, Index: h.index, Type: h.typ}
		if h.kind == kindEntry {
			entry.Data = payload[:len(payload):len(payload)] // nobody may append into the next record
		} else if ok = r.fillLater(payload); !ok {
			return 0, f.corrupt(int64(one.position), "entry %d of group %d refers to what cannot be", index, id)
		}
		r.state.Entries = append(r.state.Entries, entry)
		r.next++
	}
	return int64(len(b)), nil
}
