package wal

// ref says where the record of an entry is. 12 bytes, because a log may hold millions of them.
type ref struct {
	file     uint32 // sequence of the file
	position uint32 // of the record header
	length   uint32 // of the payload
}

// run says that the entries from first on have this term, up to the next run.
type run struct{ first, term uint64 }

// group is what is kept in memory of a group: its small state, and where its live entries are.
type group struct {
	id         GroupID
	hard       HardState
	conf       []byte
	checkpoint Checkpoint

	// refs[dead:] are the live entries, those from checkpoint.Index+1 on without a gap. The dead ones are
	// cleared out when the slice would have to grow otherwise.
	refs []ref
	dead int
	runs []run // terms of the live entries, by ascending index; may begin before the first
}

func (g *group) live() []ref { return g.refs[g.dead:] }

func (g *group) last() uint64 { return g.checkpoint.Index + uint64(len(g.refs)-g.dead) }

// term returns the term of a live entry.
func (g *group) term(index uint64) uint64 {
	for i := len(g.runs) - 1; i >= 0; i-- {
		if g.runs[i].first <= index {
			return g.runs[i].term
		}
	}
	panic("BUG: got an index before all runs, want the index of a live entry")
}

// add appends the entry after last.
func (g *group) add(term uint64, r ref) {
	index := g.last() + 1
	if len(g.refs) == cap(g.refs) && g.dead > len(g.refs)/2 {
		g.refs = g.refs[:copy(g.refs, g.refs[g.dead:])]
		g.dead = 0
	}
	g.refs = append(g.refs, r)
	if n := len(g.runs); n == 0 || g.runs[n-1].term != term {
		g.runs = append(g.runs, run{index, term})
	}
}

// dropFrom forgets the entries from index on and returns their refs, valid until the next add.
func (g *group) dropFrom(index uint64) []ref {
	if index > g.last() {
		return nil
	}
	keep := g.dead + int(index-g.checkpoint.Index-1)
	dropped := g.refs[keep:]
	g.refs = g.refs[:keep]
	for len(g.runs) > 0 && g.runs[len(g.runs)-1].first >= index {
		g.runs = g.runs[:len(g.runs)-1]
	}
	return dropped
}

// advance sets the checkpoint and returns the refs of the entries that are not needed any more. A
// checkpoint that does not continue the history of the group (its term differs from the entry's, or it lies
// ahead of all entries) replaces all entries, as installing a Raft snapshot does. A checkpoint older than
// the present one changes nothing.
func (g *group) advance(c Checkpoint) []ref {
	if c.Index < g.checkpoint.Index {
		return nil
	}
	var dropped []ref
	if g.continues(c) {
		n := int(c.Index - g.checkpoint.Index)
		dropped = g.refs[g.dead : g.dead+n]
		g.dead += n
		g.dropRunsBefore(c.Index + 1)
	} else {
		dropped = g.dropFrom(g.checkpoint.Index + 1)
	}
	g.checkpoint = c
	if len(g.refs) == g.dead {
		g.empty()
	}
	return dropped
}

// continues tells whether the entries after a checkpoint stay valid with it.
func (g *group) continues(c Checkpoint) bool {
	if c.Index == g.checkpoint.Index {
		return c.Term == g.checkpoint.Term
	}
	return c.Index <= g.last() && g.term(c.Index) == c.Term
}

func (g *group) dropRunsBefore(index uint64) {
	n := 0
	for n+1 < len(g.runs) && g.runs[n+1].first <= index {
		n++
	}
	g.runs = append(g.runs[:0], g.runs[n:]...)
}

// smallRefs is how much room for refs a group without live entries keeps: enough for a group with little
// traffic, and small against what else an idle group costs.
const smallRefs = 16

func (g *group) empty() {
	g.refs, g.dead, g.runs = g.refs[:0], 0, g.runs[:0]
	if cap(g.refs) > smallRefs {
		g.refs = nil
	}
}
