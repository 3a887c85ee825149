package partitionlog

import (
	"fmt"
	"maps"
	"slices"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/vfs"
)

// Open opens the log in dir as it was at a checkpoint, or a new one if from is nil; the caller then applies
// again what came after. It lists the directory and looks at sizes, but reads no segment, so it takes no
// longer for a large log.
//
// With Boot, files are cut back to the state, and segments above and below it are removed; with Rebuild,
// nothing is cut or removed. Files that are not named like ours are left alone.
//
// Errors: a *CorruptError if files are missing, too short or not readable; a directory of another topic; an
// existing log for which there is no state, because that means that the write-ahead log was lost.
func Open(fs vfs.FS, dir string, c Config, from State, how Mode) (*Log, error) {
	c = c.withDefaults()
	if c.Handles == nil {
		c.Handles = NewHandleCache(0, 0)
	}
	if c.Placer == nil {
		c.Placer = NewPlacer(nil)
	}
	o := opening{how: how, state: emptyState(), fresh: from == nil}
	if from != nil {
		var err error
		if o.state, err = decodeState(from); err != nil {
			return nil, fmt.Errorf("open %s: %w", dir, err)
		}
	}
	o.log = &Log{files: &files{fs: fs, dir: dir, handles: c.Handles}, config: c, placer: c.Placer}
	o.log.files.indexInterval.Store(int64(c.IndexIntervalBytes))
	o.log.files.own()
	if err := o.run(); err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return o.log, nil
}

// opening is an Open under way.
type opening struct {
	log   *Log
	how   Mode
	state state
	fresh bool // there is no state
	bases []protocol.Offset
	named map[string]bool // everything in the directory
}

func (o *opening) run() error {
	if err := o.settleRenewals(); err != nil {
		return err
	}
	if err := o.log.files.claim(o.log.config.TopicID); err != nil {
		return err
	}
	if err := o.list(); err != nil {
		return err
	}
	if o.fresh && o.named[nameEpochs] {
		return o.refuse()
	}
	if err := o.loadProducers(); err != nil {
		return err
	}
	if err := o.openSealed(); err != nil {
		return err
	}
	if err := o.openActive(); err != nil {
		return err
	}
	if err := o.clearOthers(); err != nil {
		return err
	}
	l := o.log
	l.start, l.end, l.epochs = o.state.start, o.state.end, o.state.epochs
	l.producersEnd, l.open = o.state.producersEnd, o.state.open
	if !l.Behind() {
		l.open = l.producers.open
	}
	l.checkpointed = o.state.active.base
	l.placer.attach(l)
	l.publish()
	return nil
}

// refuse returns why a log that was checkpointed is not opened without a state. It would begin at offset 0
// again and its files would be removed.
func (o *opening) refuse() error {
	what := "records"
	text, err := vfs.ReadFile(o.log.files.fs, o.log.files.path(nameEpochs), maxEpochsFileBytes)
	if err == nil {
		if history, err := parseEpochs(text); err == nil && len(history) > 0 {
			last := history[len(history)-1]
			what = fmt.Sprintf("records up to epoch %d, which began at offset %d,", last.Epoch, last.Start)
		}
	}
	return fmt.Errorf("%s were checkpointed here, but the write-ahead log knows nothing of them: "+
		"it was lost or belongs to another data directory; "+
		"bring it back, or move this directory away to begin anew", what)
}

// list reads the directory.
func (o *opening) list() error {
	names, err := o.log.files.fs.List(o.log.files.dir)
	if err != nil {
		return err
	}
	o.named = make(map[string]bool, len(names))
	for _, name := range names {
		o.named[name] = true
		offset, suffix, ok := parseName(name)
		switch {
		case !ok:
		case suffix == suffixLog:
			o.bases = append(o.bases, offset)
		case suffix == suffixSnapshot:
			o.log.files.addSnapshot(offset)
		}
	}
	slices.Sort(o.bases)
	return nil
}

// loadProducers reads the producer snapshot that the state names.
func (o *opening) loadProducers() error {
	l := o.log
	l.producers = NewProducers(l.config.MaxProducers)
	if o.state.snapshotOffset == noOffset {
		return nil
	}
	name := l.files.path(fileName(o.state.snapshotOffset, suffixSnapshot))
	data, err := vfs.ReadFile(l.files.fs, name, maxSnapshotBytes)
	if vfs.IsNotExist(err) {
		return &CorruptError{File: name, Reason: "it is missing"}
	}
	if err != nil {
		return err
	}
	if l.producers, err = parseSnapshot(data, l.config.MaxProducers); err != nil {
		return &CorruptError{File: name, Reason: err.Error()}
	}
	l.files.snapshot.Store(&snapshotRef{offset: o.state.snapshotOffset, version: l.producers.version})
	return nil
}

// openSealed takes up the closed segments: those from the state's first one up to its active one.
func (o *opening) openSealed() error {
	s := &o.state
	manifest := o.readManifest()
	fresh, err := o.finishExchange()
	if err != nil {
		return err
	}
	if fresh != nil {
		if manifest == nil {
			manifest = map[protocol.Offset]*manifestEntry{}
		}
		manifest[fresh.base] = fresh
		if err := o.keepExchange(manifest, fresh); err != nil {
			return err
		}
	}
	next := s.first
	for _, base := range o.bases {
		if base < s.first || base >= s.active.base {
			continue
		}
		if base != next && next != noOffset {
			return o.missing(next)
		}
		segment, end, err := o.sealedSegment(base, manifest[base])
		if err != nil {
			return err
		}
		o.log.segments = append(o.log.segments, segment)
		o.log.sealed += segment.info.Load().size
		next = end
	}
	if next != s.active.base && next != noOffset {
		return o.missing(next)
	}
	return nil
}

