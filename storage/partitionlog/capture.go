package partitionlog

import (
	"fmt"
	"path"
	"slices"
	"sync/atomic"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/vfs"
)

// capture is what a flush needs to know of the log at one moment. It shares memory with the log but nothing
// that the log changes.
type capture struct {
	files     *files
	state     state
	segments  []segmentCapture
	manifest  []manifestEntry // nil: as on disk
	wanted    uint64          // manifestWanted at the time
	producers *Producers
}

// segmentCapture is a segment that may have to be synced, up to what it was.
type segmentCapture struct {
	segment *Segment
	size    SegmentPosition
	sealed  bool
	index   indexes // with the entries only if loaded
	loaded  bool
}

// Capture remembers where the log stands, which is cheap, and returns a function that makes all of that
// durable: it syncs the segments, writes and syncs their indexes and the producer snapshot, and returns the
// State that is durable now. The function may run on any goroutine while appends go on; flushes of one
// directory wait for each other, and an older one that comes late does no harm. After an error the log takes
// no more writes.
func (l *Log) Capture() (flush func() (State, error), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.capture()
}

func (l *Log) capture() (flush func() (State, error), err error) {
	if err := l.usable(); err != nil {
		return nil, err
	}
	if s := l.last(); s.rewriteIndex.Load() && s.index.Load() != nil {
		// A reader has rebuilt the index of the active segment; as it is in memory, the files may have it too.
		if err := l.load(); err != nil {
			return nil, l.files.fail(err)
		}
	}
	c := &capture{files: l.files, producers: l.producers.Clone()}
	c.state = state{
		start: l.start, end: l.end, first: l.segments[0].base, active: l.active,
		producersEnd: l.producersEnd, epochs: l.epochs,
	}
	if l.Behind() {
		c.state.open = l.open
	}
	c.state.active.indexes = indexes{}
	l.forgetSynced()
	for _, s := range l.unsynced {
		c.segments = append(c.segments, l.captureSegment(s))
	}
	c.wanted = l.files.manifestWanted.Load()
	if c.wanted != l.files.manifestWritten.Load() {
		c.manifest = l.manifest()
	}
	return c.flush, nil
}

func (l *Log) captureSegment(s *Segment) segmentCapture {
	if s == l.last() {
		return segmentCapture{segment: s, size: l.active.size, index: l.active.indexes, loaded: l.loaded}
	}
	one := segmentCapture{segment: s, size: s.info.Load().size, sealed: true}
	if x := s.index.Load(); x != nil && x.covers(s.info.Load().mark) {
		one.index, one.loaded = x.indexes, true
	}
	return one
}

// forgetSynced drops the closed segments that need nothing more and takes up those whose index files a
// reader found damaged.
func (l *Log) forgetSynced() {
	l.unsynced = slices.DeleteFunc(slices.Clone(l.unsynced), func(s *Segment) bool {
		info := s.info.Load()
		return info != nil && s.synced(info) && !s.rewriteIndex.Load()
	})
	for _, s := range l.segments {
		if s.rewriteIndex.Load() && !slices.Contains(l.unsynced, s) {
			l.unsynced = append(l.unsynced, s)
		}
	}
}

// synced tells whether all of a closed segment is durable.
func (s *Segment) synced(info *sealedInfo) bool {
	return s.logDurable.Load() >= info.size && s.indexDurable(info.mark)
}

// manifest returns what is known of the closed segments.
func (l *Log) manifest() []manifestEntry {
	entries := make([]manifestEntry, 0, len(l.segments))
	for i, s := range l.segments[:len(l.segments)-1] {
		if info := s.info.Load(); info.known {
			entries = append(entries, manifestEntry{base: s.base, end: l.segments[i+1].base, sealedInfo: *info})
		}
	}
	return entries
}

// flush makes the captured state durable. The order does not matter: nothing refers to any of it before the
// returned state is in the write-ahead log.
func (c *capture) flush() (State, error) {
	flushing := c.files.flushing()
	flushing.Lock()
	defer flushing.Unlock()
	if err := c.files.failure(); err != nil {
		return nil, err
	}
	if err := c.write(); err != nil {
		return nil, c.files.fail(fmt.Errorf("flush %s: %w", c.files.dir, err))
	}
	return c.state.encode(), nil
}

