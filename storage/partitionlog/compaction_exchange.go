package partitionlog

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// cleaning writes the segment that takes the place of some neighbours. A crash at any moment finds the old
// ones or the new one:
//
//  1. the new files are written under names that end in .cleaned, synced, and their names too
//  2. chronik-compaction names the exchange, durable          from here on a crash ends with the new segment
//  3. the owner is held up: files are renamed, the view shows the new segment
//  4. the other old files are removed, the names synced, the manifest written
//  5. chronik-compaction names no exchange any more, but that the pass has come so far
//
// Readers that have an old file open keep it; others are sent to the newest view.
type cleaning struct {
	compaction *Compaction
	old        []*Segment
	end        protocol.Offset
	next       int // number of the span after the group
	size       int64
	file       vfs.File
	index      indexBuilder
	aborted    abortedIndex // entries of the old segments that have not been taken over or left out
	aborts     bool         // the old segments have such entries
	gap        gap
	changed    bool
	buffer     []byte
	unsynced   int64
	recorded   bool // the exchange is on record, so the files must stay
	purges     bool // tombstones and markers may go
	purged     protocol.Offset
}

// gap is a range of offsets whose records are gone; last is below base while there is none.
type gap struct {
	base, last protocol.Offset
	epoch      protocol.LeaderEpoch
}

// The new file is written in pieces of writerChunk and synced every writerSync: one sync at the end would
// keep the disk, and with it the write-ahead log, busy.
const (
	writerChunk = 256 << 10
	writerSync  = 4 << 20
)

func newCleaning(c *Compaction, spans []span) (*cleaning, error) {
	first, last := spans[0], spans[len(spans)-1]
	g := &cleaning{
		compaction: c, end: last.end, next: c.at + len(spans), index: newIndexBuilder(first.base),
		gap: gap{base: 0, last: -1}, purges: c.log.files.purge.allowed(),
	}
	for _, sp := range spans {
		g.old = append(g.old, sp.Segment)
		g.size += sp.size
	}
	if err := g.loadAborted(spans); err != nil {
		return nil, err
	}
	f := c.log.files
	err := f.whileOwner(func() (err error) {
		g.file, err = f.fs.Create(first.Name() + suffixCleaned)
		return err
	})
	if err != nil {
		return nil, err
	}
	return g, nil
}

// loadAborted gathers the entries of the old segments.
func (g *cleaning) loadAborted(spans []span) error {
	for i := range spans {
		aborts, err := spans[i].aborts()
		if err != nil || !aborts {
			if err != nil {
				return err
			}
			continue
		}
		x, err := spans[i].indexes()
		if err != nil {
			return err
		}
		g.aborted, g.aborts = append(g.aborted, x.aborted...), true
	}
	return nil
}

// keepAborted takes over the entry of an abort marker that stays. That of one that goes must not stay: a
// reader would wait for the marker and leave out what the producer wrote later.
func (g *cleaning) keepAborted(b batch.Batch, stays bool) {
	for len(g.aborted) > 0 && g.aborted.entry(0).last <= b.LastOffset() {
		if e := g.aborted.entry(0); stays && e.last == b.LastOffset() {
			g.index.addAborted(e)
		}
		g.aborted = g.aborted[abortedEntrySize:]
	}
}

// add takes what is left of a batch, nil for nothing.
func (g *cleaning) add(b, rest batch.Batch) error {
	if b.IsControl() {
		g.keepAborted(b, rest != nil)
	}
	if rest == nil {
		return g.leaveOut(b)
	}
	if err := g.closeGap(); err != nil {
		return err
	}
	g.changed = g.changed || &rest[0] != &b[0]
	return g.write(rest)
}

// leaveOut adds the offsets of a batch to the gap, or begins another one.
func (g *cleaning) leaveOut(b batch.Batch) error {
	h := b.Header()
	g.changed = g.changed || !h.IsFiller()
	open := g.gap.last >= g.gap.base
	if open && g.gap.epoch == h.LeaderEpoch && h.LastOffset-g.gap.base < math.MaxInt32 {
		g.gap.last = h.LastOffset
		return nil
	}
	if err := g.closeGap(); err != nil {
		return err
	}
	g.gap = gap{h.BaseOffset, h.LastOffset, h.LeaderEpoch}
	return nil
}

func (g *cleaning) closeGap() error {
	if g.gap.last < g.gap.base {
		return nil
	}
	filler := batch.Filler(g.gap.base, g.gap.last, g.gap.epoch)
	g.gap.last = g.gap.base - 1
	return g.write(filler)
}

func (g *cleaning) write(b batch.Batch) error {
	if g.index.size+int64(len(b)) > maxSegmentBytes {
		return fmt.Errorf("%s would get larger than a segment may be", g.old[0].Name())
	}
	h := b.Header()
	g.index.addHeader(&h, g.compaction.config.IndexIntervalBytes)
	g.buffer = append(g.buffer, b...)
	if len(g.buffer) >= writerChunk {
		return g.flush()
	}
	return nil
}

// flush writes what is buffered.
func (g *cleaning) flush() error {
	if _, err := g.file.WriteAt(g.buffer, g.index.size-int64(len(g.buffer))); err != nil {
		return err
	}
	g.unsynced += int64(len(g.buffer))
	g.buffer = g.buffer[:0]
	if g.unsynced < writerSync {
		return nil
	}
	g.unsynced = 0
	return g.file.Sync()
}

// abandon removes what was written, as far as that is possible.
func (g *cleaning) abandon() {
	f := g.compaction.log.files
	_ = g.file.Close() // nobody needs it
	if g.recorded {
		return
	}
	_ = f.whileOwner(func() error { return f.removeCleaned(g.old[0].base) })
}