func (o *opening) missing(base protocol.Offset) error {
	return &CorruptError{File: o.log.files.path(fileName(base, suffixLog)), Reason: "it is missing"}
}

// sealedSegment returns a closed segment and the offset after it, noOffset if the manifest does not know.
func (o *opening) sealedSegment(
	base protocol.Offset, known *manifestEntry,
) (*Segment, protocol.Offset, error) {
	s := newSegment(o.log.files, base)
	s.readOnly = true
	file, err := o.log.files.fs.Stat(s.Name())
	if err != nil {
		return nil, 0, err
	}
	info, end := sealedInfo{size: file.Size}, noOffset
	if known != nil {
		info, end = known.sealedInfo, known.end
	}
	if file.Size < info.size || file.Size == 0 || file.Size > maxSegmentBytes {
		return nil, 0, s.corrupt(file.Size, "the file has %d bytes, want %d", file.Size, info.size)
	}
	s.info.Store(&info)
	s.checked.limit = info.size
	s.logDurable.Store(info.size)
	s.setIndexDurable(info.mark)
	return s, end, nil
}

// readManifest returns the entries of the manifest by base offset. One that is missing or damaged only costs
// scans later.
func (o *opening) readManifest() map[protocol.Offset]*manifestEntry {
	if !o.named[nameManifest] {
		return nil
	}
	data, err := vfs.ReadFile(o.log.files.fs, o.log.files.path(nameManifest), maxManifestBytes)
	if err != nil {
		return nil
	}
	entries, err := parseManifest(data)
	if err != nil {
		return nil
	}
	known := make(map[protocol.Offset]*manifestEntry, len(entries))
	for i := range entries {
		known[entries[i].base] = &entries[i]
	}
	return known
}

// openActive takes up the segment that the state was appending to.
func (o *opening) openActive() error {
	l, active := o.log, &o.state.active
	l.active = *active
	s := newSegment(l.files, active.base)
	l.segments = append(l.segments, s)
	kept := max(active.size, l.placer.foundTo(active.base))
	if kept == 0 {
		return nil
	}
	file, err := l.files.fs.Stat(s.Name())
	if vfs.IsNotExist(err) {
		return o.missing(active.base)
	}
	if err != nil {
		return err
	}
	if file.Size < kept {
		return s.corrupt(file.Size, "the file has %d bytes, want %d", file.Size, kept)
	}
	s.checked.limit = active.size
	s.logDurable.Store(active.size)
	s.setIndexDurable(active.current)
	if o.how == Rebuild {
		return nil
	}
	return o.cutActive(s, file.Size, kept)
}

// cutActive cuts the files of the active segment back to the state, and to what the write-ahead log refers
// to.
func (o *opening) cutActive(s *Segment, size, kept SegmentPosition) error {
	offsets, times, aborted := o.state.active.current.bytes()
	if size > kept {
		if err := o.cut(s.Name(), kept); err != nil {
			return err
		}
	}
	for _, index := range [...]struct {
		suffix string
		size   int
	}{{suffixIndex, offsets}, {suffixTime, times}, {suffixTxn, aborted}} {
		name := s.name(index.suffix)
		file, err := o.log.files.fs.Stat(name)
		if vfs.IsNotExist(err) {
			continue // it is found out, and written anew, when somebody needs it
		}
		if err == nil && file.Size > int64(index.size) {
			err = o.cut(name, int64(index.size))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *opening) cut(name string, size SegmentPosition) error {
	file, err := o.log.files.fs.OpenReadWrite(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Truncate(size)
}

// clearOthers deals with the files of ours that are not part of the state: segments that were removed from
// the log but not yet from the disk, segments and snapshots that a later state would have had, and files that
// were being written.
func (o *opening) clearOthers() error {
	if o.how == Rebuild {
		return o.keepOthers()
	}
	for _, name := range slices.Sorted(maps.Keys(o.named)) {
		if !isTemporary(name) && !o.isStray(name) {
			continue
		}
		if err := o.log.files.fs.Remove(o.log.files.path(name)); err != nil && !vfs.IsNotExist(err) {
			return err
		}
		o.log.files.named.Add(1)
	}
	o.log.files.snapshots = nil
	if o.state.snapshotOffset != noOffset {
		o.log.files.addSnapshot(o.state.snapshotOffset)
	}
	return nil
}

// isStray tells whether a file is named like ours but not part of the state.
func (o *opening) isStray(name string) bool {
	offset, suffix, ok := parseName(name)
	if !ok {
		return false
	}
	if suffix == suffixSnapshot {
		return offset != o.state.snapshotOffset
	}
	active := &o.state.active
	if suffix == suffixLog && o.log.placer.foundTo(offset) > 0 {
		return offset < o.state.first
	}
	return offset < o.state.first || offset > active.base || (offset == active.base && active.size == 0)
}

// keepOthers notes which files of an earlier part of this process lie outside the state: those below are
// removed with the next checkpoint, those above are written again.
func (o *opening) keepOthers() error {
	l, active := o.log, &o.state.active
	last := active.base
	for _, base := range o.bases {
		switch {
		case base < o.state.first:
			l.retired = append(l.retired, newSegment(l.files, base))
		case base > active.base:
			l.replay.bases = append(l.replay.bases, base)
			last = base
		}
	}
	file, err := l.files.fs.Stat(l.files.path(fileName(last, suffixLog)))
	if err == nil {
		l.replay.size = file.Size
	} else if !vfs.IsNotExist(err) {
		return err
	}
	l.files.named.Add(1) // the names that were made since the checkpoint may not be durable yet
	return nil
}
