package wal

import "slices"

// Stats describes a log for those who decide about checkpoints and room.
type Stats struct {
	LiveBytes int64 // valid bytes of all files that are needed, heads and what they refer to included
	Written   int64 // bytes of frames since Open
	Files     int   // files that are needed, the current one included
	Dead      int   // files that become spares when the next one is started
	Spares    int   // files that wait to be used
	Groups    int
	Oldest    []GroupID // groups that hold live entries in the oldest file, oldest entry first
}

// Stats returns the present figures. It looks at every group.
func (w *WAL) Stats() Stats {
	s := Stats{Written: w.written, Spares: len(w.spares), Dead: w.dead(), Groups: len(w.groups)}
	for _, f := range w.files {
		if f.live > 0 || f == w.current {
			s.LiveBytes += f.end + f.referenced
			s.Files++
		}
	}
	if live := w.liveFiles(); len(live) > 0 {
		s.Oldest = w.pinsUpTo(live[0].sequence)
	}
	return s
}

// Pins returns the groups whose checkpoints would let go of so many of the oldest files that at most keep
// bytes remain needed, those with the oldest entries first. The current file can be let go of too; keep 0
// means all groups that have live entries.
func (w *WAL) Pins(keep int64) []GroupID {
	live := w.liveFiles()
	total := int64(0)
	for _, f := range live {
		total += f.end + f.referenced
	}
	var through uint64
	for _, f := range live {
		if total <= keep {
			break
		}
		total -= f.end + f.referenced
		through = f.sequence
	}
	return w.pinsUpTo(through)
}

// pinsUpTo returns the groups whose oldest live entry lies in a file not newer than through, oldest first.
func (w *WAL) pinsUpTo(through uint64) []GroupID {
	var ids []GroupID
	for id, g := range w.groups {
		if refs := g.live(); len(refs) > 0 && uint64(refs[0].file) <= through {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b GroupID) int {
		x, y := w.groups[a].live()[0], w.groups[b].live()[0]
		if x.file != y.file {
			return int(int64(x.file) - int64(y.file))
		}
		if x.position != y.position {
			return int(int64(x.position) - int64(y.position))
		}
		return 0
	})
	return ids
}

// Release starts a new file if that frees older ones, and gives spare files beyond Options.Spares back to
// the file system. Without it that happens when the current file is full.
func (w *WAL) Release() error {
	if w.failed != nil {
		return w.failed
	}
	if w.dead() > 0 {
		if err := w.roll(0); err != nil {
			return err
		}
	}
	return w.trim(w.options.Spares)
}

// Sequence returns the number of the current file; it grows by one with each file that is started.
func (w *WAL) Sequence() uint64 { return w.current.sequence }