// finish completes the new segment and exchanges it for the old ones, if it is any different.
func (g *cleaning) finish() (changed bool, err error) {
	if err := g.closeGap(); err != nil {
		return false, err
	}
	if len(g.old) == 1 && !g.changed && g.index.size == g.size {
		g.abandon()
		return false, nil
	}
	if err := g.complete(); err != nil {
		return false, err
	}
	return true, g.exchange()
}

// complete makes the new files durable under their temporary names.
func (g *cleaning) complete() error {
	g.index.maybeAddTime()
	if err := g.flush(); err != nil {
		return err
	}
	if err := g.file.Sync(); err != nil {
		return err
	}
	f, base := g.compaction.log.files, g.old[0].base
	contents := map[string][]byte{suffixIndex: g.index.offsets, suffixTime: g.index.times}
	if g.aborts {
		contents[suffixTxn] = g.index.aborted // even if none is left: the file of the old segment must not stay
	}
	for _, suffix := range slices.Sorted(maps.Keys(contents)) {
		data := contents[suffix]
		var file vfs.File
		err := f.whileOwner(func() (err error) {
			file, err = f.fs.Create(f.path(fileName(base, suffix) + suffixCleaned))
			return err
		})
		if err != nil {
			return err
		}
		_, err = file.WriteAt(data, 0)
		if err == nil {
			err = file.Sync()
		}
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
	}
	return f.fs.SyncDir(f.dir)
}

// exchange takes steps 2 to 5.
func (g *cleaning) exchange() error {
	c, x := g.compaction, &g.index
	info := sealedInfo{
		size: x.size, maxTimestamp: x.maxTimestamp, maxOffset: x.maxOffset, mark: x.current, known: true,
	}
	e := &exchange{manifestEntry: manifestEntry{base: x.base, end: g.end, sealedInfo: info}}
	for _, s := range g.old {
		e.bases = append(e.bases, s.base)
	}
	before := c.here(g.old[0].base)
	before.exchange = e
	g.recorded = true
	c.log.files.purge.raise(g.purged)
	if err := c.record(before); err != nil {
		return err
	}
	manifest, wanted, err := c.log.exchange(g.old, newCompacted(c.log.files, x.base, info), g.purged > 0)
	if errors.Is(err, ErrOffsetOutOfRange) { // retention was faster
		before.exchange = nil
		g.recorded = c.record(before) != nil
	}
	if err != nil {
		return err
	}
	_ = g.file.Close() // it was synced
	return c.settle(g.old[1:], manifest, wanted, g.end)
}

// newCompacted returns a segment that compaction has written.
func newCompacted(f *files, base protocol.Offset, info sealedInfo) *Segment {
	s := newSegment(f, base)
	s.readOnly = true
	s.info.Store(&info)
	s.logDurable.Store(info.size)
	s.setIndexDurable(info.mark)
	return s
}

// record writes chronik-compaction, unless the log is no longer ours.
func (c *Compaction) record(p progress) error {
	return c.log.files.writeProgress(p)
}

// exchange puts a new segment in the place of old ones, in the files and in the view, and returns what the
// manifest has to say from now on. ErrOffsetOutOfRange means that the old ones are no longer there, ErrClosed
// that this is no longer the log of the directory. purges says that tombstones or markers are gone for good.
func (l *Log) exchange(
	old []*Segment, fresh *Segment, purges bool,
) (manifest []manifestEntry, wanted uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return nil, 0, err
	}
	first := slices.Index(l.segments, old[0])
	after := first + len(old)
	if first < 0 || after >= len(l.segments) || !slices.Equal(l.segments[first:after], old) {
		return nil, 0, ErrOffsetOutOfRange
	}
	for _, s := range old {
		// Whoever opens one of them waits until there is a view without them.
		s.opening.Lock()
		defer s.opening.Unlock()
	}
	err = l.files.whileOwner(func() error {
		l.files.noteExchange()
		if purges { // before anybody can read the new segment
			l.files.purge.times.Add(1)
		}
		for _, s := range old {
			s.replaced.Store(true)
			s.gone.Store(true)
		}
		if err := l.files.renameCleaned(fresh.base); err != nil {
			return l.files.fail(err)
		}
		l.sealed += fresh.info.Load().size
		for _, s := range old {
			l.sealed -= s.info.Load().size
		}
		l.segments = slices.Concat(l.segments[:first], []*Segment{fresh}, l.segments[after:])
		l.unsynced = slices.DeleteFunc(slices.Clone(l.unsynced), func(s *Segment) bool {
			return slices.Contains(old, s)
		})
		l.publish()
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	for _, s := range old {
		s.closeFile()
		s.dropIndex()
		s.index.Store(nil)
	}
	return l.manifest(), l.files.manifestWanted.Add(1), nil
}

// settle removes what is left of the old segments, ends the exchange and notes where the new one ends. After
// an error the log takes no more writes, as after one of any other flush.
func (c *Compaction) settle(
	old []*Segment, manifest []manifestEntry, wanted uint64, end protocol.Offset,
) error {
	f := c.log.files
	flushing := f.flushing()
	flushing.Lock()
	defer flushing.Unlock()
	err := f.whileOwner(func() error {
		for _, s := range old {
			if err := removeSegmentFiles(f, s.base); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, ErrClosed) {
		return err
	}
	if err == nil {
		err = f.fs.SyncDir(f.dir)
	}
	if err == nil && wanted > f.manifestWritten.Load() {
		if err = f.replace(nameManifest, encodeManifest(manifest), true); err == nil {
			f.manifestWritten.Store(wanted)
			err = f.fs.SyncDir(f.dir)
		}
	}
	if err == nil {
		err = c.note(c.here(end))
	}
	if err != nil && !errors.Is(err, ErrClosed) {
		return f.fail(err)
	}
	return err
}
