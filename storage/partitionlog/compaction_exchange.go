package partitionlog

import (
	"errors"
	"maps"
	"slices"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/vfs"
)

// A cleaned segment takes the place of some neighbours so that a crash at any moment finds the old ones or
// the new one:
//
//  1. the new files are written under names that end in .cleaned, synced, and their names too
//  2. chronik-compaction names the exchange, durable          from here on a crash ends with the new segment
//  3. the owner is held up: files are renamed, the view shows the new segment
//  4. the other old files are removed, the manifest is written, the names are synced
//  5. chronik-compaction names no exchange any more, but that the pass has come so far
//
// The last step is not waited for: until the next one waits for the disk, a crash ends the exchange once
// more, and finds all of it done.
//
// Readers that have an old file open keep it; others are sent to the newest view.

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
func (c *Compaction) record(p progress) error { return c.log.files.writeProgress(p) }

// recordSoon is record, but durable only once names are synced for another reason. Until then a crash may
// find what was on record before.
func (c *Compaction) recordSoon(p progress) error { return c.log.files.writeProgressSoon(p) }

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
	newer := wanted > f.manifestWritten.Load()
	if err == nil && newer {
		err = f.replace(nameManifest, encodeManifest(manifest), true)
	}
	if err == nil {
		err = f.fs.SyncDir(f.dir)
	}
	if err == nil && newer {
		f.manifestWritten.Store(wanted)
	}
	if err == nil {
		err = c.noteSoon(c.here(end))
	}
	if err != nil && !errors.Is(err, ErrClosed) {
		return f.fail(err)
	}
	return err
}
