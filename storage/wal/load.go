package wal

import "fmt"

// loadSpan bounds how much is read at once; one larger entry is read alone.
const loadSpan = 1 << 20

// Load returns what the log holds of a group, appended or durable, and false if it knows no such group.
// Entries are read back from the files; what does not match its checksum any more is reported as a
// *[CorruptError], and concerns only this group.
func (w *WAL) Load(id GroupID) (State, bool, error) {
	g := w.groups[id]
	if g == nil {
		return State{}, false, nil
	}
	state := State{Group: id, Hard: g.hard, ConfState: g.conf, Checkpoint: g.checkpoint}
	if w.failed != nil {
		return State{}, true, w.failed
	}
	refs := g.live()
	if len(refs) > 0 {
		state.Entries = make([]Entry, 0, len(refs))
	}
	for len(refs) > 0 {
		n := spanOf(refs)
		first := g.checkpoint.Index + 1 + uint64(len(state.Entries))
		var err error
		if state.Entries, err = w.loadSpan(g, state.Entries, first, refs[:n]); err != nil {
			return State{}, true, err
		}
		refs = refs[n:]
	}
	return state, true, nil
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

// loadSpan reads refs, which are the entries from first on, and appends them to entries.
func (w *WAL) loadSpan(g *group, entries []Entry, first uint64, refs []ref) ([]Entry, error) {
	f := w.files[refs[0].file]
	start := int64(refs[0].position)
	b := make([]byte, refs[len(refs)-1].end()-start)
	if n, err := f.handle.ReadAt(b, start); n < len(b) {
		return nil, fmt.Errorf("read %s at %d: %w", f.path, start, err)
	}
	for i, r := range refs {
		index := first + uint64(i)
		h, payload, ok := decodeRecord(b[int64(r.position)-start:], f.seed)
		if !ok || h.kind != kindEntry || h.group != g.id || h.index != index || h.length != r.length {
			return nil, f.corrupt(int64(r.position), "entry %d of group %d is damaged", index, g.id)
		}
		payload = payload[:len(payload):len(payload)] // nobody may append into the next record
		entries = append(entries, Entry{Term: h.term, Index: h.index, Type: h.typ, Data: payload})
	}
	return entries, nil
}