func (c *capture) write() error {
	for i := range c.segments {
		if err := c.segments[i].flush(); err != nil {
			return err
		}
	}
	if c.wanted <= c.files.manifestWritten.Load() {
		c.manifest = nil // a later capture was flushed before this one, and its manifest knows more
	}
	if c.manifest != nil {
		if err := c.files.replace(nameManifest, encodeManifest(c.manifest), true); err != nil {
			return err
		}
	}
	snapshot, err := c.writeSnapshot()
	if err != nil {
		return err
	}
	if err := c.files.syncNames(); err != nil {
		return err
	}
	if c.manifest != nil {
		c.files.manifestWritten.Store(c.wanted)
		if err := c.files.forgetExchange(); err != nil {
			return err
		}
	}
	c.files.snapshot.Store(snapshot)
	c.state.snapshotOffset = noOffset
	if snapshot != nil {
		c.state.snapshotOffset = snapshot.offset
	}
	return nil
}

// writeSnapshot writes the producer table if it changed since the last time, and returns the snapshot that
// holds it: nil for an empty table.
func (c *capture) writeSnapshot() (*snapshotRef, error) {
	if c.producers.Len() == 0 {
		return nil, nil
	}
	if last := c.files.snapshot.Load(); last != nil && last.version == c.producers.version {
		return last, nil
	}
	ref := &snapshotRef{offset: c.state.producersEnd, version: c.producers.version}
	c.files.addSnapshot(ref.offset)
	return ref, c.files.replace(fileName(ref.offset, suffixSnapshot), encodeSnapshot(c.producers), true)
}

// flush makes one segment durable up to what was captured. One that was removed meanwhile is needed by no
// checkpoint that is still to come.
func (c *segmentCapture) flush() error {
	s := c.segment
	if s.gone.Load() {
		return nil
	}
	if c.size > s.logDurable.Load() {
		h, err := s.acquire()
		if err != nil && s.gone.Load() {
			return nil
		}
		if err != nil {
			return err
		}
		err = s.sync(h)
		h.release()
		if err != nil {
			return err
		}
		s.logDurable.Store(c.size)
	}
	if !c.loaded {
		return nil
	}
	if s.rewriteIndex.Swap(false) {
		s.setIndexDurable(indexMark{})
	}
	for _, one := range [...]struct {
		suffix  string
		data    []byte
		durable *atomic.Int64
	}{
		{suffixIndex, c.index.offsets, &s.offsetsDurable},
		{suffixTime, c.index.times, &s.timesDurable},
		{suffixTxn, c.index.aborted, &s.abortedDurable},
	} {
		durable, err := s.extend(one.suffix, one.data, one.durable.Load())
		if err != nil {
			return err
		}
		one.durable.Store(durable)
	}
	if c.sealed {
		s.unpinIndex()
	}
	return nil
}

// extend writes what an index file does not hold yet and returns how much of it is durable.
func (s *Segment) extend(suffix string, data []byte, durable int64) (int64, error) {
	if int64(len(data)) <= durable {
		return durable, nil
	}
	name := s.name(suffix)
	file, err := s.openIndex(name)
	if err != nil {
		if s.gone.Load() {
			err = nil
		}
		return durable, err
	}
	defer file.Close()
	if _, err := file.WriteAt(data[durable:], durable); err != nil {
		return durable, fmt.Errorf("write %s: %w", name, err)
	}
	if size, err := file.Size(); err != nil || size > int64(len(data)) {
		if err == nil {
			err = file.Truncate(int64(len(data)))
		}
		if err != nil {
			return durable, err
		}
	}
	if err := file.Sync(); err != nil {
		return durable, fmt.Errorf("sync %s: %w", name, err)
	}
	return int64(len(data)), nil
}

