package wal

import "fmt"

// plan is the first pass over the updates of an Append: it checks them before anything is written, and
// measures the frame so that the buffer for headers never moves while slices point into it.
type plan struct {
	groups  map[GroupID]planned // groups touched by this Append, as they will be after the updates so far
	bytes   int64               // of the frame with its header
	inline  int64               // of headers and small payloads, which are copied together
	records uint32
	entries int

	referenced int64 // bytes outside of the log that entries refer to
}

// planned is what decides which entries and checkpoints may follow.
type planned struct {
	known                            bool
	checkpoint, checkpointTerm, last uint64
}

func (p *plan) reset() {
	if p.groups == nil {
		p.groups = map[GroupID]planned{}
	}
	clear(p.groups)
	*p = plan{groups: p.groups, bytes: frameHeaderSize, inline: frameHeaderSize}
}

func (p *plan) make(w *WAL, updates []Update) error {
	p.reset()
	for i := range updates {
		reason := p.add(w, updates, i)
		if reason == "" && p.bytes > MaxAppendBytes {
			reason = fmt.Sprintf("the sum of all updates exceeds %d bytes", MaxAppendBytes)
		}
		if reason != "" {
			return &UpdateError{Update: i, Group: updates[i].Group, Reason: reason}
		}
	}
	return nil
}

// add checks and measures updates[i]; it returns the reason why it is impossible.
func (p *plan) add(w *WAL, updates []Update, i int) string {
	u := &updates[i]
	state := p.state(w, u.Group)
	if u.Remove {
		state = planned{}
		p.record(0)
	}
	if u.Hard != nil {
		p.record(voteSize)
	}
	if u.ConfState != nil {
		p.record(len(u.ConfState))
	}
	if u.Checkpoint != nil {
		p.record(int(checkpointSize(u.Checkpoint)) - recordHeaderSize)
		var reason string
		if state, reason = p.afterCheckpoint(w, updates[:i], u, state); reason != "" {
			return reason
		}
	}
	if len(u.Entries) > 0 {
		if reason := p.addEntries(w, u.Entries, state); reason != "" {
			return reason
		}
		state.last = u.Entries[len(u.Entries)-1].Index
	}
	state.known = state.known || u.sets()
	p.groups[u.Group] = state
	return ""
}

func (p *plan) state(w *WAL, id GroupID) planned {
	if state, ok := p.groups[id]; ok {
		return state
	}
	if g := w.groups[id]; g != nil {
		return planned{true, g.checkpoint.Index, g.checkpoint.Term, g.last()}
	}
	return planned{}
}

// afterCheckpoint is what group.advance will do after the updates before; or the reason why the checkpoint
// is refused.
func (p *plan) afterCheckpoint(w *WAL, before []Update, u *Update, state planned) (planned, string) {
	index, term := u.Checkpoint.Index, u.Checkpoint.Term
	continues := index == state.checkpoint && term == state.checkpointTerm ||
		index > state.checkpoint && index <= state.last && term == plannedTerm(w, before, u.Group, index)
	if u.Compaction && !(continues && state.known) {
		return state, fmt.Sprintf("checkpoint %d of term %d is not one of its entries", index, term)
	}
	if index < state.checkpoint {
		return state, ""
	}
	last := index
	if continues {
		last = state.last
	}
	return planned{true, index, term, last}, ""
}

// plannedTerm returns the term of an entry that is there after the updates before. It looks through all of
// them, which happens only to a group that has entries and a checkpoint in the same Append.
func plannedTerm(w *WAL, before []Update, id GroupID, index uint64) uint64 {
	for i := len(before) - 1; i >= 0; i-- {
		u := &before[i]
		if u.Group == id && len(u.Entries) > 0 && u.Entries[0].Index <= index {
			return u.Entries[index-u.Entries[0].Index].Term
		}
	}
	return w.groups[id].term(index)
}

func (p *plan) addEntries(w *WAL, entries []Entry, state planned) string {
	first := entries[0].Index
	if first <= state.checkpoint {
		return fmt.Sprintf("entry %d is already covered by checkpoint %d", first, state.checkpoint)
	}
	if first > state.last+1 {
		return fmt.Sprintf("entry %d leaves a gap after %d", first, state.last)
	}
	for i := range entries {
		e := &entries[i]
		if e.Index != first+uint64(i) {
			return fmt.Sprintf("entry %d follows %d", e.Index, first+uint64(i)-1)
		}
		if len(e.Data) > MaxEntryBytes {
			return fmt.Sprintf("entry %d has %d bytes, the limit is %d", e.Index, len(e.Data), MaxEntryBytes)
		}
		if int64(e.Sum.Bytes) > int64(len(e.Data)) {
			return fmt.Sprintf("entry %d has %d bytes, and a sum of %d", e.Index, len(e.Data), e.Sum.Bytes)
		}
		size := w.payloadBytes(e)
		if e.At != nil {
			if size == referenceFixed || size > maxReference {
				return fmt.Sprintf("entry %d lies in %q, not below %q", e.Index, e.At.File, w.options.Root)
			}
			p.referenced += int64(len(e.Data))
		}
		p.record(size)
	}
	p.entries += len(entries)
	return ""
}

func (p *plan) record(payload int) {
	p.records++
	p.bytes += recordHeaderSize + int64(payload)
	p.inline += recordHeaderSize
	if payload <= inlineLimit {
		p.inline += int64(payload)
	}
}