// openIndex opens an index file for writing and makes it if it does not exist, unless the segment was removed
// meanwhile: its files must not come back.
func (s *Segment) openIndex(name string) (vfs.File, error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.gone.Load() {
		return nil, ErrOffsetOutOfRange
	}
	file, err := s.files.fs.OpenReadWrite(name)
	if vfs.IsNotExist(err) {
		file, err = s.files.fs.Create(name)
		s.files.named.Add(1)
	}
	return file, err
}

// syncNames makes the names in the directory durable, and the first time the directory's own.
func (f *files) syncNames() error {
	f.naming.Lock()
	defer f.naming.Unlock()
	named := f.named.Load()
	if named != f.namesSynced.Load() {
		if err := f.fs.SyncDir(f.dir); err != nil {
			return err
		}
		f.namesSynced.Store(named)
	}
	if f.parentSynced.Load() {
		return nil
	}
	if err := f.syncMetadata(); err != nil {
		return err
	}
	if err := f.fs.SyncDir(path.Dir(f.dir)); err != nil {
		return err
	}
	f.parentSynced.Store(true)
	return nil
}

func (f *files) addSnapshot(offset protocol.Offset) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.snapshots, offset) {
		f.snapshots = append(f.snapshots, offset)
	}
}

// takeSnapshotsBelow returns the snapshots under an offset and forgets them.
func (f *files) takeSnapshotsBelow(offset protocol.Offset) []protocol.Offset {
	f.mu.Lock()
	defer f.mu.Unlock()
	var below []protocol.Offset
	f.snapshots = slices.DeleteFunc(f.snapshots, func(one protocol.Offset) bool {
		if one < offset {
			below = append(below, one)
		}
		return one < offset
	})
	return below
}

// Checkpointed tells the log that a State is in the write-ahead log, durable. Files that only earlier states
// needed are removed, and leader-epoch-checkpoint is brought up to date. A log that has not moved since gives
// back its memory and descriptors.
func (l *Log) Checkpointed(checkpoint State) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	s, err := decodeState(checkpoint)
	if err != nil {
		return err
	}
	l.checkpointed = max(l.checkpointed, s.active.base)
	if err := l.forgetRenewal(&s); err != nil {
		return l.files.fail(err)
	}
	for len(l.retired) > 0 && l.retired[0].base < s.first {
		if err := l.retired[0].remove(); err != nil {
			return l.files.fail(err)
		}
		l.retired = l.retired[1:]
	}
	if len(l.retired) == 0 {
		l.retired = nil
	}
	if err := l.removeSnapshots(&s); err != nil {
		return l.files.fail(err)
	}
	if !slices.Equal(s.epochs, l.epochsWritten) {
		if err := l.files.replace(nameEpochs, s.epochs.format(), false); err != nil {
			return l.files.fail(err)
		}
		l.epochsWritten = s.epochs
	}
	if s.end == l.end {
		l.rest()
	}
	return nil
}

// removeSnapshots removes the producer snapshots that are older than the state's.
func (l *Log) removeSnapshots(s *state) error {
	keep := s.snapshotOffset
	if keep == noOffset {
		keep = s.end
	}
	for _, offset := range l.files.takeSnapshotsBelow(keep) {
		err := l.files.fs.Remove(l.files.path(fileName(offset, suffixSnapshot)))
		if err != nil && !vfs.IsNotExist(err) {
			return err
		}
		l.files.named.Add(1)
	}
	return nil
}

// rest gives back what an idle log does not need: the entries of the index, which the files have by now, the
// positions of recent batches and the descriptors.
func (l *Log) rest() {
	l.forgetSynced()
	s, mark := l.last(), indexMark{}
	if n := len(l.unsynced); n > 1 || n == 1 && l.unsynced[0] != s {
		return
	}
	if l.loaded {
		mark = l.active.current
	}
	if s.rewriteIndex.Load() || s.logDurable.Load() < l.active.size || !s.indexDurable(mark) {
		return
	}
	l.unsynced = nil
	l.active.indexes, l.loaded = indexes{}, false
	l.tail, l.buffers = nil, nil
	s.closeFile()
	l.publish()
}
